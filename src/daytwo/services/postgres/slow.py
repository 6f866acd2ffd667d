"""Which statements are slow, as `pg_stat_statements` counts them."""

import re

from daytwo.core.check import Measure, Observation, Timing, Unit
from daytwo.core.reading import number, one_line
from daytwo.core.run import Run
from daytwo.core.units import Duration
from daytwo.services.postgres.asking import Line, merged
from daytwo.services.postgres.checks import Measuring

SLOW = Timing(every=300, timeout=30)
_MOST = 2000
"""Statements that are remembered, those first that took the most time."""

# A statement that was slow since the last look has had a slow call, and only of such the text is taken. Columns are
# called otherwise before version 1.8 (PostgreSQL 13). Without the library being loaded at the server's start, the
# extension is there and every reading of it is an error.
_STATEMENTS = """
\\set ON_ERROR_STOP 0
select format($q$
  select json_build_array(id, calls, time / 1000, case when slowest >= {milliseconds} then left(query, 1000) end) from (
    select concat_ws('/', j->>'userid', j->>'queryid', j->>'toplevel') as id, (j->>'calls')::bigint as calls,
      coalesce(j->>'total_exec_time', j->>'total_time')::float8 as time,
      coalesce(j->>'max_exec_time', j->>'max_time')::float8 as slowest, j->>'query' as query
    from (select to_jsonb(s) as j from %1$I.pg_stat_statements s
      where dbid = (select oid from pg_database where datname = current_database())) as all_of_them) as statement
  where calls > 0 order by time desc limit {most};
  select json_build_object('counts', true) from %1$I.pg_stat_statements(false) limit 1 $q$, nspname)
from pg_extension e join pg_namespace n on n.oid = e.extnamespace where extname = 'pg_stat_statements' \\gexec
\\set ON_ERROR_STOP 1
select json_build_object('there', exists (select from pg_extension where extname = 'pg_stat_statements'));
"""
_LITERALS = re.compile(
    r"""/\*.*?(?:\*/|\Z)|--[^\n]*"""  # comments: frameworks write whose request it was
    r"""|\$([A-Za-z_][A-Za-z_0-9]*|)\$.*?(?:\$\1\$|\Z)"""  # dollar-quoted
    r"""|\b[eE]'(?:[^'\\]|\\.|'')*(?:'|\Z)|\b(?:[xXbBnN]|[uU]&)?'(?:[^']|'')*(?:'|\Z)|'(?:[^']|'')*(?:'|\Z)"""
    r"""|(?<![\w$"])\d+(?:\.\d+)?(?:[eE][+-]?\d+)?""",
    re.DOTALL,
)


class SlowCheck(Measuring):
    """Statements that took longer on average than they should, since the last look."""

    about = "slow statements, from pg_stat_statements"
    measures = (
        Measure("statements", Unit.COUNT, "statements whose mean was above the limit, since the last look"),
        Measure("calls", Unit.COUNT, "calls of these"),
        Measure("slowest", Unit.SECONDS, "the highest mean of a statement since the last look"),
    )

    def __init__(self, name: str, service: str, limit: Duration, line: Line) -> None:
        super().__init__(name, service, SLOW)
        self._limit = limit
        self._line = line
        self._before: dict[str, tuple[float, float]] | None = None

    def measure(self, run: Run) -> Observation:
        """Ask. A server without the extension is no failure."""
        sql = _STATEMENTS.format(milliseconds=float(self._limit) * 1000, most=_MOST)
        told = self._line.ask(sql, run)
        state = merged([one for one in told if isinstance(one, dict)])
        if not state.get("counts"):
            missing = "add it to shared_preload_libraries" if state["there"] else "create extension pg_stat_statements"
            return Observation.ok(facts={"pg_stat_statements": f"is not in use: {missing}"})
        return self._judge([row for row in told if isinstance(row, list)])

    def _judge(self, rows: list[list[object]]) -> Observation:
        now = {str(id): (number(calls) or 0, number(seconds) or 0) for id, calls, seconds, _ in rows}
        texts = {str(id): str(query) for id, _, _, query in rows if query is not None}
        before, self._before = self._before, now
        means = _means(before or {}, now)
        slow = {id: calls for id, (calls, mean) in means.items() if mean > self._limit and id in texts}
        facts = {"limit": str(self._limit)}
        slowest, worst = max(((mean, id) for id, (_, mean) in means.items()), default=(0.0, ""))
        if worst in slow:
            facts["slowest"] = f"{slowest:.3g} s: {one_line(without_values(texts[worst]))}"
        if before is None:
            return Observation.ok(facts=facts | {"since": "the statistics begin; numbers come with the next look"})
        return Observation.ok({"statements": len(slow), "calls": sum(slow.values()), "slowest": slowest}, facts)


def without_values(sql: str) -> str:
    """A statement without its comments, texts and numbers: the server leaves those of some statements in.

    Args:
        sql: maybe cut off, in the middle of a text, too.
    """
    return _LITERALS.sub(lambda found: "" if found[0].startswith(("/*", "--")) else "?", sql)


def _means(
    before: dict[str, tuple[float, float]], now: dict[str, tuple[float, float]]
) -> dict[str, tuple[float, float]]:
    """Calls of each statement since `before`, and the seconds that they took on average."""
    found = {}
    for id, (calls, seconds) in now.items():
        old_calls, old_seconds = before.get(id, (0, 0))
        if calls < old_calls:  # its statistics have begun anew
            old_calls, old_seconds = 0, 0
        if calls > old_calls:
            found[id] = (calls - old_calls, (seconds - old_seconds) / (calls - old_calls))
    return found
