from __future__ import annotations

import random
import sqlite3
import tempfile
from contextlib import closing
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from kiket_console.store import leaves

PAGE = 8192
VALUES = st.one_of(
    st.none(),
    st.integers(-(2**63), 2**63 - 1),
    st.text(st.characters(exclude_categories=["Cs"]), max_size=50),
    st.binary(max_size=300),
    st.integers(7_000, 30_000).map(lambda size: b"%d" % size * (size // 4)),
)


def store(folder: Path, rows: list[tuple[int, tuple[leaves.Value, ...]]]) -> Path:
    """Return a file with a table of two columns besides the row id."""
    path = folder / "rows.sqlite3"
    with closing(sqlite3.connect(path, isolation_level=None)) as connection:
        connection.execute("PRAGMA synchronous = OFF")
        connection.execute(f"PRAGMA page_size = {PAGE}")
        connection.execute("PRAGMA auto_vacuum = INCREMENTAL")
        connection.execute("CREATE TABLE wanted (id INTEGER PRIMARY KEY, a, b)")
        connection.execute("CREATE INDEX beside ON wanted (a)")
        connection.execute("BEGIN")
        connection.executemany(
            "INSERT INTO wanted VALUES (?,?,?)", [(row_id, *values) for row_id, values in rows]
        )
        connection.execute("COMMIT")
    return path


@settings(max_examples=30, deadline=None)
@given(st.dictionaries(st.integers(1, 2**62), st.tuples(VALUES, VALUES), max_size=40))
def test_every_row_is_read_as_sqlite_wrote_it(
    rows: dict[int, tuple[leaves.Value, ...]],
) -> None:
    """Long rows go on on other pages; what a page has of an index is no row."""
    with tempfile.TemporaryDirectory() as folder:
        raw = store(Path(folder), list(rows.items())).read_bytes()

    found = {row.id: row.values[1:] for row in leaves.rows(raw, PAGE)}

    assert found == rows


def test_rows_that_were_deleted_stay_deleted(tmp_path: Path) -> None:
    path = store(tmp_path, [(number, (b"x" * 500, None)) for number in range(1, 500)])
    with closing(sqlite3.connect(path)) as connection:
        connection.execute("PRAGMA secure_delete = OFF")
        connection.execute("DELETE FROM wanted WHERE id BETWEEN 100 AND 400")
        connection.commit()
    raw = path.read_bytes()

    there = {row.id for row in leaves.rows(raw, PAGE)}

    assert there == {*range(1, 100), *range(401, 500)}


@pytest.mark.parametrize("seed", range(10))
def test_noise_is_no_row_and_no_error(tmp_path: Path, seed: int) -> None:
    """Whatever stands on a page; rows of other pages are read all the same."""
    chance = random.Random(seed)  # noqa: S311 - the same noise each time
    path = store(tmp_path, [(number, (number, b"y" * 900)) for number in range(1, 200)])
    raw = bytearray(path.read_bytes())
    for _ in range(40):
        at = chance.randrange(PAGE, len(raw) - 100)
        raw[at : at + 50] = chance.randbytes(50)

    found = list(leaves.rows(bytes(raw), PAGE))

    sound = [row for row in found if row.values == (None, row.id, b"y" * 900)]
    assert len(sound) > 50
