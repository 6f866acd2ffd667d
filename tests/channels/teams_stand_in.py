"""A stand-in for a webhook of Teams' Workflows: Adaptive Cards of at most 28 KB, of the elements that Teams knows."""

import json
from typing import Any

from tests.channels.stand_in import Reply, Request

PATH = "/workflows/0123456789abcdef/triggers/manual/paths/invoke"
QUERY = "api-version=2016-06-01&sig=SecretSecretSecretSecret"


def judge(request: Request) -> Reply:
    """What a workflow answers."""
    if request.path != f"{PATH}?{QUERY}":
        return Reply(401, '{"error": {"code": "DirectApiAuthorizationRequired", "message": "not authorized"}}')
    if len(request.body) > 28 * 1024:
        return Reply(413, '{"error": {"code": "RequestEntityTooLarge"}}')
    try:
        data = json.loads(request.body.decode("utf-8"))
    except ValueError:
        return Reply(400, '{"error": {"code": "InvalidJson"}}')
    if data.get("type") != "message" or len(data["attachments"]) != 1:
        return Reply(400, '{"error": {"code": "TriggerInputSchemaMismatch"}}')
    attachment = data["attachments"][0]
    assert attachment["contentType"] == "application/vnd.microsoft.card.adaptive"
    card = attachment["content"]
    assert card["type"] == "AdaptiveCard" and card["version"] in ("1.2", "1.3", "1.4", "1.5")
    assert "entities" not in card["msteams"]
    for block in card["body"]:
        _block(block)
    for action in card.get("actions", []):
        assert action["type"] == "Action.OpenUrl" and action["url"].startswith(("https://", "http://"))
        assert action["title"]
    return Reply(202, "")


def _block(block: dict[str, Any]) -> None:
    """Text stands only in runs, which Teams shows as they are; a TextBlock would read Markdown."""
    assert block["type"] == "RichTextBlock"
    for run in block["inlines"]:
        assert run["type"] == "TextRun"
        assert isinstance(run["text"], str) and run["text"]
        assert run.get("color") in (None, "Attention", "Warning", "Accent", "Good")
