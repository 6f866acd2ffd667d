"""Rules over checks, on time lines."""

import pytest

from daytwo.config.watching import Rule
from daytwo.core.check import Measure, Observation, Unit
from daytwo.watch.rules import Evaluator, State, rules_of
from daytwo.watch.rules.machine import Memory
from tests.watch.rules.conftest import MakeWorld
from tests.watch.rules.timeline import DAY, Probe


def test_three_failures_in_a_row(world: MakeWorld) -> None:
    """What the check finds right, without a word in the configuration (C1, C14)."""
    assert world().play("""
        10:00 web ok
        10:01 web failed
        10:02 web failed
        10:03 web failed
        10:04..10:20 1m web failed
        10:21 web ok
        10:22 web ok
    """) == ["10:01 web pending", "10:03 web firing critical", "10:21 web ok"]


def test_what_is_built_in_by_measure() -> None:
    """By name and unit: a number that somebody else calls `disk` is another."""
    check, other = Probe("web"), Probe("db")
    check.measures = (Measure("certificate_left", Unit.SECONDS, ""), Measure("disk", Unit.RATIO, ""))
    other.measures = (Measure("disk", Unit.COUNT, ""),)
    made = rules_of({"web.disk": Rule(off=True)}, [check, other])
    assert set(made) == {"web", "db", "web.certificate_left"}
    assert (made["web.certificate_left"].warning, made["web.certificate_left"].series) == (
        "< 14d",
        "web.certificate_left",
    )


def test_one_good_answer_ends_the_row(world: MakeWorld) -> None:
    assert world().play("""
        10:01..10:02 1m web failed
        10:03 web ok
        10:04..10:05 1m web failed
        10:06 web ok
    """) == ["10:01 web pending", "10:03 web ok", "10:04 web pending", "10:06 web ok"]


def test_a_single_failure_can_be_enough(world: MakeWorld) -> None:
    fast = {"check": "web", "failures": 1, "level": "warning"}
    assert world(web=fast).play("10:00 web failed") == ["10:00 web firing warning"]


def test_a_rule_of_the_same_name_replaces_the_built_in_one(world: MakeWorld) -> None:
    assert world(web={"off": True}).play("10:00..10:10 1m web failed") == []
    made = rules_of(world(web={"check": "web", "failures": 5}).rules, [Probe("web"), Probe("db", failures=2)])
    assert {name: (rule.failures, rule.level) for name, rule in made.items()} == {
        "web": (5, "critical"),
        "db": (2, "critical"),
    }


def test_f29_what_nobody_knows_counts_neither_way(world: MakeWorld) -> None:
    """Neither a failure, nor the end of one."""
    assert world().play("""
        10:00..10:01 1m web failed
        10:02..10:30 1m web unsure
        10:31 web failed
        10:32..10:50 1m web unsure
        10:51 web ok
    """) == ["10:00 web pending", "10:31 web firing critical", "10:51 web ok"]
    assert world().play("11:00..12:00 1m db unsure") == []


def test_how_long_it_must_be_over(world: MakeWorld) -> None:
    made = world(web={"check": "web", "hold": "5m"})
    assert made.play("""
        10:00..10:02 1m web failed
        10:03..10:06 1m web ok
        10:07 web failed
        10:08..10:13 1m web ok
    """) == ["10:00 web pending", "10:02 web firing critical", "10:13 web ok"]


def test_how_long_it_must_be_true(world: MakeWorld) -> None:
    made = world(web={"check": "web", "failures": 2, "pending": "3m"})
    assert made.play("10:00..10:10 1m web failed") == ["10:00 web pending", "10:04 web firing critical"]


def test_time_of_which_nothing_is_known_does_not_count(world: MakeWorld) -> None:
    """Four minutes of failure, and half an hour of which nobody knows, are four minutes."""
    made = world(web={"check": "web", "failures": 1, "pending": "5m", "hold": "3m"})
    assert made.play("""
        10:00..10:03 1m web failed
        10:04..10:33 1m web unsure
        10:34 web failed
        10:35 web failed
        10:36 web ok
        10:37..11:00 1m web unsure
        11:01..11:03 1m web ok
    """) == ["10:00 web pending", "10:35 web firing critical", "11:03 web ok"]


def test_a_row_that_begins_again_is_no_lesser_alert(world: MakeWorld) -> None:
    made = world(web={"check": "web", "hold": "3m"})
    assert made.play("""
        10:00..10:02 1m web failed
        10:03..10:05 1m web ok
        10:06..10:10 1m web failed
    """) == ["10:00 web pending", "10:02 web firing critical"]


