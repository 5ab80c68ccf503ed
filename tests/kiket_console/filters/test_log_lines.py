"""Filters of log lines: what they find as SQL and as a predicate is the same."""

from __future__ import annotations

import sqlite3

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kiket_console.filters import FilterError, log_lines
from kiket_console.model import Exchange, LogLine, Source, State

NOW_US = 1_795_183_600_000_000
TRACEBACK = 'Traceback (most recent call last):\n  File "app.py", line 4\nKeyError: 1'

LINES = (
    LogLine(
        1, NOW_US - 60_000_000, "marketing", "log", "INFO", "app.crm", "labelled KIK-40", "", 7
    ),
    LogLine(2, NOW_US - 50_000_000, "marketing", "log", "WARNING", "ap", "CRM timed out", "a1", 7),
    LogLine(3, NOW_US - 40_000_000, "billing", "stderr", "", "", TRACEBACK, "", None, "[]"),
    LogLine(4, NOW_US - 30_000_000, "engine", "log", "ERROR", "kiket_console", "ended", "", None),
    LogLine(5, NOW_US - 20_000_000, "billing", "stdout", "", "", "Größe 100 %_\\", "", 9),
    LogLine(6, NOW_US - 10_000_000, 'a.b"c', "log", "CRITICAL", "x", "", "", None),
)


def exchange(id_: int, name: str, version: str, status: int, duration_us: int) -> Exchange:
    """Return a delivery that has ended."""
    return Exchange(
        id_, 0, Source.WEBHOOK, "marketing", name, version, "POST", "/", NOW_US, State.FORWARDED,
        status, duration_us, 0, "", "", None, False, None, 1, False,
    )  # fmt: skip


EXCHANGES = {
    7: exchange(7, "issue.created", "v1", 200, 3_000),
    9: exchange(9, "sla.breach", "v2", 502, 900_000),
}


def in_sql(text: str, lines: tuple[LogLine, ...] = LINES) -> list[int]:
    """Return the ids of the lines that a filter finds as a condition of SQL."""
    where = log_lines.parse(text, now_us=NOW_US).where(NOW_US)
    store = sqlite3.connect(":memory:")
    try:
        columns = ", ".join(LogLine.__struct_fields__)
        store.execute(f"CREATE TABLE log ({columns})")
        for line in lines:
            values = [getattr(line, name) for name in LogLine.__struct_fields__]
            marks = ",".join("?" * len(values))
            store.execute(f"INSERT INTO log VALUES ({marks})", values)  # noqa: S608
        store.execute(f"CREATE TABLE exchange ({', '.join(Exchange.__struct_fields__)})")
        for each in EXCHANGES.values():
            values = [getattr(each, name) for name in Exchange.__struct_fields__]
            marks = ",".join("?" * len(values))
            store.execute(f"INSERT INTO exchange VALUES ({marks})", values)  # noqa: S608
        for name, (count, function) in where.functions.items():
            store.create_function(name, count, function)
        sql = f"SELECT id FROM log WHERE {where.clause} ORDER BY id"  # noqa: S608
        return [row[0] for row in store.execute(sql, where.parameters)]
    finally:
        store.close()


