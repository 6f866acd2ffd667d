"""Secrets in text are found and masked, and no text takes long."""

import time

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from daytwo.watch.logs.masking import KNOWN, find_secrets, mask

JWT = "eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxMjM0NTY3ODkwIn0.dozjgNryP4J3jVmNHl0w5N"


@pytest.mark.parametrize(
    ("text", "masked", "kind"),
    [
        ("login AKIAIOSFODNN7EXAMPLE ok", "login AKIA*** ok", "aws_key"),
        ("x ghp_" + "a1" * 18, "x ghp_***", "github_token"),
        ("xoxb-1234567890-abcdef", "xoxb***", "slack_token"),
        ("key sk_" + "live_" + "a1" * 12, "key sk_l***", "stripe_key"),
        ("sk-ant-api03-abcdefghijklmnopqrstuvwx", "sk-a***", "ai_key"),
        ("AIza" + "Sy01" * 8 + "abc", "AIza***", "google_key"),
        (f"got {JWT}", "got eyJh***", "jwt"),
        ("-----BEGIN RSA PRIVATE KEY-----\nMII", "***", "private_key"),
        ("Authorization: Bearer abcdefgh12345678xyz", "Authorization: Bearer ***", "authorization"),
        ("postgres://app:hunter2@db/x", "postgres://app:***@db/x", "address_password"),
        ("password=hunter2 ok", "password=*** ok", "assignment"),
        ('{"password":"hunter 22"}', '{"password":"***"}', "assignment"),
        ('{\\"api_key\\":\\"hunter22\\"}', '{\\"api_key\\":\\"***\\"}', "assignment"),
        ("GET /x?token=abcdef12345&x=1", "GET /x?token=***&x=1", "assignment"),
    ],
)
def test_a_secret_is_masked(text: str, masked: str, kind: str) -> None:
    assert mask(text) == masked
    assert [one.kind for one in find_secrets(text)] == [kind]


@pytest.mark.parametrize(
    "text",
    ["token: expired", "password: ****", "bearer authentication failed", "task-sk-learn nothing", "Europe/Asia 12:00",
     "GET /api/posts/12 HTTP/1.1", "secret=null"],
)  # fmt: skip
def test_what_is_no_secret_stays(text: str) -> None:
    assert mask(text) == text


def test_overlapping_ones_are_one_and_the_known_kind_counts() -> None:
    [found] = find_secrets(f"Authorization: Bearer {JWT}")
    assert found.kind in KNOWN
    assert mask(f"Authorization: Bearer {JWT}") == "Authorization: Bearer eyJh***"


@settings(max_examples=60, deadline=None)
@given(
    st.lists(
        st.sampled_from(
            ["eyJ", "-", ".", "sk-", "xoxb-", "://", "a:", "@", "password", "=", '"', "bearer ", "authorization:", " ",
             "-----BEGIN PRIVATE KEY-----", "?key=", "a", "1", "\\", "ghp_"]
        ),
        min_size=1, max_size=4,
    )
)  # fmt: skip
def test_no_text_takes_long(parts: list[str]) -> None:
    piece = "".join(parts)
    text = (piece * (65536 // len(piece) + 1))[:65536]
    begun = time.process_time()
    mask(text)
    assert time.process_time() - begun < 0.5


@given(st.text())
def test_any_text_can_be_masked(text: str) -> None:
    mask(text)
