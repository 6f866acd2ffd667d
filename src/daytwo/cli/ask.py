"""Has a question answered: right here, or by the daemon where only that may open the state."""

from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

from daytwo.cli.books import the_daemon_for
from daytwo.cli.session import session
from daytwo.serve.client import address

if TYPE_CHECKING:
    from daytwo.questions import DiffQuestion, ListQuestion, ShowQuestion


def ask(config: Path | None, question: "ListQuestion | ShowQuestion | DiffQuestion", *, as_json: bool) -> Any:
    """Ask what repositories hold.

    Args:
        config: the configuration file, or None to look for it.
        question: what is asked.
        as_json: only JSON may go to standard output.

    Returns:
        JSON values.

    Raises:
        DaytwoError: it cannot be answered.
    """
    with session(config, as_json=as_json) as app:
        if client := the_daemon_for(app.config):
            return client.call(*_route(question))
        from daytwo.questions import answer

        return answer(app, question)


def _route(question: "ListQuestion | ShowQuestion | DiffQuestion") -> tuple[str, str]:
    match question.kind:
        case "list":
            method, path = "POST", "/api/snapshots/refresh"
        case "show":
            method, path = "GET", f"/api/snapshots/{quote(question.snapshot, safe='')}"
        case "diff":
            older, newer = (quote(id, safe="") for id in (question.older, question.newer))
            method, path = "GET", f"/api/snapshots/{older}/diff/{newer}"
    return method, address(path, repository=question.repository)
