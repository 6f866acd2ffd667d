"""Where the state is, and that its address never tells a password."""

from pathlib import Path

import pytest

from daytwo.core.secrets import redact
from daytwo.store.url import StateUrl


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("postgresql://shop:s3cret%2Fhunter2@db.example/shop", "postgresql://db.example/shop"),
        ("postgres://db.example/shop?user=shop&password=s3cret%2Fhunter2", "postgresql://db.example/shop"),
        ("postgresql:///shop?host=/run/pg&sslpassword=s3cret/hunter2", "postgresql:///shop"),
    ],
)
def test_f11_a_password_is_never_shown_wherever_it_stands(text: str, shown: str) -> None:
    url = StateUrl.parse(text, Path("/srv"))
    assert str(url) == shown
    assert "hunter2" not in repr(url)
    assert "hunter2" not in redact("connection with s3cret/hunter2 failed")


def test_a_file_is_relative_to_the_configuration() -> None:
    assert StateUrl.parse("state.db", Path("/srv")).file == Path("/srv/state.db")
    assert str(StateUrl.parse("sqlite:////var/lib/shop.db", Path("/srv"))) == "/var/lib/shop.db"
