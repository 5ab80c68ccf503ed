"""The store as the screen reads it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tests.snap import scene

from kiket_console.store.reader import Reader
from kiket_console.ui.store_view import StoreView

if TYPE_CHECKING:
    from kiket_console.errors import ConsoleError
    from kiket_console.paths import ProjectPaths


def test_once_closed_it_answers_with_nothing_and_opens_no_store_again(paths: ProjectPaths) -> None:
    scene.write_store(paths.store)
    reader = Reader(paths.store)
    view = StoreView(reader, trouble=lambda _: None)
    assert view.newest()[0] > 0

    view.close()

    assert view.newest() == (0, 0, 0)
    assert list(view.ids()) == []
    assert reader._connection is None


def test_what_cannot_be_read_is_told_and_is_nothing(paths: ProjectPaths) -> None:
    paths.store.write_bytes(b"no store at all, but long enough to look like a file" * 20)
    told: list[ConsoleError] = []
    view = StoreView(Reader(paths.store), told.append)

    assert view.page([1]) == []
    assert "cannot be read" in told[0].message
    view.close()
