"""Read a project's kiket.toml or a person's own files of settings, and change them."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

from kiket_console.errors import ConsoleError, ExitCode
from kiket_console.plain_file import read_plain

if TYPE_CHECKING:
    from pathlib import Path

PROJECT_FILE = "kiket.toml"
LIMIT_BYTES = 64 * 1024
_HEADER = re.compile(r"\s*\[+\s*([^\]#]*?)\s*\]")
_KEY = re.compile(r"""\s*["']?([\w-]+)["']?\s*=""", re.ASCII)


def read(file: Path) -> dict[str, Any]:
    """Return what *file* says, nothing when it is not there.

    Raises `ConsoleError` when it cannot be read, is larger than `LIMIT_BYTES`, or is no TOML.
    """
    import tomllib

    try:
        return tomllib.loads(text_of(file))
    except (ValueError, RecursionError) as error:  # not TOML, or nested too deep
        raise _bad(f"{file} cannot be understood: {error}.", "Correct it there.") from error


def text_of(file: Path) -> str:
    """Return the text of *file*, nothing when it is not there; raises `ConsoleError` as `read`."""
    try:
        raw_text = read_plain(file, LIMIT_BYTES)
        if len(raw_text) > LIMIT_BYTES:
            raise _bad(f"{file} has more than {LIMIT_BYTES // 1024} KiB.", "Keep it short.")
        return raw_text.decode("utf-8").replace("\r\n", "\n")
    except FileNotFoundError:
        return ""
    except OSError as error:
        raise _bad(f"{file} cannot be read: {error.strerror}.", "Make it readable.") from error
    except UnicodeDecodeError as error:
        raise _bad(f"{file} cannot be understood: {error}.", "Correct it there.") from error


def key_lines(text: str, table: str = "") -> dict[str, int]:
    """Return on which line of *text* each key of *table* stands, from 1, as far as lines tell."""
    found: dict[str, int] = {}
    inside = ""
    for number, line in enumerate(text.split("\n"), start=1):
        header, key = _HEADER.match(line), _KEY.match(line)
        if header:
            inside = header[1]
        elif key and inside == table:
            found.setdefault(key[1], number)
    return found


def with_line(text: str, table: str, name: str, value: str | None) -> str | None:
    """Return *text* with `name = value` in *table*, without that line when *value* is None.

    No other line is touched, so that comments stay. Returns None where that cannot be: the value
    stands on several lines, or the table is written in another way. *value* is TOML.
    """
    import tomllib

    lines = text.split("\n") if text else []
    at = key_lines(text, table).get(name)
    if at is not None:
        comment = re.search(r"""\s+#[^"'\]]*$""", lines[at - 1])
        kept = comment[0] if comment else ""
        lines[at - 1 : at] = [] if value is None else [f"{name} = {value}{kept}"]
    elif value is not None:
        lines[_place_in(lines, table) :] = _added(lines, table, f"{name} = {value}")
    changed = "\n".join(lines)
    try:
        before, after = tomllib.loads(text), tomllib.loads(changed)
        there, wanted = (part.setdefault(table, {}) if table else part for part in (before, after))
        there.pop(name, None)
        is_there = wanted.pop(name, None) is not None
    except (ValueError, AttributeError, TypeError):
        return None
    return changed if before == after and is_there == (value is not None) else None


def rewrite(file: Path, text: str) -> None:
    """Make *text* what *file* says; a link to it stays one, and so does who may read it.

    A new one is readable by this user alone. Raises `ConsoleError` when it cannot be written.
    """
    from kiket_console.private_file import write_private

    target = file.resolve()
    try:
        target.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        mode = target.stat().st_mode & 0o777 if target.exists() else 0o600
        write_private(target, text.encode())
        target.chmod(mode)
    except OSError as error:
        raise _bad(f"Cannot write {file}: {error.strerror}.", "Make it writable.") from error


def _place_in(lines: list[str], table: str) -> int:
    """Return behind which line the last one of *table* stands, or the end where there is none."""
    headers = [number for number, line in enumerate(lines) if _HEADER.match(line)]
    begins = [at for at in headers if (found := _HEADER.match(lines[at])) and found[1] == table]
    if table and not begins:
        return len(lines)
    start = begins[0] + 1 if table else 0
    end = next((at for at in headers if at >= start), len(lines))
    while end > start and not lines[end - 1].strip():
        end -= 1
    return end


def _added(lines: list[str], table: str, line: str) -> list[str]:
    """Return what replaces the lines from the place of *line* on."""
    at = _place_in(lines, table)
    is_new = table and not any(
        (found := _HEADER.match(each)) and found[1] == table for each in lines
    )
    before = [*([""] if at and lines[at - 1].strip() else []), f"[{table}]"] if is_new else []
    return [*before, line, *(lines[at:] or [""])]


def _bad(message: str, hint: str) -> ConsoleError:
    return ConsoleError(message, hint=hint, exit_code=ExitCode.CONFIG)
