"""Names, times and versions of secrets are on disk whole, for this user alone, never a value."""

from __future__ import annotations

import asyncio
import json
import stat
from typing import TYPE_CHECKING

import pytest

from kiket_console.engine.secrets import index as indexes
from kiket_console.engine.secrets.index import Index, Row
from kiket_console.errors import ConsoleError

if TYPE_CHECKING:
    from pathlib import Path


async def test_what_is_changed_is_on_disk_readable_by_this_user_alone(own_places: Path) -> None:
    file = own_places / "index.json"
    async with Index(file).changing() as rows:
        rows["A"] = Row(1, 2, 3, 4, is_kept=False)
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    assert Index(file).rows() == {"A": Row(1, 2, 3, 4, is_kept=False)}


def test_what_earlier_versions_wrote_is_read(own_places: Path) -> None:
    file = own_places / "index.json"
    file.write_text('{"A": [1, 2], "B": {"created_us": 3, "updated_us": 4, "version": 5}}')
    assert Index(file).rows() == {"A": Row(1, 2), "B": Row(3, 4, 5)}
    assert Row(1, 2) == Row(1, 2, version=1, previous_until_us=0, is_kept=True)


async def test_of_what_fails_nothing_is_written(own_places: Path) -> None:
    file = own_places / "index.json"

    async def fail(index: Index) -> None:
        async with index.changing() as rows:
            rows["A"] = Row(1, 2)
            raise KeyError("the keyring failed")

    for index in (Index(file), Index(None)):
        with pytest.raises(KeyError, match="the keyring failed"):
            await fail(index)
        assert index.rows() == {}
    assert not file.exists()


async def test_two_engines_lose_none_of_each_others_changes(
    own_places: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Each has an index of its own over the one file that all projects share."""
    monkeypatch.setattr(indexes, "PATIENCE_S", 120.0)
    file = own_places / "index.json"

    async def count(index: Index, name: str) -> None:
        for _ in range(5):
            async with index.changing() as rows:
                both = rows.get("BOTH", Row(0, 0, version=0))
                await asyncio.sleep(0)  # the keyring's turn
                rows["BOTH"] = Row(0, 0, version=both.version + 1)
                rows[name] = Row(1, 1)

    engines = [Index(file) for _ in range(3)]
    await asyncio.gather(*(count(each, f"N{at}") for at, each in enumerate(engines)))
    for each in engines:  # each sees what the others did last
        assert each.rows()["BOTH"].version == 15
        assert set(each.rows()) == {"BOTH", "N0", "N1", "N2"}


async def test_an_engine_that_does_not_let_go_is_not_waited_for_for_ever(
    own_places: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(indexes, "PATIENCE_S", 0.05)
    file = own_places / "index.json"
    async with Index(file).changing():
        with pytest.raises(ConsoleError, match="Another engine has been changing secrets"):
            async with Index(file).changing():
                raise AssertionError("two may change it at once")
    async with Index(file).changing() as rows:
        rows["A"] = Row(1, 2)


@pytest.mark.parametrize(
    "raw",
    [b"[1", b"[]", b'{"A": [1]}', b'{"A": {"created_us": "x", "updated_us": 1}}', b"\xff\xfe"],
)
def test_a_file_that_makes_no_sense_is_told_and_left_as_it_is(own_places: Path, raw: bytes) -> None:
    file = own_places / "index.json"
    file.write_bytes(raw)
    with pytest.raises(ConsoleError, match="cannot be read") as refused:
        Index(file).rows()
    assert "Remove it" in refused.value.hint
    assert file.read_bytes() == raw


async def test_a_lock_that_is_a_link_to_elsewhere_is_refused(own_places: Path) -> None:
    target = own_places / "target"
    target.write_text(json.dumps({}))
    (own_places / "index.json.lock").symlink_to(target)
    with pytest.raises(ConsoleError, match="Cannot write"):
        async with Index(own_places / "index.json").changing():
            raise AssertionError("it was followed")
