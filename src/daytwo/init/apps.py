"""Apps that daytwo has a recipe for, recognised by their images."""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace

from daytwo.init.compose import ComposeService, Project
from daytwo.init.findings import Found
from daytwo.init.images import basename
from daytwo.init.mounts import identity_of


@dataclass(frozen=True)
class Recognised:
    """An app with a recipe.

    Args:
        recipe: the recipe's name.
        names: the recipe's name for what was found under another.
        absent: what the recipe has and this installation has not.
        web: the service that people meet, which the recipe calls `web`.
        useless: origins of what need not be kept, each with its reason.
    """

    recipe: str
    names: dict[str, str]
    absent: tuple[str, ...]
    web: ComposeService
    useless: Mapping[str, str] = field(default_factory=dict)


def recognise(project: Project, found: list[Found]) -> Recognised | None:
    """The recipe that fits a project, or None."""
    for service in project.services:
        name = basename(service.image)
        if name.startswith("postiz"):
            return _postiz(project, service, found)
        if name.startswith("wordpress"):
            return _wordpress(service, found)
    return None


def renamed(found: list[Found], names: dict[str, str]) -> list[Found]:
    """The same services under a recipe's names."""
    return [replace(one, name=names.get(one.name, one.name)) for one in found]


def _postiz(project: Project, app: ComposeService, found: list[Found]) -> Recognised:
    names: dict[str, str] = {}
    engines = {one.settings.get("container"): one for one in found if one.settings["kind"] in ("postgres", "redis")}
    temporal = any(
        "temporal" in basename(service.image) or "temporalio" in service.image for service in project.services
    )
    for service in project.services:
        one = engines.get(service.container)
        if one is None:
            continue
        own = "temporal" not in service.name
        wanted = ("db" if own else "temporal-db") if one.settings["kind"] == "postgres" else "cache" if own else ""
        if wanted and wanted not in names.values():
            names[one.name] = wanted
    for wanted in ("uploads", "config"):
        names |= _mounted(app, f"/{wanted}", wanted, found)
    expected = ("db", "cache", "uploads", "config", *(("temporal-db",) if temporal else ()))
    recipe = "postiz-temporal" if temporal else "postiz"
    useless = {
        identity_of(service, mount): "Temporal's search index; what waits to be posted is in temporal-db"
        for service in project.services
        for mount in service.mounts
        if temporal and basename(service.image) in ("elasticsearch", "opensearch") and "/data" in mount.target
    }
    return Recognised(recipe, names, tuple(one for one in expected if one not in names.values()), app, useless)


def _wordpress(app: ComposeService, found: list[Found]) -> Recognised:
    names: dict[str, str] = {}
    host = app.environment.get("WORDPRESS_DB_HOST", "").partition(":")[0]
    databases = [one for one in found if one.settings["kind"] == "mysql"]
    for one in databases:
        if len(databases) == 1 or host in (one.name, one.settings.get("container")):
            names[one.name] = "db"
    names |= _mounted(app, "/var/www/html", "site", found)
    absent = tuple(one for one in ("db", "site") if one not in names.values())
    return Recognised("wordpress", names, absent, app)


def _mounted(app: ComposeService, target: str, name: str, found: list[Found]) -> dict[str, str]:
    origins = {identity_of(app, mount) for mount in app.mounts if mount.target == target}
    return {one.name: name for one in found if one.origin in origins}
