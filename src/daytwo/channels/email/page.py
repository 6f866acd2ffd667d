"""The HTML form of a message: without scripts, pictures and addresses of others; everything that is told is escaped."""

import html
from collections.abc import Iterable, Sequence

from daytwo.core.channel import Event, Fact, Message
from daytwo.core.telling import text

_COLOURS = {"critical": "#b3261e", "warning": "#a15c00", "info": "#0b57d0"}
_OVER = "#146c2e"
_FONT = "font-family:system-ui,-apple-system,'Segoe UI',sans-serif;font-size:15px;line-height:1.5"


def page(message: Message) -> str:
    """The page. Styles stand in the elements, since mail programs leave others out."""
    colour = _OVER if message.event is Event.RESOLVE else _COLOURS[message.level]
    head = " ".join(part for part in (text.mark(message), text.source(message)) if part)
    parts = [
        '<!DOCTYPE html><html lang="en"><head><meta charset="utf-8">',
        '<meta name="viewport" content="width=device-width">',
        f"<title>{_safe(text.one_line(message.title))}</title></head>",
        f'<body style="margin:0;padding:16px;{_FONT}">',
        f'<div style="max-width:640px;border-left:4px solid {colour};padding-left:16px">',
        f'<p style="margin:0;color:{colour};font-weight:600">{_safe(head)}</p>',
        f'<h1 style="margin:4px 0 12px;font-size:20px">{_safe(text.one_line(message.title))}</h1>',
        _paragraph(message.text),
        _facts(message.facts),
        *(_section(message)),
        *_links(message),
        *(
            f'<pre style="background:#f3f3f3;padding:8px;white-space:pre-wrap">{_safe(text.one_line(one))}</pre>'
            for one in message.commands
        ),
        f'<p style="color:#666;font-size:13px">{_safe(text.when(message))}</p>',
        "</div></body></html>",
    ]
    return "\n".join(part for part in parts if part)


def _section(message: Message) -> Iterable[str]:
    for one in message.sections[: text.SHOWN]:
        colour = _COLOURS[one.level]
        yield f'<h2 style="margin:16px 0 4px;font-size:16px;color:{colour}">{_safe(text.one_line(one.title))}</h2>'
        yield _paragraph(one.text)
        yield _facts(one.facts)
    yield _paragraph(text.more(message))


def _links(message: Message) -> Iterable[str]:
    found = text.links(message.links)
    if found:
        shown = " · ".join(f'<a href="{_safe(one.url)}">{_safe(one.title)}</a>' for one in found)
        yield f"<p>{shown}</p>"


def _facts(facts: Sequence[Fact]) -> str:
    rows = "".join(
        f'<tr><th scope="row" style="text-align:left;padding:2px 16px 2px 0;vertical-align:top;font-weight:600">'
        f"{_safe(text.one_line(one.name))}</th><td>{_lines(one.value)}</td></tr>"
        for one in facts
    )
    return f'<table style="border-collapse:collapse">{rows}</table>' if rows else ""


def _paragraph(value: str) -> str:
    return f"<p>{_lines(value)}</p>" if value.strip() else ""


def _lines(value: str) -> str:
    return _safe(value).replace("\n", "<br>")


def _safe(value: str) -> str:
    return html.escape(text.clean(value))
