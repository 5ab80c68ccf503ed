from __future__ import annotations

import os
import stat
from pathlib import Path
from types import SimpleNamespace

import pytest

from kiket_console.errors import ConsoleError
from kiket_console.paths import (
    LONGEST_RUN_FOLDER,
    ProjectPaths,
    assets_dir,
    private_dir,
    project_key,
    state_dir,
)


def mode(place: Path) -> int:
    return stat.S_IMODE(place.stat().st_mode)


def test_two_folders_of_one_name_have_places_of_their_own(tmp_path: Path) -> None:
    first, second = tmp_path / "a" / "shop", tmp_path / "b" / "shop"

    assert project_key(first) != project_key(second)
    assert project_key(first).startswith("shop-")


def test_a_folder_reached_by_a_link_is_the_same_project(tmp_path: Path) -> None:
    (tmp_path / "shop").mkdir()
    (tmp_path / "link").symlink_to("shop")

    assert project_key(tmp_path / "link") == project_key(tmp_path / "shop")


@pytest.mark.parametrize("name", ["a b/../c", "été", "x" * 200, "-", "..."])
def test_a_key_is_a_plain_short_name_whatever_the_folder_is_called(
    tmp_path: Path, name: str
) -> None:
    key = project_key(tmp_path / name)

    assert key.isascii()
    assert len(key) <= 37
    assert "/" not in key
    assert not key.startswith((".", "-"))


def test_places_lie_in_the_users_state_and_run_folders(own_places: Path) -> None:
    paths = ProjectPaths(own_places)

    assert state_dir() == own_places / "state" / "kiket-console"
    assert paths.state == state_dir() / "projects" / paths.key
    assert paths.control_socket == (own_places / "r" / "kiket-console" / paths.key / "control.sock")


def test_without_a_run_folder_sockets_lie_beside_the_stores(
    own_places: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("XDG_RUNTIME_DIR")
    paths, other = ProjectPaths(own_places), ProjectPaths(own_places / "state")
    paths.make()

    assert paths.run.parent == state_dir() / "run"
    assert paths.run != other.run
    assert mode(paths.run) == mode(paths.run.parent) == 0o700


def test_sockets_beside_the_stores_have_short_paths_whatever_the_project_is_called(
    own_places: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A container has no `XDG_RUNTIME_DIR`, and people have long names."""
    monkeypatch.delenv("XDG_RUNTIME_DIR")
    monkeypatch.setenv("XDG_STATE_HOME", "/home/bartholomew.featherstone/.local/state")

    run = ProjectPaths(own_places / "a-project-with-quite-a-name").run

    assert len(str(run)) <= LONGEST_RUN_FOLDER


def test_places_are_the_users_alone(own_places: Path) -> None:
    paths = ProjectPaths(own_places)
    paths.make()
    paths.make()

    assert mode(paths.state) == 0o700
    assert mode(paths.run) == 0o700


def test_a_place_that_others_could_read_is_closed(tmp_path: Path) -> None:
    place = tmp_path / "state"
    place.mkdir(mode=0o755)

    private_dir(place)

    assert mode(place) == 0o700


def test_a_place_that_is_a_link_or_a_file_is_refused(tmp_path: Path) -> None:
    """Whoever can plant a link must not choose where secrets go."""
    (tmp_path / "elsewhere").mkdir()
    (tmp_path / "link").symlink_to("elsewhere")
    (tmp_path / "file").touch()

    with pytest.raises(ConsoleError, match="link is not a folder"):
        private_dir(tmp_path / "link")
    with pytest.raises(ConsoleError, match="Cannot write to the state folder"):
        private_dir(tmp_path / "file")


def test_a_place_that_cannot_be_made_is_named_with_the_way_out() -> None:
    """Nobody, not even root, can make a folder in /proc."""
    place = Path("/proc/self/kiket-console")

    with pytest.raises(ConsoleError) as refused:
        private_dir(place)

    assert str(refused.value) == (
        f"Cannot write to the state folder {place}: No such file or directory. "
        "Make it writable, or set XDG_STATE_HOME to a folder that is."
    )


@pytest.mark.skipif(os.getuid() != 0, reason="only root can give a folder away")
def test_a_place_of_somebody_else_is_refused(tmp_path: Path) -> None:
    place = tmp_path / "state"
    place.mkdir()
    os.chown(place, 12345, 12345)

    with pytest.raises(ConsoleError, match="belongs to user 12345, not to you"):
        private_dir(place)


@pytest.mark.skipif(os.getuid() != 0, reason="only root can give a folder away")
def test_a_place_below_a_folder_of_somebody_else_is_refused(own_places: Path) -> None:
    """Whoever owns the folder above could put another in the place of ours."""
    squatted = own_places / "r" / "kiket-console"
    squatted.mkdir(mode=0o700)
    os.chown(squatted, 12345, 12345)

    with pytest.raises(ConsoleError) as refused:
        ProjectPaths(own_places).make()

    assert refused.value.message == f"{squatted} belongs to user 12345, not to you."


def test_a_place_in_a_folder_that_everybody_may_change_is_refused(
    own_places: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """One with the sticky bit, as the system's folder for temporary files has it, will do."""
    shared = own_places / "shared"
    shared.mkdir()
    monkeypatch.setenv("XDG_RUNTIME_DIR", str(shared))
    shared.chmod(0o1777)
    ProjectPaths(own_places).make()
    shared.chmod(0o777)

    with pytest.raises(ConsoleError) as refused:
        ProjectPaths(own_places).make()

    assert refused.value.message == (
        f"{shared} is open to everybody, so what we keep in it could be exchanged."
    )
    assert "XDG_RUNTIME_DIR" in refused.value.hint


def test_every_folder_that_is_made_is_private_whatever_the_umask(own_places: Path) -> None:
    earlier = os.umask(0)
    try:
        ProjectPaths(own_places).make()
    finally:
        os.umask(earlier)
    made = [place for place in own_places.rglob("*") if place.is_dir()]
    assert {mode(place) for place in made} == {0o700}
    assert len(made) >= 6


def test_a_socket_folder_that_is_too_deep_is_refused(
    own_places: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A Unix socket's path has about a hundred bytes, whatever the file system allows."""
    monkeypatch.setenv("XDG_RUNTIME_DIR", str(own_places / ("d" * 90)))

    with pytest.raises(ConsoleError, match="too long a path") as refused:
        ProjectPaths(own_places).make()

    assert "XDG_RUNTIME_DIR" in refused.value.hint


def test_a_state_folder_on_a_disk_for_reading_alone_is_told_as_that(
    own_places: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    place = own_places / "kiket-console"
    place.mkdir(mode=0o700)
    monkeypatch.setattr(os, "access", lambda *_: False)
    monkeypatch.setattr(os, "statvfs", lambda _: SimpleNamespace(f_flag=os.ST_RDONLY))
    with pytest.raises(ConsoleError, match="Read-only file system"):
        private_dir(place)


def test_the_bundled_sample_is_found() -> None:
    assert (assets_dir() / "samples" / "marketing" / "extension.yaml").is_file()
