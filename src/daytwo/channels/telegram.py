"""Telegram, by a bot: https://core.telegram.org/bots/api#sendmessage."""

import html
import re
from typing import Any, Literal

from pydantic import Field

from daytwo.core.channel import Channel, ChannelSettings, Event, Message, RejectedError, UnavailableError
from daytwo.core.secrets import SecretRef, resolve
from daytwo.core.telling import text
from daytwo.core.telling.post import Answer, ask, judge, spoken

_MOST = 4096
"""UTF-16 units of a message, without its tags: https://core.telegram.org/bots/api#sendmessage."""
_SIGNS = {Event.ACKNOWLEDGE: "👀", Event.RESOLVE: "✅", Event.NOTICE: "📣", Event.TEST: "🧪"}
_LEVELS = {"critical": "🔴", "warning": "🟠", "info": "🔵"}
_TOKEN = re.compile(r"\d+:[A-Za-z0-9_-]{20,}")
Json = dict[str, Any]


class TelegramSettings(ChannelSettings):
    """Settings of a Telegram chat."""

    token: SecretRef = Field(description="the bot's token, as @BotFather shows it")
    chat: int | str = Field(description="the chat's number, or @name of a public channel")
    thread: int | None = Field(default=None, description="the topic of the chat, by its number")
    quiet: tuple[Literal["critical", "warning", "info"], ...] = Field(
        default=("info",), description="levels that come without a sound"
    )
    server: str = Field(default="https://api.telegram.org", description="the Bot API, when it is a server of your own")


class Telegram(Channel[TelegramSettings]):
    """Sends as a bot that is a member of the chat."""

    kind = "telegram"
    summary = "a chat of Telegram, through a bot"
    Settings = TelegramSettings

    def send(self, message: Message, key: str, timeout: float) -> None:
        """Send it; Telegram knows no keys, so that a second try may be shown twice."""
        token = resolve(self.settings.token, where=f"channels.{self.name}.token", base=self.place.folder).reveal()
        if not _TOKEN.fullmatch(token):
            raise RejectedError("its token is not a bot's", where=self.where, hint="@BotFather shows it: 123456:ABC...")
        body = payload(message, self.settings)
        answer = ask(
            f"{self.settings.server.rstrip('/')}/bot{token}/sendMessage", body, where=self.where, timeout=timeout
        )
        self._judge(answer)

    def _judge(self, answer: Answer) -> None:
        told = answer.data if isinstance(answer.data, dict) else {}
        said = spoken(str(told.get("description") or ""))
        if answer.status < 500 and answer.status != 429 and said and not told.get("ok"):
            raise RejectedError(f"Telegram says: {said}", where=self.where, hint=_hint(answer.status, told))
        try:
            judge(answer, self.where)
        except UnavailableError as error:
            more = told.get("parameters")
            wait = more.get("retry_after") if isinstance(more, dict) else None
            if isinstance(wait, int | float):
                error.retry_after = max(0.0, float(wait))
            raise


def _hint(status: int, told: Json) -> str:
    more = told.get("parameters")
    moved = more.get("migrate_to_chat_id") if isinstance(more, dict) else None
    if isinstance(moved, int):  # https://core.telegram.org/bots/api#responseparameters
        return f"Write `chat: {moved}`: the group has that number now"
    hints = {401: "Look at the token", 403: "Add the bot to the chat", 400: "Look at `chat` and `thread`"}
    return hints.get(status, "Try it: `daytwo channels test`")


def payload(message: Message, settings: TelegramSettings) -> Json:
    """The message as Telegram wants it; everything that is told is escaped."""
    message = text.bounded(message)
    sign = _SIGNS.get(message.event) or _LEVELS[message.level]
    title = text.cut(text.headline(message), 500)
    links = [one for one in text.links(message.links) if len(one.url) <= 1000][:5]
    commands = [text.cut(text.one_line(one), 200) for one in message.commands[:5]]
    tail = [f'<a href="{html.escape(one.url)}">{html.escape(text.cut(one.title, 80))}</a>' for one in links]
    tail += [f"<code>{html.escape(one)}</code>" for one in commands]
    rest = text.plain(message.model_copy(update={"links": (), "commands": ()}))
    # Tags do not count, but whether a server of one's own counts so is not known: everything is counted.
    left = _MOST - text.utf16("\n".join([title, *tail])) - 100 - len(html.escape(title))
    body = text.fit(rest, max(200, left), html.escape, text.utf16)
    parts = [f"{sign} <b>{html.escape(title)}</b>", body, "\n".join(tail)]
    found: Json = {
        "chat_id": settings.chat,
        "text": "\n\n".join(part for part in parts if part),
        "parse_mode": "HTML",
        "link_preview_options": {"is_disabled": True},
        "disable_notification": message.level in settings.quiet,
    }
    if settings.thread is not None:
        found["message_thread_id"] = settings.thread
    return found
