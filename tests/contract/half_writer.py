"""A process that writes a snapshot, says `here` at a given stage and stands still until it is killed.

Run by `tests.contract.repositories` as `python -m tests.contract.half_writer JSON`.
"""

import json
import sys
from collections.abc import Iterator
from pathlib import Path

from daytwo.core.process import CHUNK
from daytwo.core.run import Run
from daytwo.core.service import Place
from tests.contract.repositories import Bytes, make, manifest_of, noise, put_all


def stand_still() -> None:
    """Say that the stage is reached and wait for the end."""
    print("here", flush=True)
    sys.stdin.read()
    raise SystemExit("nobody killed the writer")


def half(stage: str) -> Iterator[bytes]:
    """More data than any buffer on the way holds; at the stage `putting` it does not end."""
    yield from noise(16 * CHUNK, seed=7)
    if stage == "putting":
        stand_still()


def main() -> None:
    """Write up to the stage."""
    task = json.loads(sys.argv[1])
    run = Run(task["run"], Path(task["work"]), timeout=300)
    repository = make(task["kind"], task["settings"], Place(Path(task["folder"]), "shop", "production"))
    writer = repository.begin("s-killed", run)
    writer.put("first.sql", Bytes([b"put already"]))
    records = put_all(writer, {"db.dump": half(task["stage"])})
    if task["stage"] == "put":
        stand_still()
    writer.finish(manifest_of("s-killed", run, repository, records))
    stand_still()


if __name__ == "__main__":
    main()
