"""Has an order carried out: by the daemon when one runs, so that one process writes the state, else right here."""

import signal
from types import FrameType
from typing import TYPE_CHECKING, Any

from pydantic import BaseModel

from daytwo.core.errors import CancelledError, DaytwoError, error_class
from daytwo.core.run import Progress
from daytwo.serve.client import Client

if TYPE_CHECKING:
    from daytwo.app import App
    from daytwo.orders import Order

_PATHS = {"backup": "/api/backups", "restore": "/api/restores", "verify": "/api/verifications", "prune": "/api/prunes"}


def deliver(app: "App", order: "Order", wait: float) -> dict[str, Any]:
    """Have an order carried out, and show its progress.

    Args:
        app: the app.
        order: what to do.
        wait: seconds to wait for another run of this app.

    Returns:
        The result's JSON values.

    Raises:
        DaytwoError: it failed.
    """
    client = Client.of(app.config)
    if client.there():
        return _by_daemon(app, client, order, wait)
    from daytwo.orders import perform

    result: BaseModel = perform(app, order, wait=wait)
    return result.model_dump(mode="json")


def _by_daemon(app: "App", client: Client, order: "Order", wait: float) -> dict[str, Any]:
    body = order.model_dump(mode="json")
    if order.kind == "restore":
        body["confirm"] = app.config.own_name
    if order.kind in ("restore", "verify"):
        body["keys"] = list(app.identities())
    beside = {"X-Config-Fingerprint": app.config.fingerprint, "X-Wait": str(wait)}
    taken = client.call("POST", _PATHS[order.kind], body, beside)
    with _cancelling(client, taken["run"]):
        for name, data in client.events(taken["events"]):
            if name == "progress":
                app.progress(Progress(data["part"], data["state"], data.get("done", 0), data.get("total")))
            elif name == "note":
                app.notices.append(data["text"])
            elif name == "end":
                return _end(data)
    raise DaytwoError(
        "the daemon ended before the run did", where=f"run {taken['run']}", hint="`daytwo runs` shows what became of it"
    )


def _end(data: dict[str, Any]) -> dict[str, Any]:
    # Of a run that had ended before anybody watched, the ledger tells: with a summary also where all went well.
    went_well = data.get("outcome") in ("succeeded", "partial")
    if data.get("result") is not None and (went_well or not data.get("what")):
        result: dict[str, Any] = data["result"]
        return result
    kind = CancelledError if data["outcome"] == "cancelled" else error_class(str(data.get("code", "")))
    raise kind(data.get("what") or data["outcome"], where=data.get("where", ""), hint=data.get("hint", ""))


class _cancelling:  # noqa: N801 - used like a function
    """While inside, Ctrl-C stops the run in the daemon, and its end is waited for."""

    def __init__(self, client: Client, run: str) -> None:
        self._client = client
        self._run = run

    def __enter__(self) -> None:
        def stop(number: int, frame: FrameType | None) -> None:
            signal.signal(number, signal.SIG_DFL)
            self._client.call("POST", f"/api/runs/{self._run}/cancel")

        self._before = {number: signal.signal(number, stop) for number in (signal.SIGINT, signal.SIGTERM)}

    def __exit__(self, *exc: object) -> None:
        for number, handler in self._before.items():
            signal.signal(number, handler)
