"""Nothing of a folder runs before the person said yes to that folder."""

from __future__ import annotations

import stat
from typing import TYPE_CHECKING

from kiket_console.paths import state_dir
from kiket_console.trust import Trust

if TYPE_CHECKING:
    from pathlib import Path


def test_a_folder_is_trusted_once_it_was_said_and_only_that_folder(own_places: Path) -> None:
    shop, other = own_places / "shop", own_places / "shop2"
    shop.mkdir()
    other.mkdir()
    assert not Trust().is_trusted(shop)
    Trust().trust(shop)
    assert Trust().is_trusted(shop)
    assert not Trust().is_trusted(other)
    assert not Trust().is_trusted(own_places)


def test_a_link_is_the_folder_that_it_leads_to(own_places: Path) -> None:
    shop, link = own_places / "shop", own_places / "link"
    shop.mkdir()
    link.symlink_to(shop)
    Trust().trust(link)
    assert Trust().is_trusted(shop)
    (own_places / "other").mkdir()
    link.unlink()
    link.symlink_to(own_places / "other")
    assert not Trust().is_trusted(link)


def test_a_file_that_others_may_write_to_says_nothing(own_places: Path) -> None:
    Trust().trust(own_places)
    file = state_dir() / "trusted.json"
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    file.chmod(0o666)
    assert not Trust().is_trusted(own_places)


def test_a_file_that_cannot_be_understood_says_nothing(own_places: Path) -> None:
    Trust().trust(own_places)
    for text in ("", "[", "[1]", '"x"'):
        (state_dir() / "trusted.json").write_text(text)
        assert not Trust().is_trusted(own_places)
    Trust().trust(own_places)
    assert Trust().is_trusted(own_places)
