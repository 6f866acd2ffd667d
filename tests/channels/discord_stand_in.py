"""A stand-in for Discord's webhooks: the limits of embeds, and nobody may be mentioned."""

import json
import re

from tests.channels.stand_in import Reply, Request

PATH = "/api/webhooks/1234567890/SecretSecretSecretSecret"


def judge(request: Request) -> Reply:
    """What Discord answers."""
    path, _, query = request.path.partition("?")
    if path != PATH:
        return Reply(401, '{"message": "Invalid Webhook Token", "code": 50027}')
    try:
        data = json.loads(request.body.decode("utf-8"))
    except ValueError:
        return Reply(400, '{"message": "The request body contains invalid JSON.", "code": 50109}')
    assert query == "wait=true"
    assert data["allowed_mentions"] == {"parse": []}
    if not data.get("content") and not data.get("embeds"):
        return Reply(400, '{"message": "Cannot send an empty message", "code": 50006}')
    if len(data.get("content", "")) > 2000 or len(data["embeds"]) > 10 or not all(map(_embed, data["embeds"])):
        return Reply(400, '{"embeds": ["0"]}')
    return Reply(200, json.dumps({"id": "1"}))


def _size(text: str) -> int:
    return len(text.encode("utf-16-le")) // 2


def _embed(embed: dict) -> bool:
    fields = embed["fields"]
    total = sum(map(_size, [embed["title"], embed["description"], embed["footer"]["text"]]))
    total += sum(_size(one["name"]) + _size(one["value"]) for one in fields)
    for text in [embed["title"], *(one["value"] for one in fields)]:
        assert not re.search(r"(?<!\\)(?:\\\\)*[\[*_~`|<@]", text), text
    return (
        1 <= _size(embed["title"]) <= 256
        and _size(embed["description"]) <= 4096
        and len(fields) <= 25
        and all(1 <= _size(one["name"]) <= 256 and 1 <= _size(one["value"]) <= 1024 for one in fields)
        and all(one["name"].strip() and one["value"].strip() for one in fields)
        and _size(embed["footer"]["text"]) <= 2048
        and 0 <= embed["color"] <= 0xFFFFFF
        and total <= 6000
    )
