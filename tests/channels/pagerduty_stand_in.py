"""A stand-in for PagerDuty's Events API v2, which keeps the state of each alert by its dedup_key."""

import json
from datetime import datetime
from typing import Any

from tests.channels.stand_in import Reply, Request

KEY = "0123456789abcdefSecretSecretSecr"


class PagerdutyStandIn:
    """What PagerDuty knows: the alerts, and the changes."""

    def __init__(self) -> None:
        self.alerts: dict[str, str] = {}
        self.changes = 0

    def judge(self, request: Request) -> Reply:
        """What PagerDuty answers."""
        if len(request.body) > 512 * 1024:
            return Reply(413, "")
        try:
            data = json.loads(request.body.decode("utf-8"))
        except ValueError:
            return _invalid("Event object is invalid", "the JSON cannot be read")
        if len(data.get("routing_key", "")) != 32:
            return _invalid("Event object is invalid", "Length of 'routing_key' is incorrect (should be 32 characters)")
        if data["routing_key"] != KEY:
            return _invalid("Invalid routing key", "")
        if request.path == "/v2/change/enqueue":
            self.changes += 1
            return self._checked(data, {"routing_key", "payload", "links"}) or Reply(202, '{"status": "success"}')
        assert request.path == "/v2/enqueue", request.path
        return self._event(data)

    def _event(self, data: dict[str, Any]) -> Reply:
        action, key = data.get("event_action"), data.get("dedup_key", "")
        if action not in ("trigger", "acknowledge", "resolve"):
            return _invalid("Event object is invalid", "'event_action' is invalid")
        if not 1 <= len(key) <= 255:
            return _invalid("Event object is invalid", "'dedup_key' is invalid")
        if action == "trigger":
            known = {"routing_key", "event_action", "dedup_key", "payload", "client", "client_url", "links", "images"}
            if wrong := self._checked(data, known):
                return wrong
            if data["payload"].get("severity") not in ("critical", "error", "warning", "info"):
                return _invalid("Event object is invalid", "'payload.severity' is invalid")
        self.alerts[key] = action
        return Reply(202, json.dumps({"status": "success", "message": "Event processed", "dedup_key": key}))

    def _checked(self, data: dict[str, Any], known: set[str]) -> Reply | None:
        payload = data.get("payload", {})
        assert set(data) <= known
        if not payload.get("summary") or len(payload["summary"]) > 1024:
            return _invalid("Event object is invalid", "'payload.summary' is missing or blank")
        if not payload.get("source"):
            return _invalid("Event object is invalid", "'payload.source' is missing or blank")
        assert datetime.fromisoformat(payload["timestamp"]).tzinfo is not None
        assert isinstance(payload["custom_details"], dict)
        for link in data.get("links", []):
            assert link["href"].startswith(("http://", "https://")) and link["text"]
        return None


def _invalid(message: str, error: str) -> Reply:
    told = {"status": "invalid event", "message": message, "errors": [error] if error else []}
    return Reply(400, json.dumps(told))
