"""The configuration as it takes effect: recipes merged, defaults filled in, secrets as references only."""

from collections.abc import Mapping
from typing import Any
from urllib.parse import urlsplit

from pydantic import BaseModel

from daytwo.config.document import dump
from daytwo.config.models import Config, Opening, Ping
from daytwo.core.secrets import MASK, SecretRef


def show(config: Config) -> str:
    """The merged configuration as YAML that can be loaded again, except for what is masked.

    A secret is shown as the reference to it, of a command only its program; of an address that is pinged only the host.
    """
    data = _plain(config)
    data.pop("extends", None)
    return dump(data)


def _plain(value: Any) -> Any:
    if isinstance(value, SecretRef):
        return _reference(value)
    if isinstance(value, Ping):
        return {name: _address(one) for name in Ping.model_fields if (one := getattr(value, name)) is not None}
    if isinstance(value, Opening):
        return str(value)
    if isinstance(value, BaseModel):
        fields = {field.alias or name: getattr(value, name) for name, field in type(value).model_fields.items()}
        return {name: _plain(one) for name, one in fields.items() if one is not None}
    if isinstance(value, Mapping):
        return {str(key): _plain(one) for key, one in value.items()}
    if isinstance(value, list | tuple | set | frozenset):
        return [_plain(one) for one in value]
    if value is None or type(value) in (bool, int, float):
        return value
    return str(value)


def _reference(ref: SecretRef) -> dict[str, Any]:
    if ref.command is not None:
        return {"command": [ref.command[0], *([MASK] if len(ref.command) > 1 else [])]}
    return {key: str(one) for key in ("env", "file", "credential") if (one := getattr(ref, key)) is not None}


def _address(address: str | SecretRef) -> Any:
    if isinstance(address, SecretRef):
        return _reference(address)
    parts = urlsplit(address)
    return f"{parts.scheme}://{parts.hostname}/{MASK}"
