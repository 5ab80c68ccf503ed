"""Take secrets out of a `.env` into the vault, and write them into one.

Nothing is changed without a plan that a person has seen: `to_import` and `to_export` say of each
name what would become of it, `export` and `take_out` do what is left of the plan. Values are
written so that python-dotenv, and what else reads such files, gets the same text back.
"""

from __future__ import annotations

import re
import subprocess
from dataclasses import dataclass, field, replace
from enum import StrEnum
from typing import TYPE_CHECKING, Final

from kiket_console import env_file
from kiket_console.errors import ConsoleError, ExitCode
from kiket_console.private_file import write_private
from kiket_console.text import reading_order
from kiket_console.wire_secrets import SECRET_NAME
from kiket_sdk.utils import environment_secret_name

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Mapping
    from pathlib import Path

    from kiket_console.env_file import EnvFile

LIMIT_BYTES: Final = 256 * 1024
"""A file that is imported, or added to, may be longer than a project's own `.env`."""
LIMIT_VARIABLES: Final = 1000
VALUE_LIMIT: Final = 64 * 1024
"""Characters that the vault takes of one value."""
_SETTINGS = "KIKET_CONSOLE_"
_GIT_LIMIT_S = 3.0
_KEEPABLE = re.compile(SECRET_NAME)
_VARIABLE = re.compile(r"[A-Za-z_]\w*", re.ASCII)
_BARE = re.compile(r"[\w./:@%+,=-]+", re.ASCII)
"""What means itself without quotes, in `.env` files and in shells."""
_FILLED_IN = re.compile(r"\$\{[^}]*\}")
_ESCAPED = re.compile(r"[\x00-\x1f\x7f\\']")
_ESCAPES = str.maketrans(
    {"\\": "\\\\", '"': '\\"', "\n": "\\n", "\r": "\\r", "\t": "\\t", "\f": "\\f", "\v": "\\v",
     "\a": "\\a", "\b": "\\b"}
)  # fmt: skip


class Comparison(StrEnum):
    """What a name is where it would be written to."""

    NEW = "new"
    SAME = "same"
    DIFFERENT = "different"
    UNUSABLE = "unusable"


@dataclass(frozen=True, slots=True)
class Row:
    """One name of a plan."""

    name: str
    comparison: Comparison
    value: str = field(default="", repr=False)
    reason: str = ""
    """Why it is not usable, in a few words without a full stop."""
    line: int = 0
    """Where it stands in the file, from 1; 0 when it does not."""
    chosen: bool = False
    """Whether it is proposed: a change, of what looks like a secret or is asked for."""
    variable: str = ""
    """What a file calls it where that is another name: KIKET_SECRET_CRM_APIKEY for crm.apiKey."""

    @property
    def in_file(self) -> str:
        """Return what a file calls it."""
        return self.variable or self.name

    @property
    def is_filled_in(self) -> bool:
        """Whether readers of files that put something in for `${NAME}` would get another text."""
        return _FILLED_IN.search(self.value) is not None

    @property
    def usable(self) -> bool:
        """Whether it can be chosen: it would change something."""
        return self.comparison in (Comparison.NEW, Comparison.DIFFERENT)


def read(path: Path) -> EnvFile | None:
    """Return what *path* says, None when it is not there; raises `ConsoleError` with its line."""
    return env_file.read(path, limit_bytes=LIMIT_BYTES, limit_variables=LIMIT_VARIABLES)


def names(file: EnvFile, wanted: Collection[str]) -> dict[str, str]:
    """Return what the vault calls the variables of *file*, by their names there.

    That is the same name, but for the variable of a secret that a worker asks for (*wanted*): a
    manifest's `crm.apiKey` is in KIKET_SECRET_CRM_APIKEY.
    """
    declared = {environment_secret_name(name): name for name in wanted}
    return {
        variable: variable if variable in wanted else declared.get(variable, variable)
        for variable in file.variables
    }