def test_a_warning_of_the_check_itself(world: MakeWorld) -> None:
    """A monitoring plug-in says how bad it is; it can become worse and better."""
    made = world(web={"check": "web", "failures": 1})
    assert made.play("""
        10:00 web warns
        10:01 web failed
        10:02 web warns
        10:03 web ok
    """) == ["10:00 web firing warning", "10:01 web firing critical", "10:02 web firing warning", "10:03 web ok"]


def test_a_rule_for_many_checks(world: MakeWorld) -> None:
    made = world(
        checks="db db.tables db.locks web",
        parts={"check": "db.*", "failures": 1, "level": "warning"},
        **{name: {"off": True} for name in ("db", "db.tables", "db.locks", "web")},
    )
    assert made.play("10:00 db failed\n10:00 db.tables failed\n10:00 web failed\n10:01 db.tables ok") == [
        "10:00 parts (db.tables) firing warning",
        "10:01 parts (db.tables) ok",
    ]


# Consequences


def test_a_consequence_is_no_news(world: MakeWorld) -> None:
    made = world(web={"check": "web", "depends_on": "db"})
    assert made.play("""
        10:00..10:05 1m db failed
        10:00:10..10:05:10 1m web failed
        10:06 db ok
        10:06:10 web ok
    """) == [
        "10:00 db pending", "10:00:10 web pending because of db", "10:02 db firing critical",
        "10:02:10 web firing critical because of db", "10:06 db ok", "10:06:10 web ok because of db",
    ]  # fmt: skip


def test_a_consequence_that_stays_becomes_news(world: MakeWorld) -> None:
    """It has as many readings as any alert to recover when what it was put down to is well again."""
    made = world(web={"check": "web", "depends_on": ["db"]})
    assert made.play("""
        10:00..10:05 1m db failed
        10:00:10..10:20:10 1m web failed
        10:06 db ok
    """)[-2:] == ["10:06 db ok", "10:08:10 web firing critical"]
    assert "db is well again, and this is not" in made.told[-1].move.why


def test_a_failure_of_its_own_is_news(world: MakeWorld) -> None:
    made = world(web={"check": "web", "depends_on": "db"})
    assert made.play("10:00..10:02 1m web failed")[-1] == "10:02 web firing critical"
    assert made.play("10:03..10:06 1m db failed\n10:07 web ok")[-1] == "10:07 web ok"


def test_a_check_is_no_consequence_of_itself(world: MakeWorld) -> None:
    made = world(every={"check": "*", "failures": 1, "depends_on": "db"}, db={"off": True}, web={"off": True})
    assert made.play("10:00 db failed\n10:01 web failed") == [
        "10:00 every (db) firing critical",
        "10:01 every (web) firing critical because of db",
    ]


def test_what_it_depends_on_is_known_after_a_restart(world: MakeWorld) -> None:
    """Even where no rule looks at that."""
    made = world(web={"check": "web", "failures": 1, "depends_on": "db"}, db={"off": True})
    assert made.play("10:00 db failed\n10:01 restart\n10:02 web failed") == ["10:02 web firing critical because of db"]


@pytest.mark.parametrize("restart", ["", "10:02:30 restart"])
def test_what_it_depends_on_is_not_well_again_when_nobody_knows(world: MakeWorld, restart: str) -> None:
    made = world(web={"check": "web", "failures": 1, "depends_on": "db"}, db={"off": True})
    assert made.play(f"""
        10:00 db failed
        10:01 web failed
        10:02 db unsure
        {restart}
        10:03..10:20 1m web failed
    """) == ["10:01 web firing critical because of db"]


def test_nothing_is_a_consequence_of_what_is_not_watched_any_more(world: MakeWorld) -> None:
    made = world(web={"check": "web", "failures": 1, "depends_on": "db"}, db={"off": True})
    made.play("10:00 db failed")
    del made.checks["db"]
    assert made.play("10:01 reload\n10:02 web failed") == ["10:02 web firing critical"]


def test_it_may_depend_on_a_rule(world: MakeWorld) -> None:
    made = world(
        full={"series": "db.disk", "critical": "> 90%"}, web={"check": "web", "failures": 1, "depends_on": "full"}
    )
    assert made.play("10:00 db.disk 0.95\n10:00:30 web failed") == [
        "10:00 full (db.disk) firing critical",
        "10:00:30 web firing critical because of full",
    ]


# Restarts, gaps, clocks


