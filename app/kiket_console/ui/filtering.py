"""What a list needs to know of the filters that can be typed for it; a list brings its own."""

from __future__ import annotations

from typing import TYPE_CHECKING, Generic, Protocol, TypeVar

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

    from kiket_console.ui.pages import Reader
    from kiket_console.ui.scan import Sieve


class Filter(Protocol):
    """A text that was understood."""

    @property
    def text(self) -> str:
        """What was typed."""

    @property
    def reading(self) -> str:
        """How it was read, where that may surprise; else empty."""


class Completion(Protocol):
    """A text that may take the place of what is typed from `start` up to `end`."""

    @property
    def text(self) -> str:
        """What to put there."""

    @property
    def start(self) -> int:
        """The first character that it takes the place of."""

    @property
    def end(self) -> int:
        """The first one that stays."""

    @property
    def note(self) -> str:
        """What it means, or how often it was seen."""


F = TypeVar("F", bound=Filter)
F_co = TypeVar("F_co", bound=Filter, covariant=True)


class Grammar(Protocol[F_co]):
    """What reads the text of a filter: a module of `kiket_console.filters`, or that itself."""

    def parse(self, text: str, *, saved: Mapping[str, str] | None = None) -> F_co:
        """Return what *text* means; it may name *saved* filters. Raises `FilterError`."""

    def regroup(self, text: str) -> str:
        """Return *text* with its OR and its AND bound the other way round."""


class Language(Protocol[F]):
    """What can be typed to narrow a list, and what it means."""

    history: str
    """The name under which what was typed is remembered."""
    example: str
    """What to show where nothing is typed yet."""

    def parse(self, text: str) -> F:
        """Return what *text* means.

        Raises `ConsoleError` with the `column` and `length` of what is wrong and a `suggestion`
        to put there, which may be empty.
        """

    def completions(self, text: str, cursor: int, reader: Reader) -> Sequence[Completion]:
        """Return what may be typed at the *cursor*; reading the values seen so far may take time.

        Called in a thread.
        """

    def sieve(self, wanted: F, reader: Reader) -> Sieve:
        """Return how to find the rows that match."""

    def regrouped(self, wanted: F) -> str:
        """Return the text with OR and AND bound the other way round."""

    def saved(self) -> dict[str, str]:
        """Return the saved filters by their names."""

    def save(self, name: str, text: str) -> None:
        """Keep *text* under a name; raises `ConsoleError`."""

    def forget(self, name: str) -> None:
        """Keep no filter under a name any more; raises `ConsoleError`."""


class WithGrammar(Generic[F]):
    """The part of a language that its grammar does, with the filters saved for a *folder*."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    @property
    def _grammar(self) -> Grammar[F]:
        """What reads its texts; imported when one is typed."""
        raise NotImplementedError

    def parse(self, text: str) -> F:
        """Return what *text* means; raises `FilterError`."""
        return self._grammar.parse(text, saved=self.saved() if "@" in text else None)

    def regrouped(self, wanted: F) -> str:
        """Return the text with OR and AND bound the other way round."""
        return self._grammar.regroup(wanted.text)

    def saved(self) -> dict[str, str]:
        """Return the saved filters by their names; raises `ConsoleError`."""
        from kiket_console import saved_filters

        return saved_filters.load(self._folder)

    def save(self, name: str, text: str) -> None:
        """Keep *text* under a name; raises `ConsoleError`."""
        from kiket_console import saved_filters

        saved_filters.save(name, text, self._folder, parse=self._grammar.parse)

    def forget(self, name: str) -> None:
        """Keep no filter under a name any more; raises `ConsoleError`."""
        from kiket_console import saved_filters

        saved_filters.forget(name, self._folder)
