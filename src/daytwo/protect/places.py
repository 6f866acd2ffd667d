"""Services pointed to another place, for a restore beside the real one."""

from collections.abc import Mapping

from pydantic import ValidationError

from daytwo.core.errors import UsageError
from daytwo.core.registry import service_class
from daytwo.core.service import AnyService
from daytwo.protect.workbench import Workbench


def parse_into(options: list[str]) -> dict[str, dict[str, str]]:
    """Read `--into service.setting=value` options.

    Raises:
        UsageError: one is not written like that.
    """
    into: dict[str, dict[str, str]] = {}
    for option in options:
        head, equals, value = option.partition("=")
        service, dot, setting = head.partition(".")
        if not (equals and dot and service and setting):
            raise UsageError(
                f"--into {option} is not understood",
                hint="Write it like --into db.database=copy or --into uploads.path=/tmp/copy",
            )
        into.setdefault(service, {})[setting] = value
    return into


def services_into(bench: Workbench, into: Mapping[str, Mapping[str, str]]) -> dict[str, AnyService]:
    """The app's services, with the settings of some of them changed.

    Args:
        bench: the workbench.
        into: by service, the settings that differ; an empty value removes a setting.

    Raises:
        UsageError: there is no such service or setting.
    """
    services = dict(bench.services)
    for name, changes in into.items():
        if name not in services:
            raise UsageError(f"there is no service {name}", hint=f"There are: {', '.join(services)}")
        given = services[name].settings
        values = given.model_dump(mode="python", exclude_unset=True) | {k: v or None for k, v in changes.items()}
        try:
            settings = type(given).model_validate(values)
        except ValidationError as error:
            first = error.errors()[0]
            where = ".".join(str(part) for part in (name, *first["loc"]))
            raise UsageError(
                f"{where}: {first['msg']}", hint=f"Settings: {', '.join(type(given).model_fields)}"
            ) from None
        services[name] = service_class(given.kind)(name, settings, bench.config.place)
    return services
