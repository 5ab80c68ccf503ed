"""Save a recorded delivery as a test in the tests folder of its extension."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final, Protocol

from msgspec import Struct

from kiket_console import ignored_paths, project
from kiket_console.errors import ConsoleError
from kiket_console.exporting.case import case
from kiket_console.new_file import SHARED, NameTakenError, write_new

if TYPE_CHECKING:
    from pathlib import Path

    from kiket_console.model import Detail

_CONFIGURATIONS: Final = ("pytest.ini", ".pytest.ini", "pyproject.toml", "tox.ini", "setup.cfg")
_NAMED: Final = re.compile(r"^\s*kiket_sdk\s*=", re.MULTILINE)


class Details(Protocol):
    """What reads all that is known of an exchange."""

    def detail(self, exchange_id: int) -> Detail | None:
        """Return it, or None when there is none of that id."""


class SavedTest(Struct, frozen=True):
    """The two files of a test, and what to know of it."""

    module: Path
    fixture: Path
    notes: tuple[str, ...]


def save_test(
    folder: Path, detail: Detail, name: str, details: Details, *, replace: bool = False
) -> SavedTest:
    """Write the test of a delivery and its fixture into the tests folder of its extension.

    *folder* is the project's, *details* reads the calls that the delivery caused. Raises
    `ConsoleError` for what cannot be tested, and when a file is there already, unless *replace*.
    """
    where, entry = _extension(folder, detail.exchange.worker)
    calls = [found for child in detail.children if (found := details.detail(child.id)) is not None]
    made = case(
        detail,
        name,
        calls=calls,
        extension="" if _is_named(where) else entry,
        ignore=ignored_paths.load(folder),
    )
    tests = where / "tests"
    saved = SavedTest(tests / made.module_name, tests / made.fixture_name, made.notes)
    if not replace:
        for file in (saved.module, saved.fixture):
            if file.exists():
                raise NameTakenError(file)
    try:
        tests.mkdir(exist_ok=True)
    except OSError as error:
        raise ConsoleError(
            f"Cannot make the folder {tests}: {error.strerror}.",
            hint="It is where the tests of an extension are kept.",
        ) from error
    write_new(saved.fixture, made.fixture.encode(), mode=SHARED, replace=replace)
    write_new(saved.module, made.module.encode(), mode=SHARED, replace=replace)
    return saved


def _extension(folder: Path, worker: str) -> tuple[Path, str]:
    """Return the folder of an extension and what it runs; the project's where it is unknown."""
    try:
        found = project.find(folder)
    except ConsoleError:
        return folder, "main:sdk"
    for spec in found.extensions:
        if spec.name == worker or len(found.extensions) == 1:
            return spec.folder, spec.entry or "main:sdk"
    return folder, "main:sdk"


def _is_named(folder: Path) -> bool:
    """Tell whether pytest's configuration names the extension under test."""
    for name in _CONFIGURATIONS:
        try:
            text = (folder / name).read_text(encoding="utf-8")
        except (OSError, UnicodeDecodeError):
            continue
        if _NAMED.search(text):
            return True
    return False
