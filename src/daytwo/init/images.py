"""What an image is known to keep where. Facts from the images' own documentation on Docker Hub."""

import re
from collections.abc import Mapping
from dataclasses import dataclass

_NOT_THE_ENGINE = re.compile(r"exporter|backup|admin|proxy|bouncer|commander|insight|webui|-ui\b|operator|client|tools")

_ENGINES: Mapping[str, re.Pattern[str]] = {
    "postgres": re.compile(
        r"^(postgres|postgresql|postgis|timescaledb(-ha)?|pgvector|pgvecto-rs|paradedb|postgres-.*)$"
    ),
    "mysql": re.compile(r"^(mysql|mariadb|percona|percona-server|mysql-server|mariadb-.*)$"),
    "redis": re.compile(r"^(redis|valkey|keydb|dragonfly|redis-stack|redis-stack-server)$"),
}

DATA: Mapping[str, tuple[str, ...]] = {
    "postgres": ("/var/lib/postgresql", "/bitnami/postgresql", "/home/postgres/pgdata"),
    "mysql": ("/var/lib/mysql", "/bitnami/mysql", "/bitnami/mariadb"),
    "redis": ("/data", "/bitnami/redis", "/bitnami/valkey", "/var/lib/redis"),
}
"""Where an engine's image keeps its data: a dump holds what is there."""

_HEADS: Mapping[str, tuple[str, ...]] = {"postgres": DATA["postgres"], "mysql": DATA["mysql"]}


@dataclass(frozen=True)
class Keeper:
    """An image that keeps data of its own in a volume, in a form that must not be copied while it is being written.

    Args:
        name: the image's name.
        paths: where it keeps it.
        what: what the data is.
    """

    name: str
    paths: tuple[str, ...]
    what: str


_SQLITE = "a SQLite database"
KEEPERS = (
    Keeper("mongo", ("/data/db",), "MongoDB's files"),
    Keeper("elasticsearch", ("/usr/share/elasticsearch/data",), "Elasticsearch's files"),
    Keeper("opensearch", ("/usr/share/opensearch/data",), "OpenSearch's files"),
    Keeper("influxdb", ("/var/lib/influxdb2", "/var/lib/influxdb"), "InfluxDB's files"),
    Keeper("clickhouse-server", ("/var/lib/clickhouse",), "ClickHouse's files"),
    Keeper("couchdb", ("/opt/couchdb/data",), "CouchDB's files"),
    Keeper("neo4j", ("/data",), "Neo4j's files"),
    Keeper("rabbitmq", ("/var/lib/rabbitmq",), "RabbitMQ's files"),
    Keeper("meilisearch", ("/meili_data",), "Meilisearch's files"),
    Keeper("qdrant", ("/qdrant/storage",), "Qdrant's files"),
    Keeper("prometheus", ("/prometheus",), "Prometheus' blocks"),
    Keeper("loki", ("/loki",), "Loki's chunks"),
    Keeper("grafana", ("/var/lib/grafana",), _SQLITE),
    Keeper("uptime-kuma", ("/app/data",), _SQLITE),
    Keeper("server", ("/data",), _SQLITE),  # vaultwarden/server
    Keeper("n8n", ("/home/node/.n8n",), _SQLITE),
    Keeper("gitea", ("/data",), _SQLITE),
    Keeper("forgejo", ("/data",), _SQLITE),
)


def basename(image: str) -> str:
    """An image's name without registry, owner, tag and digest."""
    return image.partition("@")[0].rpartition("/")[2].partition(":")[0].lower()


def engine_of(image: str, mount_targets: tuple[str, ...]) -> str | None:
    """The service kind of an image: `postgres`, `mysql`, `redis`, or None.

    Args:
        image: the image; empty for one that is built, of which the places of its data tell.
        mount_targets: where things are mounted in it.
    """
    name = basename(image)
    if name:
        if _NOT_THE_ENGINE.search(name):
            return None
        return next((kind for kind, pattern in _ENGINES.items() if pattern.match(name)), None)
    for kind, heads in _HEADS.items():
        if any(holds(target, heads) for target in mount_targets):
            return kind
    return None


def keeper_of(image: str, target: str) -> Keeper | None:
    """The keeper whose data is at a path of a container of this image."""
    name = basename(image)
    for one in KEEPERS:
        same = one.name == name and (one.name != "server" or "vaultwarden" in image)
        if same and holds(target, one.paths):
            return one
    return None


def holds(target: str, paths: tuple[str, ...]) -> bool:
    """Whether a path is one of these or inside one."""
    return any(target == path or target.startswith(f"{path}/") for path in paths)
