"""Certificate files: how long they are valid, whether their key is the right one."""

from typing import Self

from pydantic import Field, model_validator

from daytwo.core.check import Check
from daytwo.core.secrets import SecretRef
from daytwo.core.service import Service, ServiceSettings


class CertificateSettings(ServiceSettings):
    """Settings of kind `certificate`."""

    path: str = Field(min_length=1, description="the certificate's file (PEM or DER); its chain may follow in it")
    key: str | None = Field(default=None, min_length=1, description="file of its private key, which must fit")
    passphrase: SecretRef | None = Field(default=None, description="what the key is encrypted with")

    @model_validator(mode="after")
    def _paths(self) -> Self:
        for path in (self.path, self.key or "/"):
            if (self.container or self.ssh) and not path.startswith("/"):
                raise ValueError(f"{path} must be absolute, as it is in a container or on another host")
        if self.passphrase and not self.key:
            raise ValueError("`passphrase` is for a `key`, and there is none")
        return self


class CertificateFile(Service[CertificateSettings]):
    """A certificate file. To back it up, name it in a service of kind `files`."""

    kind = "certificate"
    summary = "a certificate file: days until it ends, whether its key fits"
    Settings = CertificateSettings

    def checks(self) -> tuple[Check, ...]:
        """Whether it is valid now and fits its key."""
        from daytwo.services.certificate.check import CertificateCheck

        return (CertificateCheck(self),)