def test_f24_a_restart_forgets_no_failure(world: MakeWorld) -> None:
    script = """
        10:00 web ok
        10:01 web failed
        10:02 web failed
        10:02:30 {}
        10:03 web failed
    """
    for event in ("web unsure", "restart", "judge"):
        made = world()
        assert made.play(script.format(event)) == ["10:01 web pending", "10:03 web firing critical"], event
        made.play("10:04 web ok\n10:05 reload")


def test_f24_a_restart_forgets_no_pending_time(world: MakeWorld) -> None:
    made = world(web={"check": "web", "failures": 1, "pending": "5m"})
    assert made.play("""
        10:00..10:03 1m web failed
        10:03:30 stop
        10:04 start
        10:04:10..10:08:10 1m web failed
    """) == ["10:00 web pending", "10:05:10 web firing critical"]


def test_f24_a_restart_raises_nothing_a_second_time(world: MakeWorld) -> None:
    made = world()
    made.play("10:00..10:02 1m web failed")
    assert made.play("10:02:10 restart\n10:03..10:10 1m web failed\n10:10:30 restart\n10:11 web failed") == []
    assert made.play("10:12 web ok") == ["10:12 web ok"]


def test_f28_nobody_watched_for_two_hours(world: MakeWorld) -> None:
    """The gap is taken off the pending time: it is as if it had not been."""
    made = world(web={"check": "web", "failures": 1, "pending": "5m"})
    assert made.play("""
        10:00..10:03 1m web failed
        10:03 stop
        12:03 start
        12:04 web failed            # four minutes
        12:05 web failed            # five minutes
    """) == ["10:00 web pending", "12:05 web firing critical"]


def test_f28_a_gap_is_taken_off_the_time_of_hold(world: MakeWorld) -> None:
    made = world(web={"check": "web", "failures": 1, "hold": "5m"})
    assert made.play("""
        10:00 web failed
        10:01..10:03 1m web ok
        10:03 crash
        12:03 start
        12:04..12:07 1m web ok
    """) == ["10:00 web firing critical", "12:06 web ok"]


def test_f28_the_machine_slept(world: MakeWorld) -> None:
    made = world(web={"check": "web", "failures": 1, "pending": "5m"})
    assert made.play("""
        10:00..10:01 1m web failed
        14:00 jump
        14:00:05 web failed
        14:01 web failed
        14:04:30 web failed
    """) == ["10:00 web pending", "14:04:30 web firing critical"]


def test_f28_a_gap_is_taken_off_once(world: MakeWorld) -> None:
    """A second restart right after the first: what was taken off is written down with it."""
    made = world(web={"check": "web", "failures": 1, "pending": "5m"})
    assert made.play("""
        10:00..10:02 1m web failed
        10:02 stop
        12:02 start
        12:02:05 crash
        12:02:10 start
        12:03..12:06 1m web failed
    """) == ["10:00 web pending", "12:05 web firing critical"]


def test_f34_a_clock_set_back_neither_fires_nor_resolves(world: MakeWorld) -> None:
    made = world(web={"check": "web", "failures": 1, "pending": "5m", "hold": "5m"})
    assert made.play("10:00..10:02 1m web failed\n08:00 back\n08:01..08:02 1m web failed") == ["10:00 web pending"]
    assert made.play("08:03 web failed") == ["08:03 web firing critical"]
    assert made.play("08:04..08:06 1m web ok\n04:00 back\n04:01..04:02 1m web ok") == []
    assert made.play("04:03 web ok") == ["04:03 web ok"]
    assert made.now > DAY


def test_f34_the_clock_was_wrong_before_a_restart(world: MakeWorld) -> None:
    made = world(web={"check": "web", "failures": 1, "pending": "5m"})
    made.play("23:00..23:02 1m web failed\n23:02 stop")
    made.evaluator, made.now = None, DAY
    assert made.play("09:00 start\n09:01..09:02 1m web failed") == []
    assert made.play("09:03 web failed") == ["09:03 web firing critical"]


def test_f34_an_observation_that_has_waited_is_no_clock_set_back(world: MakeWorld) -> None:
    made = world(web={"check": "web", "failures": 1, "pending": "5m"})
    made.play("10:00 web failed\n10:06 judge")
    assert made.evaluator is not None
    late = DAY.replace(hour=10, minute=1)
    found = made.evaluator.observe(made.connection, "web", Observation.failed("late"), late)
    assert [one.at for one in found] == [DAY.replace(hour=10, minute=6)]


# Flapping


