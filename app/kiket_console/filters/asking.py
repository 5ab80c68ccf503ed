"""What one field is asked, and the tests that most kinds of fields make of it."""

from __future__ import annotations

import re
from difflib import get_close_matches
from typing import TYPE_CHECKING, Final

from msgspec import Struct

from kiket_console.filters.error import FilterError
from kiket_console.filters.grammar import unquoted
from kiket_console.filters.literals import Span
from kiket_console.filters.patterns import (
    Containing,
    Exactly,
    Expression,
    Glob,
    Pattern,
    Present,
    expression,
)
from kiket_console.filters.query import Combined, Inverse, Test
from kiket_console.filters.row_tests import Number, NumberTest, span_of
from kiket_console.filters.syntax import Word
from kiket_console.text import visible

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

COMPARISONS: Final = frozenset({">", ">=", "<", "<="})
MOST_VALUES: Final = 200
_PIECES: Final = re.compile(r""""(?:\\.|[^"\\])*"|'(?:\\.|[^'\\])*'|,|\.\.|[^"',.]+|\.""")


class Item(Struct, frozen=True):
    """One of the values of a list: a word, or a range of which an end may be missing."""

    word: Word
    low: Word | None
    high: Word | None

    @property
    def is_range(self) -> bool:
        """Whether it was written with two dots."""
        return self.low is not self.word


class Asked(Struct, frozen=True):
    """One comparison: the field's name, the operator (`:` for any of `:` alone) and the value."""

    name: str
    operator: str
    value: Word
    now_us: int
    start: int

    @property
    def negative(self) -> bool:
        """Whether what is wanted is the opposite."""
        return self.operator in {"!=", "!~"}

    def refused(self, word: Word, takes: str, *, among: Sequence[str] = ()) -> FilterError:
        """Return that *word* is not what the field *takes*, with what was meant *among* others."""
        near = get_close_matches(word.text.lower(), among, n=1, cutoff=0.5)
        hint = f'Did you mean "{near[0]}"?' if near else ""
        return FilterError(
            f'"{visible(word.text[:40])}" in column {word.column + 1} is not what {self.name} '
            f"takes: {takes}.",
            word.column,
            length=word.length,
            suggestion=near[0] if near else "",
            hint=hint,
        )

    def unsupported(self, takes: str) -> FilterError:
        """Return that the field cannot be compared like that."""
        return FilterError(
            f"{self.name} cannot be compared with {self.operator}: it takes {takes}.",
            self.start + len(self.name),
            length=max(1, self.value.column - self.start - len(self.name)),
            suggestion=":",
        )

    def items(self, *, ranges: bool = False) -> list[Item]:
        """Return the values of the list; two dots make a range where *ranges* are."""
        pieces: list[list[tuple[str, int]]] = [[]]
        if self.value.text.count(",") >= MOST_VALUES:
            raise FilterError(
                f"{self.name} takes at most {MOST_VALUES} values.",
                self.value.column,
                length=self.value.length,
            )
        for found in _PIECES.finditer(self.value.text):
            if found[0] == ",":
                pieces.append([])
            else:
                pieces[-1].append((found[0], self.value.column + found.start()))
        items = []
        for each in pieces:
            word = _joined(each)
            if word is None:
                raise FilterError(
                    f"A value is missing beside the comma of {self.name}.",
                    self.value.column,
                    length=self.value.length,
                    suggestion=self.value.text.strip(","),
                )
            dots = next((n for n, piece in enumerate(each) if piece[0] == ".."), None)
            if not ranges or dots is None:
                items.append(Item(word, word, word))
            else:
                items.append(Item(word, _joined(each[:dots]), _joined(each[dots + 1 :])))
        return items

    def one(self) -> Item:
        """Return the value of a field that takes a single one."""
        items = self.items()
        if len(items) > 1:
            raise FilterError(
                f"{self.name} takes one value.",
                self.value.column,
                length=self.value.length,
                suggestion=items[0].word.text,
            )
        return items[0]


def _joined(pieces: list[tuple[str, int]]) -> Word | None:
    if not pieces:
        return None
    quoted = any(text[0] in "\"'" for text, _ in pieces)
    text = "".join(unquoted(text) if text[0] in "\"'" else text for text, _ in pieces)
    start = pieces[0][1]
    end = pieces[-1][1] + len(pieces[-1][0])
    return Word(text, start, end - start, quoted)


