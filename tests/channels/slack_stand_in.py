"""A stand-in for Slack's incoming webhooks: refuses what Slack refuses, in Slack's words."""

import json
import re
from typing import Any

from tests.channels.stand_in import Reply, Request

PATH = "/services/T0000TEAM/B0000HOOK/SecretSecretSecretSecret"
_CONTROL = re.compile(r"<([^<>]*)>")


def judge(request: Request) -> Reply:
    """What Slack answers."""
    if request.path != PATH:
        return Reply(404, "no_service" if request.path.startswith("/services/") else "no_team")
    try:
        data = json.loads(request.body.decode("utf-8"))
    except ValueError:
        return Reply(400, "invalid_payload")
    if not data.get("text"):
        return Reply(400, "no_text")
    blocks = data.get("blocks", [])
    if len(blocks) > 50 or not all(_block(one) for one in blocks):
        return Reply(400, "invalid_blocks")
    if sum(len(one) for one in _texts(blocks)) > 10_000:
        return Reply(400, "msg_blocks_too_long")
    for one in [data["text"], *_marked(blocks)]:
        assert _harmless(one), one
    return Reply(200, "ok")


def _block(block: dict[str, Any]) -> bool:
    match block["type"]:
        case "header":
            return block["text"]["type"] == "plain_text" and 1 <= len(block["text"]["text"]) <= 150
        case "section":
            fields = block.get("fields", [])
            whole = "text" not in block or (
                block["text"]["type"] == "mrkdwn" and 1 <= len(block["text"]["text"]) <= 3000
            )
            return whole and len(fields) <= 10 and all(1 <= len(one["text"]) <= 2000 for one in fields)
        case "context":
            return 1 <= len(block["elements"]) <= 10
    return False


def _texts(value: Any) -> list[str]:
    if isinstance(value, dict):
        return [text for one in value.values() for text in _texts(one)]
    if isinstance(value, list):
        return [text for one in value for text in _texts(one)]
    return [value] if isinstance(value, str) else []


def _marked(value: Any) -> list[str]:
    if isinstance(value, dict):
        own = [value["text"]] if value.get("type") == "mrkdwn" else []
        assert not own or value["verbatim"] is True
        return own + [text for one in value.values() for text in _marked(one)]
    return [text for one in value for text in _marked(one)] if isinstance(value, list) else []


def _harmless(text: str) -> bool:
    """Only links are left of what stands in angle brackets, and only entities of ampersands."""
    links = [found[1] for found in _CONTROL.finditer(text)]
    bare = _CONTROL.sub("", text)
    return (
        all(re.match(r"https?://[^|]+\|", one) for one in links)
        and not re.search(r"[<>]", bare)
        and not re.search(r"&(?!(amp|lt|gt);)", text)
    )
