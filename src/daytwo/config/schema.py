"""The JSON Schema of the configuration file, by which editors complete and check it."""

from collections.abc import Callable, Mapping
from typing import Any

from daytwo.config.models import Config
from daytwo.config.recipes import packaged
from daytwo.core.registry import channel_class, kinds, repository_class, service_class

Json = dict[str, Any]
_SHORT = {
    "Route": ("level", "services", "rules", "to"),
    "Person": ("channels",),
    "Rota": ("people",),
    "Layer": ("people",),
    "Step": ("to",),
    "Opens": ("rules", "services", "security"),
    "Action": ("security", "rules", "do", "to"),
    "Blocking": ("allow",),
    "channels.email": ("to",),
}
"""Settings that take one of something without the list around it."""


def schema() -> Json:
    """The schema, with every kind of service, repository and channel that is installed.

    Nothing inside one of them is required by it, and `null` is allowed for any: a recipe may bring the
    rest, and `null` takes away what it brings. `daytwo config check` knows the merged whole.
    """
    whole = Config.model_json_schema(mode="validation")
    definitions: Json = whole.setdefault("$defs", {})
    definitions["ServiceSettings"] = _by_kind("services", service_class, definitions)
    definitions["RepositorySettings"] = _by_kind("repositories", repository_class, definitions)
    definitions["ChannelSettings"] = _by_kind("channels", channel_class, definitions)
    for section in ("services", "repositories", "channels", "backups"):
        block = whole["properties"][section]
        for pattern, inner in block["patternProperties"].items():
            block["patternProperties"][pattern] = {"anyOf": [inner, {"type": "null"}]}
        block["additionalProperties"] = False
        block.pop("minProperties", None)
    whole["required"] = ["app"]
    names = [{"enum": list(packaged())}, {"type": "string", "pattern": r"/|\.ya?ml$"}]
    whole["properties"]["extends"]["items"] = {"anyOf": names}
    for many in _lists_of_names(whole):
        items = many.pop("items")
        many["anyOf"] = [{"type": "string"}, {"type": "array", "items": items}]
        many.pop("type", None)
    return {"$schema": "https://json-schema.org/draft/2020-12/schema", **whole, "title": "daytwo.yaml"}


def _by_kind(section: str, plugin: Callable[[str], type[Any]], definitions: Json) -> Json:
    rules = []
    for kind in kinds(section):
        reference = f"{section}.{kind}"
        own = plugin(kind).Settings.model_json_schema(ref_template=f"#/$defs/{reference}.{{model}}")
        for inner, definition in own.pop("$defs", {}).items():
            definitions[f"{reference}.{inner}"] = definition
        own.pop("required", None)
        own["description"] = plugin(kind).summary
        definitions[reference] = own
        rules.append(
            {
                "if": {"properties": {"kind": {"const": kind}}, "required": ["kind"]},
                "then": {"$ref": f"#/$defs/{reference}"},
            }
        )
    kind_names = {"enum": list(kinds(section)), "description": "what sort it is"}
    return {"type": "object", "properties": {"kind": kind_names}, "allOf": rules}


def _lists_of_names(whole: Mapping[str, Any]) -> list[Json]:
    """The settings that take one name without the list around it."""
    backup, recovery = whole["$defs"]["Backup"]["properties"], whole["$defs"]["Recovery"]["properties"]
    found = [whole["properties"]["extends"], recovery["recipients"], backup["stop"]]
    for name in ("services", "to"):
        found += [one for one in backup[name]["anyOf"] if one.get("type") == "array"]
    for model, names in _SHORT.items():
        found += [whole["$defs"][model]["properties"][name] for name in names]
    return found