def to_import(
    file: EnvFile, kept: Mapping[str, str], wanted: Collection[str] = ()
) -> tuple[Row, ...]:
    """Return what an import of *file* would do to the vault, in the order of its lines.

    *kept* are the values of the scope that it would go to, *wanted* the names that a worker asks
    for: those are proposed, and what `env_file.secret_part` takes for a secret.
    """
    called = names(file, wanted)
    return tuple(_incoming(file, variable, called, kept, wanted) for variable in file.variables)


def _incoming(
    file: EnvFile,
    variable: str,
    called: Mapping[str, str],
    kept: Mapping[str, str],
    wanted: Collection[str],
) -> Row:
    name, value, line = called[variable], file.variables[variable], file.lines[variable]
    if variable.startswith(_SETTINGS):
        return Row(variable, Comparison.UNUSABLE, reason="a setting of kiket-console", line=line)
    if name != variable and name in file.variables:
        reason = f"the secret of {name}, which stands there, too"
        return Row(variable, Comparison.UNUSABLE, reason=reason, line=line)
    secret = name in wanted or bool(env_file.secret_part(variable, value))
    row = compared(name, value, kept.get(name), proposed=secret, line=line)
    return row if name == variable else replace(row, variable=variable)


def compared(
    name: str, value: str, kept: str | None, *, proposed: bool = True, line: int = 0
) -> Row:
    """Return what keeping a value in the vault would do, where *kept* is what is there."""
    reason = _unkeepable(name, value)
    if reason:
        return Row(name, Comparison.UNUSABLE, reason=reason, line=line)
    comparison = _comparison(value, kept)
    chosen = proposed and comparison is not Comparison.SAME
    return Row(name, comparison, value, line=line, chosen=chosen)


def _unkeepable(name: str, value: str) -> str:
    if not _KEEPABLE.fullmatch(name):
        return "no secret can be called so"
    if not value:
        return "it has no value"
    if len(value) > VALUE_LIMIT:
        return f"it is longer than {VALUE_LIMIT // 1024} KiB"
    return _no_text(value)


def to_export(kept: Mapping[str, str], file: EnvFile | None) -> tuple[Row, ...]:
    """Return what writing the secrets *kept* into *file* (None: a new one) would do, by name.

    A name that no variable can have is written as the SDK reads it: KIKET_SECRET_….
    """
    return tuple(_outgoing(name, kept, file) for name in sorted(kept, key=reading_order))


def _outgoing(name: str, kept: Mapping[str, str], file: EnvFile | None) -> Row:
    value = kept[name]
    variable = "" if _VARIABLE.fullmatch(name) else environment_secret_name(name)
    in_file = variable or name
    line = 0 if file is None else file.lines.get(in_file, 0)
    reason = _unwritable(value)
    if variable and (rivals := [each for each in kept if each != name and in_file in _ways(each)]):
        reason = f"{rivals[0]} is in the same variable, {variable}"
    if reason:
        return Row(name, Comparison.UNUSABLE, reason=reason, line=line)
    comparison = _comparison(value, None if file is None else file.variables.get(in_file))
    chosen = comparison is not Comparison.SAME
    return Row(name, comparison, value, line=line, chosen=chosen, variable=variable)


def _ways(name: str) -> tuple[str, str]:
    """Return the variables that a secret may be in."""
    return name, environment_secret_name(name)


def _unwritable(value: str) -> str:
    if "\0" in value:
        return "no variable can hold a NUL character"
    if env_file.BLANKS.search(value) is not None:
        return "it has a thousand blanks in a row"
    return _no_text(value)


def _no_text(value: str) -> str:
    try:
        value.encode()
    except UnicodeEncodeError:
        return "it is no Unicode text"
    return ""


def _comparison(value: str, there: str | None) -> Comparison:
    if there is None:
        return Comparison.NEW
    return Comparison.SAME if there == value else Comparison.DIFFERENT


def assignment(name: str, value: str) -> str:
    """Return the line, without its end, that gives variable *name* this value.

    Bare where that is safe, else between single quotes, which shells leave alone too. Line ends,
    backslashes and single quotes need double ones, where no reader that fills in variables keeps a
    `$`: such a text stands between single quotes with its line ends as they are.
    """
    if _BARE.fullmatch(value):
        return f"{name}={value}"
    if not _ESCAPED.search(value):
        return f"{name}='{value}'"
    if re.search(r"[$`]", value) and "\r" not in value:
        escaped = value.replace("\\", "\\\\").replace("'", "\\'")
        return f"{name}='{escaped}'"
    return f'{name}="{value.translate(_ESCAPES)}"'


