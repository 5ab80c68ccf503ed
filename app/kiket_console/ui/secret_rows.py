"""What the list of Secrets shows: names, kept or asked for; the cursor stays with its secret."""

from __future__ import annotations

from typing import TYPE_CHECKING

from msgspec.structs import replace

from kiket_console.text import cell_width, reading_order, visible
from kiket_console.ui import moment
from kiket_console.ui.paint import secrets as paint
from kiket_console.ui.registry import usual_key

if TYPE_CHECKING:
    from collections.abc import Hashable

    from kiket_console.ui.paint.line import Line
    from kiket_console.ui.paint.teach import KeyOf
    from kiket_console.ui.platform_rows import Words
    from kiket_console.wire_secrets import SecretEntry, SecretsState


class SecretRows:
    """The rows of the list; what the engine says of secrets is put here as it is read."""

    def __init__(self) -> None:
        self.state: SecretsState | None = None
        self.words: Words | None = None
        self.key_of: KeyOf = usual_key
        self._all: list[SecretEntry] = []
        self._shown: list[SecretEntry] = []
        self._selected = ("", "")
        self._at = 0

    def take(self, state: SecretsState) -> None:
        """Take in how the secrets are."""
        entries = sorted(state.entries, key=lambda each: (reading_order(each.name), each.scope))
        self.state = replace(state, entries=tuple(entries))
        self._all = entries
        self._narrow()

    def narrow(self, words: Words | None) -> None:
        """Show the secrets that have some words, or all of them."""
        self.words = words
        self._narrow()

    def select(self, name: str, scope: str) -> None:
        """Put the cursor on a secret, as soon as it is there."""
        self._selected = name, scope

    @property
    def selected(self) -> SecretEntry | None:
        """The secret under the cursor."""
        return self._shown[self.cursor] if self._shown else None

    @property
    def count(self) -> int:
        """How many are shown."""
        return len(self._shown)

    @property
    def total(self) -> int:
        """How many there are without a filter."""
        return len(self._all)

    @property
    def cursor(self) -> int:
        """The position of the selected one; one that got a scope is still the same."""
        name, scope = self._selected
        named = [at for at, each in enumerate(self._shown) if each.name == name]
        exact = [at for at in named if self._shown[at].scope == scope]
        return next(iter(exact or named), min(self._at, self.count - 1))

    def move(self, position: int) -> None:
        """Select what is at a position."""
        if 0 <= position < self.count:
            self._at = position
            self._selected = self._shown[position].name, self._shown[position].scope

    def key(self, position: int) -> Hashable | None:  # noqa: ARG002 - the same for each row
        """Return nothing: a secret's row tells the time."""
        return None

    def line(self, position: int, width: int) -> Line:
        """Return a row."""
        entry = self._shown[position]
        return paint.row(entry, width, moment.now_us(), self._names, self.key_of)

    def header(self, width: int) -> Line:
        """Return the names of the columns."""
        return paint.header(width, self._names) if self.count else ()

    def teach(self, width: int) -> list[Line]:
        """Return what an empty list says."""
        if self._all and self.words is not None:
            return paint.nothing_matches(len(self._all), self.key_of)
        vault = self.state.vault if self.state is not None else None
        return paint.empty(vault, width, self.key_of)

    @property
    def _names(self) -> int:
        """The cells of the longest name of all: columns stay while a filter is typed."""
        return max((cell_width(visible(each.name)) for each in self._all), default=0)

    def _narrow(self) -> None:
        if self._shown:  # where the cursor is if its secret is gone
            self._at = self.cursor
        words = self.words
        self._shown = [
            each for each in self._all if words is None or words.let_through(*_said(each))
        ]


def _said(entry: SecretEntry) -> tuple[dict[str, str], str]:
    """Return what can be looked for of a secret: by column, and as one text."""
    workers = (*entry.declared_by, *(use.worker for use in entry.uses))
    found = {
        "name": entry.name,
        "scope": entry.scope,
        "value": str(paint.standing(entry, moment.now_us())),
        "used": " ".join(dict.fromkeys(workers)),
    }
    return found, " ".join(found.values()).lower()