def in_python(text: str, lines: tuple[LogLine, ...] = LINES) -> list[int]:
    """Return the ids of the lines that a filter finds as a predicate."""
    wanted = log_lines.parse(text, now_us=NOW_US)
    return [
        line.id
        for line in lines
        if wanted.matches(line, NOW_US, EXCHANGES.get(line.exchange_id or 0))
    ]


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("", [1, 2, 3, 4, 5, 6]),
        ("crm", [1, 2]),
        ('"timed out"', [2]),
        ("KEYERROR", [3]),
        ("größe", [5]),
        ("level:>=warn", [2, 4, 6]),
        ("level:error,critical", [4, 6]),
        ("level!=info", [2, 4, 6]),
        ("-level:info", [2, 3, 4, 5, 6]),
        ("is:error", [3, 4, 6]),
        ("is:traceback", [3]),
        ("stream:stderr", [3]),
        ("ext:bill*", [3, 5]),
        ("worker:engine", [4]),
        ('worker:"a.b\\"c"', [6]),
        ("worker:b*", [3, 5, 6]),
        ('worker:"billing"', [3, 5]),
        ("worker!=billing", [1, 2, 4, 6]),
        ("logger:app.*", [1]),
        ("text:timed", [2]),
        ("text~^Gr.+e", [5]),
        ("/kik-\\d+/i", [1]),
        ("exchange:7", [1, 2]),
        ("exchange:*", [1, 2, 5]),
        ("id:2..4", [2, 3, 4]),
        ("has:trace", [2]),
        ("has:exchange", [1, 2, 5]),
        ("has:locals", [3]),
        ("event:issue.* level:info", [1]),
        ("v:v2", [5]),
        ("src:webhook -status:200", [5]),
        ("-event:*", [3, 4, 6]),
        ("dur:<1s status:2xx,5xx", [1, 2, 5]),
        ("trace:a*", [2]),
        ("since:35s", [4, 5, 6]),
        ("before:35s", [1, 2, 3]),
        ("crm -level:info", [2]),
        ("(ext:marketing OR is:traceback) -crm", [3]),
    ],
)
def test_each_field_finds_its_lines(text: str, found: list[int]) -> None:
    """A bare text is sought in what a line says and in its logger's name."""
    assert in_sql(text) == found
    assert in_python(text) == found


@pytest.mark.parametrize(
    ("text", "column", "sentence", "suggestion"),
    [
        ("crm levl:info", 4, "Unknown field 'levl': did you mean level:?", "level"),
        ("level:loud", 6, '"loud" in column 7 is not what level takes', ""),
        ("$.a=1", 0, "A filter of log lines has no headers and no JSON paths.", ""),
        ("tag:x", 0, "Unknown field 'tag'", ""),
        ("@none", 0, "No filter is saved as @none", ""),
        ("at:10m", 0, "at: takes a time of day, a day, or a range of times.", "since:10m"),
        ("(crm", 0, "The bracket in column 1 is not closed.", ""),
    ],
)
def test_what_cannot_be_read_names_its_column(
    text: str, column: int, sentence: str, suggestion: str
) -> None:
    """The sentence says what is wrong, and what may have been meant."""
    with pytest.raises(FilterError) as raised:
        log_lines.parse(text)
    assert raised.value.column == column
    assert sentence in raised.value.message
    if suggestion:
        assert raised.value.suggestion == suggestion


def test_saved_filters_are_read_in_the_same_language() -> None:
    """A name stands for its text, wherever it stands."""
    wanted = log_lines.parse("@bad -ext:engine", saved={"bad": "is:error"})
    assert [line.id for line in LINES if wanted.matches(line)] == [3, 6]


WORDS = st.sampled_from(
    ["crm", "is:error", "level:>=warn", "ext:b*", "stream:log", "logger:app*", "since:35s",
     "exchange:7..9", "text:100", "-ext:billing", "/K[A-Z]+/", '"%_"', "worker!=engine", "level:*"]
)  # fmt: skip
TEXTS = st.text(st.sampled_from("aA%_\\é\n*K1 "), max_size=8)
MADE = st.builds(
    LogLine,
    st.just(1), st.integers(NOW_US - 70_000_000, NOW_US), st.sampled_from(["billing", "x", ""]),
    st.sampled_from(["log", "stdout", "stderr"]), st.sampled_from(["", "INFO", "ERROR", "ODD"]),
    st.sampled_from(["", "app", "crm.x"]), TEXTS | st.just(TRACEBACK), st.just(""),
    st.none() | st.integers(6, 10),
)  # fmt: skip


@given(st.lists(WORDS, min_size=1, max_size=4), st.sampled_from([" ", " OR "]), MADE)
def test_sql_and_the_predicate_agree(words: list[str], joiner: str, line: LogLine) -> None:
    """Whatever is asked of whatever line."""
    text = joiner.join(words)
    assert in_sql(text, (line,)) == in_python(text, (line,))