def with_values(text: str, values: Mapping[str, str]) -> str:
    """Return the text of a file in which *values* are set, and all else is as it was.

    A name that is there is changed where it takes effect, at its last line; new ones stand at the
    end, in the order given.
    """
    end = "\r\n" if "\r\n" in text else "\n"
    parts = _parts(text)
    last = {name: place for place, (name, _, _) in enumerate(parts) if name in values}
    written: list[str] = []
    for place, (name, before, original) in enumerate(parts):
        if name is not None and last.get(name) == place:
            exported = "export " if re.match(r"export\s", original) else ""
            original = f"{exported}{assignment(name, values[name])}{end}"
        written.append(before + original)
    changed = "".join(written)
    new = [assignment(name, values[name]) for name in values if name not in last]
    if new and changed and not changed.endswith(("\n", "\r")):
        changed += end
    return changed + "".join(line + end for line in new)


def without(text: str, names: Collection[str]) -> str:
    """Return the text of a file in which *names* are not set; comments and blank lines stay."""
    return "".join(
        before if name in names else before + original for name, before, original in _parts(text)
    )


def _parts(text: str) -> list[tuple[str | None, str, str]]:
    """Take a text apart: (the variable that is set, blank lines before it, its own lines)."""
    from io import StringIO

    from dotenv.parser import parse_stream

    found: list[tuple[str | None, str, str]] = []
    for binding in parse_stream(StringIO(text)):
        original = binding.original.string
        own = original.lstrip()
        name = None if binding.value is None else binding.key
        found.append((name, original[: len(original) - len(own)], own))
    return found


def export(path: Path, rows: Iterable[Row]) -> None:
    """Write *rows* into *path*, readable by this user alone; other lines of it stay.

    Raises `ConsoleError` when it is a link, or cannot be read or written.
    """
    _not_through_a_link(path)
    text = env_file.text_of(path, limit_bytes=LIMIT_BYTES) or ""
    changed = with_values(text, {row.in_file: row.value for row in rows})
    raw = changed.encode()
    if len(raw) > LIMIT_BYTES:
        raise ConsoleError(
            f"{path} would have more than {LIMIT_BYTES // 1024} KiB, and was left as it is.",
            hint="Choose fewer names, or another file.",
            exit_code=ExitCode.USAGE,
        )
    write_private(path, raw)


def take_out(path: Path, rows: Iterable[Row]) -> tuple[str, ...]:
    """Take what has been imported out of *path*; return the names that are gone from it.

    Comments, blank lines and the file's mode stay, and a name whose value is another by now.
    Raises `ConsoleError` when it is a link, or cannot be read or written.
    """
    _not_through_a_link(path)
    now, text = read(path), env_file.text_of(path, limit_bytes=LIMIT_BYTES)
    if now is None or text is None:
        return ()
    gone = [row for row in rows if now.variables.get(row.in_file) == row.value]
    if gone:
        mode = path.stat().st_mode & 0o777
        write_private(path, without(text, [row.in_file for row in gone]).encode())
        path.chmod(mode)
    return tuple(row.name for row in gone)


def _not_through_a_link(path: Path) -> None:
    if path.is_symlink():
        raise ConsoleError(
            f"{path} is a link, and secrets are not written through one.",
            hint="Name the file that it leads to.",
            exit_code=ExitCode.USAGE,
        )


def seen_by_git(path: Path) -> bool:
    """Whether *path* is in a git repository that does not ignore it; takes up to 3 s.

    Nothing that the repository's own settings name is run.
    """
    command = ["git", "-c", "core.fsmonitor=false", "check-ignore", "--quiet", "--", path.name]
    try:
        done = subprocess.run(  # noqa: S603 - our own words and a file name
            command,
            cwd=path.absolute().parent,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            timeout=_GIT_LIMIT_S,
            check=False,
        )
    except (OSError, subprocess.SubprocessError):
        return False
    return done.returncode == 1
