"""How values of JSON are compared: as values, whatever their formatting."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, TypeAlias

from msgspec import Struct

from kiket_console.filters.asking import COMPARISONS, is_any
from kiket_console.filters.literals import Json, json_literal
from kiket_console.filters.message_tests import is_plain
from kiket_console.filters.patterns import Expression, Glob

if TYPE_CHECKING:
    from kiket_console.filters.asking import Asked, Item
    from kiket_console.filters.syntax import Word

_Range: TypeAlias = "tuple[Json | None, Json | None]"


class Comparison(Struct, frozen=True):
    """What a value is compared with; calling it with a value says whether that fits.

    A value of another type never fits `>` or a range; with `differs` it is something else.
    """

    operator: str
    literals: tuple[Json, ...]
    ranges: tuple[_Range, ...]
    expression: Expression | None
    anything: bool
    differs: bool

    def __call__(self, value: Any) -> bool:
        """Whether *value* fits."""
        if self.expression is not None:
            text = _text(value)
            return text is not None and self.differs != self.expression.fits(text)
        return self.differs != self._fits(value)

    def _fits(self, value: Any) -> bool:
        if self.anything:
            return True
        if self.operator in COMPARISONS:
            return any(_is_ordered(value, self.operator, each.value) for each in self.literals)
        return any(self._is_equal(value, each) for each in self.literals) or any(
            (low is None or _is_ordered(value, ">=", low.value))
            and (high is None or _is_ordered(value, "<=", high.value))
            for low, high in self.ranges
        )

    def _is_equal(self, value: Any, literal: Json) -> bool:
        if _is_same(value, literal.value):
            return True
        if self.operator == "=":
            return False
        text = _text(value)
        if text is None or (literal.quoted and not isinstance(value, str)):
            return False
        if literal.quoted:
            return text.lower() == literal.text.lower()
        return Glob(literal.text).fits(text)

    def likely(self) -> tuple[str, ...]:
        """Return a text that is in each body, in lower case, where a value fits."""
        if self.differs or self.anything or self.expression or self.ranges:
            return ()
        if self.operator in COMPARISONS or len(self.literals) != 1:
            return ()
        (literal,) = self.literals
        if isinstance(literal.value, int | float) and not isinstance(literal.value, bool):
            return ()  # 5 may be written 5.0 or 5e0
        pieces = [literal.text] if literal.quoted else literal.text.split("*")
        longest = max(pieces, key=len)
        return (longest,) if longest and is_plain(longest) else ()


def comparison(
    asked: Asked, items: tuple[Item, ...], expression: Expression | None = None
) -> Comparison:
    """Return what the values of *asked* are compared with."""
    plain = [item for item in items if not item.is_range]
    if asked.operator in COMPARISONS and len(plain) < len(items):
        raise asked.refused(items[0].word, "a value, or a range without a comparison")
    return Comparison(
        asked.operator,
        tuple(_literal(item.word) for item in plain if not is_any(item.word)),
        tuple(
            (_literal(item.low) if item.low else None, _literal(item.high) if item.high else None)
            for item in items
            if item.is_range
        ),
        expression,
        any(is_any(item.word) for item in plain),
        asked.negative,
    )


def _literal(word: Word) -> Json:
    return json_literal(word.text, quoted=word.quoted)


def _text(value: Any) -> str | None:
    """Return the text of a value that is not made of others."""
    if isinstance(value, str):
        return value
    if value is None or isinstance(value, bool):
        return {None: "null", True: "true", False: "false"}[value]
    return repr(value) if isinstance(value, int | float) else None


def _is_same(value: Any, wanted: Any) -> bool:
    if isinstance(value, bool) or isinstance(wanted, bool) or wanted is None or value is None:
        return value is wanted
    if isinstance(value, int | float) and isinstance(wanted, int | float):
        return value == wanted
    return isinstance(value, str) and isinstance(wanted, str) and value == wanted


def _is_ordered(value: Any, operator: str, wanted: Any) -> bool:
    numbers = all(
        isinstance(each, int | float) and not isinstance(each, bool) for each in (value, wanted)
    )
    if not numbers and not (isinstance(value, str) and isinstance(wanted, str)):
        return False
    match operator:
        case ">":
            return bool(value > wanted)
        case ">=":
            return bool(value >= wanted)
        case "<":
            return bool(value < wanted)
        case _:
            return bool(value <= wanted)
