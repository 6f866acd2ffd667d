"""Anything that exposes metrics for Prometheus: scraped without a Prometheus."""

import re
from typing import Annotated

from pydantic import AfterValidator, BeforeValidator, Field

from daytwo.core.check import Check
from daytwo.core.net.settings import WebSettings
from daytwo.core.service import Service
from daytwo.core.units import Size


def _listed(value: object) -> object:
    return [value] if isinstance(value, str) else value


def _patterns(value: tuple[str, ...]) -> tuple[str, ...]:
    for one in value:
        if not re.fullmatch(r"[a-zA-Z_:*?][a-zA-Z0-9_:*?]{0,199}", one):
            raise ValueError(f"'{one}' is no metric's name, such as `http_requests_total` or `process_*`")
    return value


def _labels(value: tuple[str, ...] | None) -> tuple[str, ...] | None:
    for one in value or ():
        if not re.fullmatch(r"[a-zA-Z_][a-zA-Z0-9_]*", one):
            raise ValueError(f"'{one}' is no label's name")
    return value


class MetricsSettings(WebSettings):
    """Settings of kind `metrics`."""

    take: Annotated[tuple[str, ...], BeforeValidator(_listed), AfterValidator(_patterns)] = Field(
        min_length=1, max_length=100, description="metrics to keep: names, or patterns such as `process_*`"
    )
    labels: Annotated[tuple[str, ...] | None, BeforeValidator(_listed), AfterValidator(_labels)] = Field(
        default=None,
        max_length=20,
        description="labels by which series are kept apart, in this order; what differs in others only is added up, "
        "of quantiles the largest is kept; all labels when absent",
    )
    most: int = Field(default=200, ge=1, le=2000, description="so many series at most")
    max_size: Size = Field(
        default=Size(8_000_000), ge=1, le=64_000_000, description="an answer that is larger is a failure"
    )


class Metrics(Service[MetricsSettings]):
    """Something that exposes metrics."""

    kind = "metrics"
    summary = "the metrics that an app or exporter exposes for Prometheus"
    Settings = MetricsSettings

    def checks(self) -> tuple[Check, ...]:
        """Whether it answers with all metrics that are wanted, and their numbers."""
        from daytwo.services.metrics.check import MetricsCheck

        return (MetricsCheck(self),)
