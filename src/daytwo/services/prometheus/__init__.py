"""A Prometheus server, or what speaks like one: that it answers, and the numbers that queries give."""

from collections.abc import Mapping
from typing import Annotated, Literal

from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field

from daytwo.core.check import Check, Unit
from daytwo.core.net.measures import DURATION
from daytwo.core.net.settings import WebSettings
from daytwo.core.service import Service


class Query(BaseModel):
    """One number that a query gives."""

    model_config = ConfigDict(frozen=True, extra="forbid", hide_input_in_errors=True)

    promql: str = Field(
        min_length=1, max_length=2000, description="the query; it must give one value: aggregate with sum(), max(), ..."
    )
    unit: Unit = Field(default=Unit.COUNT, description="what the value counts")
    empty: Literal["failed", "ok", "zero"] = Field(
        default="failed", description="what it means when there is no value: a failure, nothing, or the value 0"
    )


def _query(value: object) -> object:
    return {"promql": value} if isinstance(value, str) else value


def _names(value: Mapping[str, Query]) -> Mapping[str, Query]:
    for name in value:
        if not (name.isascii() and name.isidentifier() and name == name.lower()) or name == DURATION.name:
            raise ValueError(f"'{name}': write another name, of lower-case letters, digits and _")
    return value


class PrometheusSettings(WebSettings):
    """Settings of kind `prometheus`."""

    queries: Annotated[dict[str, Annotated[Query, BeforeValidator(_query)]], AfterValidator(_names)] = Field(
        min_length=1, max_length=100, description="numbers to keep, by name: a PromQL query, or a map with `promql`"
    )


class Prometheus(Service[PrometheusSettings]):
    """A Prometheus server as a source of numbers."""

    kind = "prometheus"
    summary = "numbers that PromQL queries give"
    Settings = PrometheusSettings

    def checks(self) -> tuple[Check, ...]:
        """All queries, one after another."""
        from daytwo.services.prometheus.check import PrometheusCheck

        return (PrometheusCheck(self),)
