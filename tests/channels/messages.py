"""Messages to send: usual, enormous, hostile."""

from datetime import UTC, datetime
from typing import Any

from hypothesis import strategies as st

from daytwo.core.channel import Event, Fact, Link, Message, Section

AT = datetime(2026, 11, 21, 3, 12, tzinfo=UTC)
HOSTILE = (
    "<!channel> <@U024BE7LH> @everyone @here",
    "<script>alert(1)</script><img src=x onerror=alert(1)>",
    "a\r\nBcc: victim@example.com\r\n\r\n<b>x",
    "[click](https://evil.example) `code` *b* _i_ ~s~ ||sp|| <https://evil.example|ok>",
    "\x00\x1b[31m\u202egpj.exe\u2028\x85",
    "&lt;b&gt; &amp; </a></b></code></pre>",
    "<at>Everyone</at> ${7*7} {{7*7}} %0d%0a",
    "\ud800 half",
)


def message(event: Event = Event.TRIGGER, **changes: Any) -> Message:
    """A usual one."""
    given: dict[str, Any] = {
        "event": event,
        "key": "alert 17",
        "app": "shop",
        "environment": "production",
        "level": "critical",
        "title": "db does not answer",
        "text": "The database has refused connections since 03:08.",
        "at": AT,
        "facts": (Fact(name="Since", value="03:08 (4 min ago)"), Fact(name="Value", value="0 > 1 & rising")),
        "sections": (Section(title="web is slow", level="warning", facts=(Fact(name="p95", value="2 s"),)),),
        "links": (Link(title="Acknowledge", url="https://ops.example.com/alerts/17?a=1&b=2"),),
        "commands": ("daytwo alerts ack 17",),
    }
    return Message.model_validate(given | changes)


def enormous(event: Event = Event.TRIGGER) -> Message:
    """One that is larger than what any service takes."""
    long = "<&> *ä*🔥 " * 4000
    return message(
        event,
        title=long,
        text=long,
        facts=tuple(Fact(name=f"{n} {long}", value=long) for n in range(60)),
        sections=tuple(
            Section(title=f"{n} {long}", text=long, facts=(Fact(name=long, value=long),) * 30) for n in range(200)
        ),
        links=tuple(Link(title=long, url=f"https://ops.example.com/{n}/{'x' * 1500}") for n in range(40)),
        commands=(long,) * 40,
    )


def empty() -> Message:
    """One with nothing in it."""
    return message(title="", text="", facts=(Fact(name="", value=""),), sections=(), links=(), commands=())


TEXTS = st.one_of(
    st.sampled_from(HOSTILE), st.text(max_size=300), st.text("<>&|@*_`~[]()!#:\r\n\\\"' \u202e\x00a", max_size=300)
)
MESSAGES = st.builds(
    Message,
    event=st.sampled_from(Event),
    key=st.text(min_size=1, max_size=300),
    app=st.just("shop"),
    environment=st.just("production"),
    level=st.sampled_from(["critical", "warning", "info"]),
    title=TEXTS,
    text=TEXTS,
    at=st.just(AT),
    facts=st.lists(st.builds(Fact, name=TEXTS, value=TEXTS), max_size=3).map(tuple),
    sections=st.lists(st.builds(Section, title=TEXTS, text=TEXTS), max_size=3).map(tuple),
    links=st.lists(
        st.builds(
            Link, title=TEXTS, url=st.one_of(st.just("javascript:alert(1)"), TEXTS, st.just("https://a.example/"))
        ),
        max_size=3,
    ).map(tuple),
    commands=st.lists(TEXTS, max_size=2).map(tuple),
)
