"""A project's `.env`: variables for its workers, and settings of ours by `KIKET_CONSOLE_…`.

Only the project's own folder is looked into, or the file that the command line names. What stands
in the real environment wins. Values are taken as they stand: nothing is put in for `${…}`.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final

from kiket_console.errors import ConsoleError, ExitCode
from kiket_console.plain_file import read_plain

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

FILE_NAME: Final = ".env"
LIMIT_BYTES: Final = 64 * 1024
LIMIT_VARIABLES: Final = 200
SHORTEST_SECRET: Final = 6
_NAME = re.compile(r"[A-Za-z_]\w{0,199}", re.ASCII)
_SECRET_NAME = re.compile(r"SECRET|TOKEN|KEY|PASS|CREDENTIAL|DSN", re.IGNORECASE)
_PASSWORD_OF_URL = re.compile(r"[A-Za-z][\w+.-]{0,30}://[^\s/?#@]{0,500}?:([^\s/?#]{1,500})@")
BLANKS = re.compile(r"[^\S\r\n]{1000}")
"""Nobody writes so many in a row, and the parser's time grows with their square."""
_PLAIN = re.compile(r"[\d.,_-]+|true|false|none|null|enabled|disabled", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class EnvFile:
    """What one file says; its values are in no representation of it."""

    path: Path
    variables: Mapping[str, str] = field(repr=False)
    lines: Mapping[str, int]
    """Where each variable stands, from 1."""

    def source(self, name: str) -> str:
        """Return the file and line of variable *name*."""
        return f"{self.path}:{self.lines[name]}"


def find(folder: Path, named: Path | None = None) -> EnvFile | None:
    """Return what the project in *folder* sets, or what the file *named* does; None: no such file.

    Raises `ConsoleError` with file and line when it cannot be used, or when *named* is not there.
    """
    found = read(named or folder / FILE_NAME)
    if found is None and named is not None:
        raise _bad(f"There is no file {named}.", "Name another with --env-file.")
    return found


def read(
    path: Path, *, limit_bytes: int = LIMIT_BYTES, limit_variables: int = LIMIT_VARIABLES
) -> EnvFile | None:
    """Return what *path* says, or None when it is not there.

    Raises `ConsoleError` when it cannot be read, is no plain file, or is longer than we take; with
    its line when it cannot be understood.
    """
    text = text_of(path, limit_bytes=limit_bytes)
    if text is None:
        return None
    from io import StringIO

    from dotenv.parser import parse_stream

    if (blanks := BLANKS.search(text)) is not None:
        line = text.count("\n", 0, blanks.start()) + 1
        raise _bad(f"{path}:{line} has a thousand blanks in a row.", "Take them out.")
    variables: dict[str, str] = {}
    lines: dict[str, int] = {}
    for binding in parse_stream(StringIO(text)):
        original = binding.original.string
        blank = len(original) - len(original.lstrip())
        line = binding.original.line + original[:blank].count("\n")
        if binding.error:
            raise _bad(f"{path}:{line} cannot be understood.", "Write NAME=value there.")
        if binding.key is None:
            continue
        if not _NAME.fullmatch(binding.key):
            raise _bad(f"{path}:{line} does not begin with a variable's name.", "Write NAME=value.")
        if binding.value is None:  # `NAME` alone means the real environment's, which counts anyway
            continue
        if "\0" in binding.value:
            raise _bad(f"{path}:{line} has a NUL character.", "No variable can hold one.")
        variables[binding.key], lines[binding.key] = binding.value, line
        if len(variables) > limit_variables:
            raise _bad(f"{path} sets more than {limit_variables} variables.", "Keep it short.")
    return EnvFile(path, variables, lines)


def secret_part(name: str, value: str) -> str:
    """Return what of a variable nobody should see: all, the password of a URL, or nothing."""
    inside = _PASSWORD_OF_URL.match(value)
    if inside:
        return inside[1]
    long = len(value) >= SHORTEST_SECRET
    return value if long and _SECRET_NAME.search(name) and not _PLAIN.fullmatch(value) else ""


def text_of(path: Path, *, limit_bytes: int = LIMIT_BYTES) -> str | None:
    """Return the text of *path* with the line ends that it has; None and errors as `read`."""
    try:
        raw = read_plain(path, limit_bytes)
        if len(raw) > limit_bytes:
            raise _bad(f"{path} has more than {limit_bytes // 1024} KiB.", "Keep it short.")
        return raw.decode("utf-8-sig")
    except FileNotFoundError:
        return None
    except OSError as error:
        raise _bad(f"{path} cannot be read: {error.strerror}.", "Make it readable.") from error
    except UnicodeDecodeError as error:
        line = error.object.count(b"\n", 0, error.start) + 1
        raise _bad(f"{path}:{line} is not UTF-8.", "Save it as UTF-8.") from error


def _bad(message: str, hint: str) -> ConsoleError:
    return ConsoleError(message, hint=hint, exit_code=ExitCode.CONFIG)
