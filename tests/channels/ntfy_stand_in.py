"""A stand-in for an ntfy server that has users: JSON publishing, with the limits of https://docs.ntfy.sh/config/."""

import json

from tests.channels.stand_in import Reply, Request

TOPIC = "shop-SecretSecretSecret"
TOKEN = "tk_SecretSecretSecretSecretSecr"


def judge(request: Request) -> Reply:
    """What ntfy answers."""
    if request.path != "/":
        return _no(404, 40401, "page not found")
    if request.headers.get("authorization") != f"Bearer {TOKEN}":
        return _no(401, 40101, "unauthorized")
    try:
        data = json.loads(request.body.decode("utf-8"))
    except ValueError:
        return _no(400, 40024, "invalid request: request body must be message JSON")
    known = {"topic", "title", "message", "priority", "tags", "click", "actions"}
    assert set(data) <= known and set(request.headers) <= {
        "host", "user-agent", "accept-encoding", "accept", "connection", "content-type", "content-length", "authorization",
    }  # fmt: skip
    if data["topic"] != TOPIC:
        return _no(403, 40301, "forbidden")
    if not 1 <= data["priority"] <= 5:
        return _no(400, 40007, "invalid priority parameter")
    if len(data["message"].encode()) > 4096:
        return _no(413, 41303, "JSON message too large")
    if len(data.get("actions", [])) > 3:
        return _no(400, 40018, "invalid request: actions invalid, only 3 actions allowed")
    for action in data.get("actions", []):
        if action["action"] != "view" or not action["label"] or not action["url"]:
            return _no(400, 40018, "invalid request: actions invalid")
    assert len(data["title"].encode()) <= 250 and "\n" not in data["title"]
    return Reply(200, json.dumps({"id": "abc", "event": "message"}))


def _no(status: int, code: int, error: str) -> Reply:
    return Reply(status, json.dumps({"code": code, "http": status, "error": error}))
