"""The numbers that several kinds take over the network, each under one name."""

from daytwo.core.check import Measure, Unit

PHASES = {
    "resolve": Measure("resolve", Unit.SECONDS, "looking up the name"),
    "connect": Measure("connect", Unit.SECONDS, "making the connection"),
    "tls": Measure("tls", Unit.SECONDS, "the TLS handshake"),
    "first_byte": Measure("first_byte", Unit.SECONDS, "from the request to the first byte of the answer"),
    "transfer": Measure("transfer", Unit.SECONDS, "from the first byte to the last"),
}
"""The phases of a probe by name."""
DURATION = Measure("duration", Unit.SECONDS, "the whole probe")
CERTIFICATE_LEFT = Measure("certificate_left", Unit.SECONDS, "how long its certificate is still valid")