def test_f27_what_comes_and_goes_stays_one_alert(world: MakeWorld) -> None:
    made = world(web={"check": "web", "failures": 1, "flapping": {"changes": 4, "within": "30m"}})
    script = "".join(f"10:{minute:02} web {'ok' if minute % 2 else 'failed'}\n" for minute in range(60))
    found = made.play(script)
    assert found == ["10:00 web firing critical", "10:01 web ok", "10:02 web firing critical"]
    assert made.play("11:00..11:28 1m web ok") == []
    assert made.play("11:29 web ok") == ["11:29 web ok"]
    assert "is quiet now" in made.told[-1].move.why
    assert made.play("11:30 web failed\n11:31 web ok") == ["11:30 web firing critical", "11:31 web ok"]


def test_f27_flapping_survives_a_restart(world: MakeWorld) -> None:
    made = world(web={"check": "web", "failures": 1, "flapping": {"changes": 2, "within": "30m"}})
    assert made.play("""
        10:00 web failed
        10:01 web ok
        10:02 restart
        10:10 web failed
        10:11..10:40 1m web ok
        10:41 web ok
    """) == ["10:00 web firing critical", "10:41 web ok"]


def test_f27_flapping_can_be_switched_off(world: MakeWorld) -> None:
    made = world(web={"check": "web", "failures": 1, "flapping": False})
    script = "".join(f"10:{minute:02} web {'ok' if minute % 2 else 'failed'}\n" for minute in range(60))
    assert len(made.play(script)) == 60


# What is gone


def test_a_check_that_is_gone_ends_its_alert(world: MakeWorld) -> None:
    made = world()
    made.play("10:00..10:02 1m web failed\n10:02 db failed")
    del made.checks["web"]
    assert made.play("10:05 reload") == ["10:05 web ok"]
    assert made.told[-1].move.why == "there is no rule web any more"
    assert [key.rule for key in made.book.memories(made.connection)] == ["db"]


def test_a_check_that_went_while_nobody_watched(world: MakeWorld) -> None:
    made = world(parts={"check": "db*", "failures": 1}, db={"off": True})
    made.play("10:00 db failed\n10:01 stop")
    made.checks = {"db.tables": Probe("db.tables")}
    assert made.play("12:00 start") == ["12:00 parts (db) ok"]
    assert made.told[-1].move.why == "db is not watched any more"


def test_a_rule_that_is_gone_ends_its_alert(world: MakeWorld) -> None:
    made = world(extra={"check": "web", "failures": 1}, web={"off": True})
    made.play("10:00 web failed")
    made.rules.pop("extra")
    assert made.play("10:01 reload") == ["10:01 extra (web) ok"]
    assert made.told[-1].move.why == "there is no rule extra any more"


def test_rules_that_name_no_check(world: MakeWorld) -> None:
    made = world(typo={"check": "web.tables", "depends_on": ["db", "web.locks"]}, fine={"check": "w*"})
    made.start(DAY)
    assert made.evaluator is not None
    assert made.evaluator.unknown() == [
        "rule typo looks at web.tables, and no check is called like that",
        "rule typo depends on web.locks, which is neither a check nor a rule",
    ]


# Writing


def test_no_news_writes_nothing(world: MakeWorld, monkeypatch) -> None:
    made = world()
    made.play("10:00 db ok\n10:00..10:05 1m web failed")
    written: list[object] = []
    monkeypatch.setattr(made.book, "write", lambda *given: written.append(given))
    made.play("10:06..10:10 1m db ok\n10:06..10:30 1m web failed")
    assert written == []


def test_what_was_not_committed_happens_again(world: MakeWorld) -> None:
    made = world()
    made.play("10:00..10:01 1m web failed")
    evaluator = made.evaluator
    assert evaluator is not None
    for _ in range(2):
        savepoint = made.connection.begin_nested()
        (found,) = evaluator.observe(made.connection, "web", Observation.failed("no"), made.now)
        assert found.move.new is State.FIRING
        savepoint.rollback()
        evaluator.forget_memory()
    assert made.state("web") is State.PENDING
    assert made.play("10:02 web failed") == ["10:02 web firing critical"]


def test_an_evaluator_that_follows_nothing_is_silent(world: MakeWorld) -> None:
    made = world()
    bare = Evaluator(made.book, made.numbers)
    assert bare.observe(made.connection, "web", Observation.failed("x"), DAY) == []
    assert bare.look(made.connection, DAY).found == ()


def test_a_memory_is_read_as_it_was_written() -> None:
    memory = Memory(State.CLEARING, DAY, "warning", DAY, "db", 2, DAY, None, DAY, DAY, DAY, 1, DAY, (DAY, DAY), True)
    assert Memory.from_json(memory.to_json()) == memory
    assert Memory.from_json(Memory().to_json()) == Memory()
    assert Memory.from_json('{"state":"ok","of_a_newer_version":1}') == Memory()
