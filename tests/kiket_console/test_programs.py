"""A program that cannot be run is told in one sentence: why, and what to do."""

from __future__ import annotations

import platform
import sys
from typing import TYPE_CHECKING

import pytest

from kiket_console.programs import CannotRunError, check, resolved

if TYPE_CHECKING:
    from pathlib import Path


def script(place: Path, text: bytes, mode: int = 0o755) -> Path:
    place.write_bytes(text)
    place.chmod(mode)
    return place


def elf(machine: int) -> bytes:
    return b"\x7fELF\x02\x01\x01" + bytes(9) + b"\x02\x00" + machine.to_bytes(2, "little")


def told(place: Path) -> str:
    with pytest.raises(CannotRunError) as error:
        check(place)
    return str(error.value).replace(str(place), "PROGRAM")


def test_a_program_is_found_on_the_path_or_in_the_folder(own_places: Path) -> None:
    here = script(own_places / "run", b"#!/bin/sh\n")
    assert resolved("./run", own_places, "/bin") == here
    assert resolved("sh", own_places, "/bin:/usr/bin").name == "sh"
    assert resolved(sys.executable, own_places, "") == own_places / sys.executable


def test_a_program_that_is_nowhere_is_told(own_places: Path) -> None:
    script(own_places / "run", b"#!/bin/sh\n")
    with pytest.raises(CannotRunError) as error:
        resolved("run", own_places, "/nowhere")
    assert str(error.value) == (
        "There is no program 'run' on PATH; install it, or write its path as \"./run\" if it is "
        "in its folder."
    )


def test_a_folder_that_is_gone_is_told(own_places: Path) -> None:
    with pytest.raises(CannotRunError) as error:
        resolved("sh", own_places / "gone", "/bin")
    assert str(error.value) == (
        f"The folder {own_places / 'gone'} is not there any more; put it back, or correct path in "
        "kiket.toml."
    )


def test_what_cannot_be_run_is_told_apart(own_places: Path) -> None:
    place = own_places / "program"
    assert told(place) == "There is no file PROGRAM; correct its path in kiket.toml."
    place.symlink_to(own_places / "old")
    assert told(place) == (
        f"PROGRAM leads to {own_places / 'old'}, which is gone; install it again, or make the "
        "link anew."
    )
    place.unlink()
    place.mkdir()
    assert told(place) == "PROGRAM is a folder, no program; correct its path in kiket.toml."
    place.rmdir()
    script(place, b"#!/bin/sh\n", 0o644)
    assert told(place) == "PROGRAM is not executable; allow it with `chmod +x PROGRAM`."
    script(place, b"#!/opt/none/python\n")
    assert told(place) == (
        "PROGRAM begins with #!/opt/none/python, and there is no such program; correct its first "
        "line."
    )
    script(place, b"#!/usr/bin/env sh\r\n")
    check(place)


@pytest.mark.skipif(platform.machine() not in ("x86_64", "aarch64"), reason="names one of them")
def test_a_program_for_another_machine_is_told(own_places: Path) -> None:
    mine, other, number = ("x86_64", "aarch64", 183)
    if platform.machine() == "aarch64":
        mine, other, number = ("aarch64", "x86_64", 62)
    place = script(own_places / "program", elf(number))
    assert told(place) == (
        f"PROGRAM is built for {other}, and this is {mine}; build it for this machine."
    )


@pytest.mark.skipif(sys.platform != "linux", reason="a Mac's programs begin otherwise")
@pytest.mark.parametrize("text", [b"", b"print('hello')\n", b"\xcf\xfa\xed\xfe"])
def test_a_file_that_is_no_program_is_told(own_places: Path, text: bytes) -> None:
    place = script(own_places / "program", text)
    assert told(place) == (
        "PROGRAM is neither a program for this machine nor a script with a first line such as "
        "#!/bin/sh; add that line, or name its interpreter first in command."
    )
