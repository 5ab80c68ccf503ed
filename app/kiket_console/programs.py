"""Why a program cannot be run, told before the system says it in two words."""

from __future__ import annotations

import os
import platform
import shutil
from pathlib import Path

_HEAD_BYTES = 256
_MACHINES = {
    3: "i386",
    40: "arm",
    62: "x86_64",
    183: "aarch64",
    243: "riscv64",
}
"""The numbers of an ELF file's `e_machine`."""


class CannotRunError(Exception):
    """A program cannot be run; the text is a sentence that says why, and what to do."""


def resolved(program: str, folder: Path, search_path: str) -> Path:
    """Return the file that *program* names: on *search_path*, or relative to *folder*.

    Raises `CannotRunError` when there is none, or it cannot be run there.
    """
    if not folder.is_dir():
        raise CannotRunError(
            f"The folder {folder} is not there any more; put it back, or correct path in "
            "kiket.toml."
        )
    if "/" in program:
        place = folder / program
    else:
        found = shutil.which(program, path=search_path)
        if found is None:
            raise CannotRunError(
                f"There is no program {program!r} on PATH; install it, or write its path as "
                f'"./{program}" if it is in its folder.'
            )
        place = Path(found)
    check(place)
    return place


def check(place: Path) -> None:
    """Raise `CannotRunError` when the file *place* cannot be run on this machine."""
    if place.is_symlink() and not place.exists():
        raise CannotRunError(
            f"{place} leads to {place.readlink()}, which is gone; install it again, or make "
            "the link anew."
        )
    if not place.exists():
        raise CannotRunError(f"There is no file {place}; correct its path in kiket.toml.")
    if not place.is_file():
        raise CannotRunError(f"{place} is a folder, no program; correct its path in kiket.toml.")
    if not os.access(place, os.X_OK):
        raise CannotRunError(f"{place} is not executable; allow it with `chmod +x {place}`.")
    try:
        with place.open("rb") as opened:
            raw_head = opened.read(_HEAD_BYTES)
    except OSError:  # to be run, not to be read
        return
    why = _foreign(place, raw_head)
    if why:
        raise CannotRunError(why)


def _foreign(place: Path, raw_head: bytes) -> str:
    """Say why a file with this beginning is no program for this machine; else nothing."""
    if raw_head.startswith(b"#!"):
        words = raw_head[2:].splitlines()[0].split() if raw_head[2:].strip() else []
        interpreter = os.fsdecode(words[0]) if words else ""
        if interpreter and Path(interpreter).is_file():
            return ""
        return (
            f"{place} begins with #!{interpreter}, and there is no such program; correct its "
            "first line."
        )
    if raw_head.startswith(b"\x7fELF") and len(raw_head) >= 20:
        order = "little" if raw_head[5] == 1 else "big"
        number = int.from_bytes(raw_head[18:20], order)  # type: ignore[arg-type]  # one of two words
        machine = _MACHINES.get(number, f"machine {number}")
        mine = platform.machine()
        runs_too = {"x86_64": ("i386",), "aarch64": ("arm",)}.get(mine, ())
        if mine in _MACHINES.values() and machine != mine and machine not in runs_too:
            return f"{place} is built for {machine}, and this is {mine}; build it for this machine."
        return ""
    if platform.system() == "Linux" and not raw_head.startswith(b"\x7fELF"):
        return (
            f"{place} is neither a program for this machine nor a script with a first line such "
            "as #!/bin/sh; add that line, or name its interpreter first in command."
        )
    return ""
