"""The platform's state is kept on disk: private, whole, and found again."""

from __future__ import annotations

import asyncio
import sqlite3
import stat
from typing import TYPE_CHECKING

import pytest

from kiket_console.engine.platform import documents as module
from kiket_console.engine.platform.documents import Documents
from kiket_console.engine.platform.state import State
from kiket_console.errors import ConsoleError

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "platform.sqlite3"


@pytest.fixture
def documents(path: Path) -> Iterator[Documents]:
    opened = Documents(path, iter(range(1, 1000)).__next__)
    yield opened
    opened.close()


@pytest.fixture
def damaged(path: Path) -> Path:
    path.write_bytes(b"no database at all" * 100)
    return path


def test_rows_are_there_when_it_is_opened_again(path: Path, documents: Documents) -> None:
    row = documents.add("things", {"a": [1, None, "ü"]})
    documents.set("name", {"b": 2})
    documents.close()

    again = Documents(path)
    assert again.row("things", row.id) == row
    assert (again.setting("name"), again.setting("other")) == ({"b": 2}, None)
    again.close()


def test_nobody_else_can_read_it(path: Path, documents: Documents) -> None:
    documents.add("things", {})

    found = [each for each in path.parent.iterdir() if each.name.startswith(path.name)]
    assert len(found) >= 2
    assert {stat.S_IMODE(each.stat().st_mode) for each in found} == {0o600}


def test_each_collection_counts_for_itself_and_never_gives_a_number_twice(
    documents: Documents,
) -> None:
    first, other = documents.add("things", {}), documents.add("others", {})
    second = documents.add("things", {})
    documents.remove("things", second.id)
    third = documents.add("things", {})

    assert (first.id, second.id, third.id, other.id) == (1, 2, 3, 1)
    assert (documents.count("things"), documents.count("others")) == (2, 1)


def test_a_removed_row_is_gone_until_it_is_restored(documents: Documents) -> None:
    row = documents.add("things", {"a": 1})
    documents.remove("things", row.id)

    assert documents.row("things", row.id) is None
    assert documents.rows("things") == []
    assert documents.restore("things", row.id) == row
    assert documents.restore("things", 99) is None


def test_removed_rows_are_gone_when_it_is_opened_again_and_their_numbers_stay_taken(
    path: Path, documents: Documents
) -> None:
    kept, removed, newest = (documents.add("things", {"n": number}) for number in range(3))
    for row in (removed, newest):
        documents.remove("things", row.id)
    documents.close()

    again = Documents(path)
    assert again.rows("things") == [kept]
    assert again.restore("things", removed.id) is None
    assert again.add("things", {}).id == newest.id + 1
    again.close()


def test_the_file_does_not_grow_without_end(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "FILE_BYTES", 256 * 1024)
    opened = Documents(path)
    with pytest.raises(sqlite3.OperationalError, match="full"):
        opened.add("things", {"text": "x" * 512 * 1024})
    opened.close()


@pytest.mark.parametrize("value", [1, 1.5, "x", "", True, False, None, [1], {"a": 1}])
def test_rows_are_found_by_what_a_field_is(documents: Documents, value: object) -> None:
    row = documents.add("things", {"an odd.näme": value})
    documents.add("things", {"an odd.näme": "something else"})

    assert documents.rows("things", equal={"an odd.näme": value}) == [row]


def test_rows_are_found_by_a_text_anywhere_in_their_values(documents: Documents) -> None:
    row = documents.add("things", {"name": "x", "deep": {"list": ["Straße %_"]}})
    documents.add("things", {"strasse": "in the name alone"})

    for text in ("STRASSE", "%_", "aße"):
        assert documents.rows("things", find=text) == [row]


def test_a_page_continues_before_the_last_row_of_another(documents: Documents) -> None:
    for _ in range(5):
        documents.add("things", {})

    assert [row.id for row in documents.rows("things", limit=2)] == [5, 4]
    assert [row.id for row in documents.rows("things", limit=2, before=4)] == [3, 2]
    assert [row.id for row in documents.rows("things", limit=2, oldest_first=True)] == [1, 2]


def test_what_only_grows_forgets_the_oldest(
    documents: Documents, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "LOG_LIMIT", 2)
    for _ in range(4):
        documents.log("notes", {})

    assert [row.id for row in documents.rows("notes")] == [4, 3]


def test_a_full_collection_says_so(documents: Documents, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "ROWS_LIMIT", 1)
    documents.add("things", {})

    with pytest.raises(ConsoleError, match="1 rows of things at most"):
        documents.add("things", {})


def test_a_damaged_file_is_put_aside_and_said(damaged: Path) -> None:
    opened = Documents(damaged)

    assert opened.count("things") == 0
    assert "starts afresh" in opened.note
    [kept] = damaged.parent.glob("platform.sqlite3.damaged-*")
    assert kept.read_bytes().startswith(b"no database")
    opened.close()


def test_a_newer_file_is_left_alone(path: Path) -> None:
    with sqlite3.connect(path) as connection:
        connection.execute("PRAGMA user_version = 99")
    connection.close()

    with pytest.raises(ConsoleError, match="newer version"):
        Documents(path)


def test_a_file_that_cannot_be_opened_is_a_sentence(tmp_path: Path) -> None:
    with pytest.raises(ConsoleError, match="cannot be opened"):
        Documents(tmp_path / "no" / "folder.sqlite3")


async def test_work_that_fails_leaves_nothing_behind(path: Path) -> None:
    state = State(path, lambda _: None)

    def fail(documents: Documents) -> None:
        documents.add("things", {})
        raise ValueError("on purpose")

    with pytest.raises(ValueError, match="on purpose"):
        await state.ask(fail)
    assert await state.ask(lambda documents: documents.count("things")) == 0
    state.close()


async def test_pieces_of_work_are_done_one_after_the_other(path: Path) -> None:
    state = State(path, lambda _: None)

    def next_number(documents: Documents) -> int:
        found = int(documents.setting("number") or 0) + 1
        documents.set("number", found)
        return found

    numbers = await asyncio.gather(*(state.ask(next_number) for _ in range(20)))
    assert numbers == list(range(1, 21))
    state.close()


async def test_a_person_is_told_once_that_a_file_was_damaged(damaged: Path) -> None:
    notes: list[str] = []
    state = State(damaged, notes.append)
    for _ in range(2):
        await state.ask(lambda documents: documents.count("things"))

    assert len(notes) == 1
    state.close()
