"""A stand-in for Telegram's Bot API: sendMessage with parse_mode HTML, which only takes well-formed tags it knows."""

import json
from html.parser import HTMLParser

from tests.channels.stand_in import Reply, Request

TOKEN = "123456789:SecretSecretSecretSecretSecretSecre"
CHAT = -1001234567890


def judge(request: Request) -> Reply:
    """What Telegram answers."""
    if not request.path.startswith("/bot"):
        return _no(404, "Not Found")
    if request.path != f"/bot{TOKEN}/sendMessage":
        return _no(401, "Unauthorized")
    try:
        data = json.loads(request.body.decode("utf-8"))
    except ValueError:
        return _no(400, "Bad Request: can't parse JSON object")
    if data.get("chat_id") != CHAT:
        return _no(400, "Bad Request: chat not found")
    assert data["parse_mode"] == "HTML" and data["link_preview_options"] == {"is_disabled": True}
    reader = _Reader()
    try:
        reader.feed(data["text"])
        reader.close()
    except ValueError as error:
        return _no(400, f"Bad Request: can't parse entities: {error}")
    if reader.open:
        return _no(400, "Bad Request: can't parse entities: a tag is not closed")
    if not reader.text.strip():
        return _no(400, "Bad Request: message text is empty")
    if len(reader.text.encode("utf-16-le")) // 2 > 4096:
        return _no(400, "Bad Request: message is too long")
    return Reply(200, json.dumps({"ok": True, "result": {"message_id": 1}}))


def _no(status: int, description: str) -> Reply:
    return Reply(status, json.dumps({"ok": False, "error_code": status, "description": description}))


class _Reader(HTMLParser):
    def __init__(self) -> None:
        super().__init__()
        self.open: list[str] = []
        self.text = ""

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        if tag not in ("b", "i", "code", "pre", "a"):
            raise ValueError(f"unsupported start tag {tag}")
        if tag == "a":
            assert dict(attrs)["href"].startswith(("http://", "https://")), attrs  # type: ignore[union-attr]
        self.open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        if not self.open or self.open.pop() != tag:
            raise ValueError(f"unexpected end tag {tag}")

    def handle_data(self, data: str) -> None:
        self.text += data

    def handle_comment(self, data: str) -> None:
        raise ValueError("a comment")

    def handle_decl(self, decl: str) -> None:
        raise ValueError("a declaration")