def is_any(word: Word) -> bool:
    """Whether *word* asks only that there is something."""
    return word.text == "*" and not word.quoted


def regular(asked: Asked) -> Expression:
    """Return the regular expression that stands behind `~`; raises `FilterError`."""
    word = asked.value
    pattern = word.text
    if word.quoted:  # in quotes only a quote needs a backslash, so that \d stays what it is
        pattern = re.sub(r"""\\(["'])""", r"\1", pattern[1:-1])
    return compiled(pattern, "", word)


def compiled(pattern: str, flags: str, word: Word) -> Expression:
    """Return the regular expression that stands at *word*; raises `FilterError`."""
    try:
        return expression(pattern, flags)
    except ValueError as error:
        raise FilterError(
            f"The regular expression in column {word.column + 1} cannot be used: "
            f"{visible(str(error))}.",
            word.column,
            length=word.length,
            hint="Expressions are RE2's: without look-around and back-references.",
        ) from None


def patterns(asked: Asked, *, contains: bool = False) -> tuple[Pattern, ...]:
    """Return how the texts of a field are compared; *contains*: `:` looks inside of them."""
    if asked.operator in {"~", "!~"}:
        return (regular(asked),)
    if asked.operator in COMPARISONS:
        raise asked.unsupported("a text, with * for anything")
    words = [item.word for item in asked.items()]
    return tuple(_pattern(word, asked.operator, contains=contains) for word in words)


def _pattern(word: Word, operator: str, *, contains: bool) -> Pattern:
    if is_any(word):
        return Present()
    if operator == "=":
        return Exactly(word.text)
    if contains:
        return Containing(word.text)
    return Exactly(word.text, fold=True) if word.quoted else Glob(word.text)


def numbers(
    asked: Asked, number: Number, literal: Callable[[str, int], Span], takes: str
) -> NumberTest:
    """Return a comparison of a number."""
    return NumberTest(number, spans(asked, literal, takes), asked.negative)


def spans(asked: Asked, literal: Callable[[str, int], Span], takes: str) -> tuple[Span, ...]:
    """Return the spans that the values of *asked* stand for."""
    return tuple(span(asked, item, literal, takes) for item in asked.items(ranges=True))


def span(asked: Asked, item: Item, literal: Callable[[str, int], Span], takes: str) -> Span:
    """Return the span that one value stands for."""
    if asked.operator in {"~", "!~"}:
        raise asked.unsupported(takes)
    if is_any(item.word):
        return Span(None, None)
    comparison = asked.operator if asked.operator in COMPARISONS else ""
    if item.is_range and (comparison or item.low is item.high):
        raise asked.refused(item.word, takes)
    low, high = (
        None if word is None else _literal(asked, word, literal, takes)
        for word in (item.low, item.high)
    )
    found = span_of(low, low if not item.is_range else high, comparison)
    if found.low is not None and found.high is not None and found.low > found.high:
        raise FilterError(
            f"The range in column {item.word.column + 1} ends before it begins.",
            item.word.column,
            length=item.word.length,
            suggestion="..".join(word.text for word in (item.high, item.low) if word),
        )
    return found


def _literal(asked: Asked, word: Word, literal: Callable[[str, int], Span], takes: str) -> Span:
    try:
        return literal(word.text, asked.now_us)
    except ValueError:
        raise asked.refused(word, takes) from None


def words(asked: Asked, facts: Mapping[str, Test], there: Test | None = None) -> Test:
    """Return whether one of the named *facts* is so; *there*: whether there is any at all."""
    if asked.operator not in {":", "=", "!="}:
        raise asked.unsupported(listed(list(facts)))
    everything = there or Combined((), either=False)
    tests: list[Test] = []
    for item in asked.items():
        if is_any(item.word):
            tests.append(everything)
            continue
        fact = facts.get(item.word.text.lower())
        if fact is None:
            raise asked.refused(item.word, listed(list(facts)), among=list(facts))
        tests.append(fact)
    found = Combined(tests, either=True)
    if not asked.negative:
        return found
    return Combined((everything, Inverse(found)), either=False)


def listed(names: Sequence[str]) -> str:
    """Return *names* as a person lists them: `a, b or c`."""
    return " or ".join(filter(None, (", ".join(names[:-1]), names[-1])))
