"""Filters that have a name: the person's own in `filters.toml`, the project's in `kiket.toml`.

    slow = "dur:>1s -is:replayed"       a line of filters.toml, or of [filters] in kiket.toml

A filter names another one as `@slow`. Where both files have a name, the project's counts.
"""

from __future__ import annotations

import json
import re
from difflib import get_close_matches
from typing import TYPE_CHECKING, Any, Final

from msgspec import Struct

from kiket_console import filters, paths, settings_file
from kiket_console.errors import ConsoleError, ExitCode
from kiket_console.settings_file import PROJECT_FILE

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

TAKEN: Final = frozenset({"all", "focus", "shown", "hidden", "marked", "unmarked"})
"""Names with a meaning of their own."""
MOST: Final = 500
_NAME: Final = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_-]{0,63}")


class SavedFilter(Struct, frozen=True):
    """A filter and its name, and the file that it is kept in."""

    name: str
    text: str
    source: Path
    is_project: bool


def load(folder: Path) -> dict[str, str]:
    """Return the texts of the filters that the project in *folder* can use, by name.

    Raises `ConsoleError` for a file that cannot be read, or that holds something else.
    """
    return {each.name: each.text for each in listed(folder)}


def listed(folder: Path) -> list[SavedFilter]:
    """Return the filters that the project in *folder* can use, by name; raises `ConsoleError`."""
    user_file, project_file = paths.filters_file(), folder / PROJECT_FILE
    mine = _checked(settings_file.read(user_file), str(user_file))
    table = settings_file.read(project_file).get("filters", {})
    ours = _checked(table, f"{project_file} [filters]")
    found = {name: SavedFilter(name, text, user_file, False) for name, text in mine.items()}
    found |= {name: SavedFilter(name, text, project_file, True) for name, text in ours.items()}
    return [found[name] for name in sorted(found)]


def save(
    name: str,
    text: str,
    folder: Path | None = None,
    *,
    parse: Callable[..., object] = filters.parse,
) -> Path:
    """Keep *text* under *name* among the person's own filters; return the file.

    *folder* is the project whose filters *text* may name, *parse* what reads the text, if it is
    not a filter of exchanges. Raises `ConsoleError` for a name that
    cannot be one, a text that is no filter (`FilterError`), or a file that cannot be written.
    """
    user_file = paths.filters_file()
    mine = _checked(settings_file.read(user_file), str(user_file))
    if not _NAME.fullmatch(name) or name in TAKEN:
        why = "has a meaning of its own" if name in TAKEN else "cannot be a filter's name"
        raise ConsoleError(
            f'"{name[:80]}" {why}.',
            hint="Use letters, digits, - and _, as in slow-hooks.",
            exit_code=ExitCode.USAGE,
        )
    if not text.strip():
        raise ConsoleError("There is no filter to save.", exit_code=ExitCode.USAGE)
    known = mine if folder is None else load(folder)
    parse(f"@{name}", saved={**known, name: text})  # also that it is no part of itself
    _write(user_file, {**mine, name: text})
    return user_file


def forget(name: str, folder: Path | None = None) -> None:
    """Forget one of the person's own filters; raises `ConsoleError` when there is none of it."""
    user_file = paths.filters_file()
    mine = _checked(settings_file.read(user_file), str(user_file))
    if name not in mine:
        ours = {} if folder is None else load(folder)
        near = get_close_matches(name, mine, n=1)
        if name in ours:
            message, hint = f"@{name} is the project's.", f"Remove it from {PROJECT_FILE}."
        else:
            message = f"No filter of yours is saved as @{name[:80]}."
            hint = f"Did you mean @{near[0]}?" if near else ""
        raise ConsoleError(message, hint=hint, exit_code=ExitCode.USAGE)
    _write(user_file, {each: text for each, text in mine.items() if each != name})


def _checked(table: Any, source: str) -> dict[str, str]:
    if not isinstance(table, dict):
        raise _bad(f"{source} is not a table.", 'Write lines such as slow = "dur:>1s".')
    for name, text in table.items():
        if not _NAME.fullmatch(name) or name in TAKEN:
            raise _bad(
                f'{source} has a filter named "{name[:80]}".',
                f"A name has letters, digits, - and _, and is none of {', '.join(sorted(TAKEN))}.",
            )
        if not isinstance(text, str):
            raise _bad(f'The filter "{name}" of {source} is no text.', f'Write {name} = "…".')
    return dict(table)


def _bad(message: str, hint: str) -> ConsoleError:
    return ConsoleError(message, hint=hint, exit_code=ExitCode.CONFIG)


def _write(file: Path, texts: dict[str, str]) -> None:
    lines = [f"{name} = {_quoted(text)}\n" for name, text in sorted(texts.items())]
    text = "".join(lines)
    if len(texts) > MOST or len(text.encode()) > settings_file.LIMIT_BYTES:
        raise _bad(f"{file} would have more filters than fit.", "Forget some of them.")
    settings_file.rewrite(file, text)


def _quoted(text: str) -> str:
    """Return *text* as a string of TOML, which are JSON's but for one character."""
    return json.dumps(text, ensure_ascii=False).replace("\x7f", "\\u007f")
