"""Web servers and web APIs: what they answer, how fast, and for how long their certificate is valid."""

from daytwo.core.check import Check
from daytwo.core.service import Service
from daytwo.services.http.settings import HttpSettings


class Http(Service[HttpSettings]):
    """A web server, asked from this machine. It holds no data of its own that a backup could have."""

    kind = "http"
    summary = "a web server or web API: status, content, certificate, timings by phase"
    Settings = HttpSettings

    def checks(self) -> tuple[Check, ...]:
        """One for the address (or its `health` path), and one for each of `also`."""
        from daytwo.services.http.check import HttpCheck

        settings = self.settings
        first = HttpCheck(self.name, self, settings.health or "", settings)
        return (
            first,
            *(HttpCheck(f"{self.name}.{name}", self, page.path, page) for name, page in settings.also.items()),
        )
