"""What is promised, as it is written."""

from datetime import UTC, datetime, time
from pathlib import Path

import jsonschema
import pytest

from daytwo import config
from daytwo.config import Config, ConfigFileError
from daytwo.config.document import parse
from daytwo.config.objectives import Objectives, Opening
from daytwo.config.schema import schema
from daytwo.config.show import show
from daytwo.core.windows import Once, Recurring

HEAD = 'app: shop\ntimezone: Europe/Berlin\nservices: {web: {kind: http, url: "http://x"}, db: {kind: http, url: "http://y"}}\n'


def load(text: str, folder: Path) -> Config:
    return config.parsed(HEAD + text, folder / "daytwo.yaml")


def mistakes(text: str, folder: Path) -> list[str]:
    try:
        load(text, folder)
    except ConfigFileError as error:
        return [str(one) for one in error.problems]
    return []


@pytest.mark.parametrize(
    ("written", "days", "shown"),
    [
        ("mon-fri 09:00-17:00", (0, 1, 2, 3, 4), "mon-fri 09:00-17:00"),
        ("mon,wed-fri 9:30 - 24:00", (0, 2, 3, 4), "mon,wed-fri 09:30-24:00"),
        ("SAT-mon 22:00-06:00", (0, 5, 6), "mon,sat-sun 22:00-06:00"),
        ({"from": "09:00", "to": "17:00"}, (0, 1, 2, 3, 4), "mon-fri 09:00-17:00"),
        ({"days": ["sun", "tue"], "from": "00:00", "to": "24:00"}, (1, 6), "tue,sun 00:00-24:00"),
    ],
)
def test_hours(written: object, days: tuple[int, ...], shown: str) -> None:
    found = Opening.model_validate(written)
    assert (found.days, str(found)) == (days, shown)
    assert Opening.model_validate(shown) == found
    assert found.hours("UTC").begin == found.from_ != found.to or found.to == time()


def test_what_is_promised_of_whom() -> None:
    some = Objectives.model_validate(
        {"uptime": "99.9%", "hours": "mon-fri 09:00-17:00", "p95": "2s",
         "by": {"web": {"uptime": "99.95%"}, "db.slow": {"p95": "5s", "hours": []}}}
    )  # fmt: skip
    web, db, slow = some.of("web", "web"), some.of("db", "db"), some.of("db.slow", "db")
    assert web is not None and db is not None and slow is not None
    assert (web.uptime, web.p95) == pytest.approx((0.9995, 2))
    assert (web.hours, db.hours) == (some.hours, some.hours)
    assert (db.uptime, db.p95) == pytest.approx((0.999, 2))
    assert (slow.uptime, slow.p95) == pytest.approx((0.999, 5))
    assert slow.hours == ()
    assert some.of("db.tables", "db") is None, "only the first check of a service, unless it is named"
    assert some.of("traffic.shop", "traffic") is not None
    named = some.model_copy(update={"checks": ("db.*",)})
    assert named.of("db.tables", "db") is not None
    assert named.of("db", "db") is None
    assert named.of("traffic.shop", "traffic") is None
    assert Objectives().of("web", "web") is None
    assert Objectives.model_validate({"hours": "mon 09:00-10:00"}).of("web", "web") is None, "hours promise nothing"


def test_windows(tmp_path: Path) -> None:
    found = load(
        'maintenance: {sunday: {at: "0 2 * * sun#1", length: 2h}, '
        "move: {from: 2026-12-01T22:00, to: 2026-12-02T02:00:00, services: web}}\n",
        tmp_path,
    ).maintenance
    weekly, move = (one.window("Europe/Berlin") for one in found.values())
    assert isinstance(weekly, Recurring)
    assert move == Once(datetime(2026, 12, 1, 21, tzinfo=UTC), datetime(2026, 12, 2, 1, tzinfo=UTC))
    assert found["move"].services == ("web",)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("objectives: {uptime: 0%}", "objectives.uptime  it must be more than 0% and at most 100%"),
        ("objectives: {uptime: 100.1%}", "at most 100%"),
        ("objectives: {uptim: 9%}", "did you mean `uptime`"),
        ("objectives: {hours: mon-fry 09:00-17:00}", "'fry' is no day"),
        ("objectives: {hours: always}", "write it like 'mon-fri 09:00-17:00'"),
        ("objectives: {hours: {from: 540, to: '17:00'}}", "objectives.hours.from  write it in quotes, like '09:00'"),
        ("objectives: {hours: mon 25:00-26:00}", "write it in quotes, like '09:00'"),
        ("objectives: {checks: wob}", "nothing that is watched is called wob; did you mean `web`?"),
        ("objectives: {by: {wob.x: {uptime: 9%}}}", "nothing that is watched is called wob.x"),
        ('maintenance: {a: {at: "0 2 * * *"}}', "`at` and `length` go together"),
        ("maintenance: {a: {from: 2026-12-01T22:00}}", "`from` and `to` go together"),
        ("maintenance: {a: {}}", "give `at` and `length`, or `from` and `to`"),
        ("maintenance: {a: {from: 2026-12-01T22:00, to: 2026-12-01T22:00}}", "`to` must be later than `from`"),
        ("maintenance: {a: {from: tomorrow, to: 2026-12-01T22:00}}", "write it in quotes, like '2026-12-01T22:00'"),
        ("maintenance: {a: {from: 2026, to: 2026-12-01T22:00}}", "write it in quotes, like '2026-12-01T22:00'"),
        ('maintenance: {a: {at: "0 2 * * *", length: 1h, services: [wob]}}', "there is no service wob"),
    ],
)
def test_mistakes(text: str, said: str, tmp_path: Path) -> None:
    found = mistakes(text, tmp_path)
    assert len(found) == 1
    assert said in found[0]


WRITTEN = (
    "objectives: {uptime: 99.9%, hours: mon-fri 09:00-17:00, p95: 2s, errors: 5%, checks: web,\n"
    "  by: {db: {hours: [{days: [mon], from: '22:00', to: '06:00'}, sat 10:00-12:00]}}}\n"
    'maintenance: {a: {at: "0 2 * * sun#1", length: 2h, services: db}, b: {from: 2026-12-01T22:00, to: 2026-12-02T22:00}}\n'
)


def test_it_is_shown_as_it_can_be_loaded_again(tmp_path: Path) -> None:
    found = load(WRITTEN, tmp_path)
    again = config.parsed(show(found), tmp_path / "daytwo.yaml")
    assert (again.objectives, again.maintenance) == (found.objectives, found.maintenance)
    assert "mon-fri 09:00-17:00" in show(found)


def test_editors_know_it() -> None:
    jsonschema.validate(parse(HEAD + WRITTEN, "daytwo.yaml").data, schema())
    with pytest.raises(jsonschema.ValidationError):
        jsonschema.validate(parse(HEAD + "objectives: {hours: {days: mon}}\n", "daytwo.yaml").data, schema())
