"""What rows may hold: one way to check a value, whichever collection it is for.

The types are those of module schemas (kiket-and-kindo.md §4.5).
"""

from __future__ import annotations

import math
from datetime import UTC, datetime
from decimal import ROUND_HALF_UP, Decimal, InvalidOperation, localcontext
from typing import TYPE_CHECKING, Any, Final

from msgspec import Struct

from kiket_console.wire import PlatformColumn

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from kiket_sdk.manifest import Column as SchemaColumn

MANAGED: Final = ("id", "organization_id", "project_id", "created_at", "updated_at")
"""What the platform sets in every row; sent along, it is left aside."""
STRING_LENGTH: Final = 255
_RANGES: Final = {"integer": 2**31, "bigint": 2**63, "id": 2**63}
_SHOWN_KINDS: Final = {"bigint": "integer", "string": "text"}
_MOST: Final = 2**63 - 1
_DIGITS: Final = 100
"""A decimal of more is no number that anybody means."""
_BLANK: Final = "can't be blank"


class InvalidError(Exception):
    """Values that a row cannot have; `errors` says by column what is wrong with each."""

    def __init__(self, errors: Mapping[str, list[str]]) -> None:
        super().__init__("; ".join(f"{name} {each[0]}" for name, each in errors.items()))
        self.errors = dict(errors)


class Column(Struct, frozen=True):
    """What each row of a collection has under one name."""

    name: str
    kind: str = "string"
    """`bigint`, `string`, `text`, `integer`, `decimal`, `boolean`, `json`, `timestamp`, or `id`:
    what something else is known by, a number or a text."""
    null: bool = True
    default: Any = None
    unique: bool = False
    managed: bool = False
    length: int | None = None
    """The most characters of a string."""
    precision: int | None = None
    """The most digits of a decimal, those after the point included."""
    scale: int | None = None
    """The digits of a decimal after the point."""
    choices: tuple[str, ...] = ()

    @property
    def required(self) -> bool:
        """Whether a new row must say it."""
        return not (self.null or self.managed) and self.default is None

    def shown(self) -> PlatformColumn:
        """Return what a person is told of it."""
        return PlatformColumn(
            name=self.name,
            kind=_SHOWN_KINDS.get(self.kind, self.kind),
            required=self.required,
            managed=self.managed,
            unique=self.unique,
            choices=self.choices,
            default=self.default,
        )

    def checked(self, value: Any) -> Any:
        """Return *value* as it is kept; raises ValueError, which says what is wrong with it."""
        match self.kind:
            case "integer" | "bigint":
                return self._integer(value)
            case "decimal":
                return self._decimal(value)
            case "boolean":
                if not isinstance(value, bool):
                    raise ValueError("must be true or false")
                return value
            case "timestamp":
                return moment(value)
            case "json":
                _check_json(value)
                return value
            case "id":
                return self._id(value)
            case _:
                return self._text(value)

    def _integer(self, value: Any) -> int:
        if isinstance(value, bool) or not isinstance(value, int):
            raise ValueError("must be a whole number")
        most = _RANGES[self.kind]
        if not -most <= value < most:
            raise ValueError(f"must be from {-most} to {most - 1}")
        return value

    def _id(self, value: Any) -> int | str:
        if isinstance(value, bool) or not isinstance(value, int | str):
            raise ValueError("must be a whole number or a text")
        return self._text(value) if isinstance(value, str) else self._integer(value)

    def _decimal(self, value: Any) -> str:
        if isinstance(value, bool) or not isinstance(value, int | float | str):
            raise ValueError("must be a number")
        try:
            number = Decimal(str(value))
        except InvalidOperation:
            raise ValueError("must be a number") from None
        if not number.is_finite() or abs(number.adjusted()) > _DIGITS:
            raise ValueError("must be a number")
        if self.scale is not None:
            with localcontext(prec=4 * _DIGITS):
                number = number.quantize(Decimal(1).scaleb(-self.scale), ROUND_HALF_UP)
        if self.precision is not None:
            whole = self.precision - (self.scale or 0)
            if abs(number) >= Decimal(10) ** whole:
                raise ValueError(f"must be less than 10 to the power of {whole}")
        return f"{number:f}"

    def _text(self, value: Any) -> str:
        if not isinstance(value, str):
            raise ValueError("must be a text")
        _check_carried(value)
        length = self.length or (STRING_LENGTH if self.kind == "string" else None)
        if length is not None and len(value) > length:
            raise ValueError(f"is too long (at most {length} characters)")
        if self.choices and value not in self.choices:
            raise ValueError(f"must be one of {', '.join(self.choices)}")
        return value


def of_schema(column: SchemaColumn) -> Column:
    """Return a column of a module's schema."""
    return Column(
        name=column.name,
        kind=column.type,
        null=column.null,
        default=column.default,
        unique=column.unique or (column.primary_key and not column.auto_increment),
        managed=column.name in MANAGED or column.auto_increment,
        length=column.length,
        precision=column.precision,
        scale=column.scale,
    )


def checked(
    columns: Iterable[Column], sent: Mapping[str, Any], had: Mapping[str, Any] | None
) -> dict[str, Any]:
    """Return a row's fields: those that it *had* (None for a new row) with what was *sent* on top.

    Raises `InvalidError` that names every column that is wrong, unknown or missing.
    """
    known = {column.name: column for column in columns}
    errors: dict[str, list[str]] = {}
    fields = dict(had) if had is not None else {}
    for name, value in sent.items():
        column = known.get(name)
        if name in MANAGED and (column is None or column.managed):
            continue
        if column is None:
            names = ", ".join(each.name for each in known.values() if not each.managed)
            errors[name] = [f"is not known; there is {names or 'nothing'}"]
        elif not column.managed:
            try:
                fields[name] = None if value is None else column.checked(value)
            except ValueError as error:
                errors[name] = [str(error)]
    for column in known.values():
        if column.managed or column.name in errors:
            continue
        if had is None and column.name not in sent:
            fields[column.name] = _default(column)
        if fields.get(column.name) is None and not column.null:
            errors[column.name] = [_BLANK]
    if errors:
        raise InvalidError(errors)
    return fields


def _default(column: Column) -> Any:
    try:
        return None if column.default is None else column.checked(column.default)
    except ValueError:
        return column.default  # a schema's own mistake, which its lint tells


def moment(value: Any) -> str:
    """Return a moment in ISO 8601 as UTC with `Z`; without an offset it is taken for UTC.

    Raises ValueError.
    """
    try:
        said = datetime.fromisoformat(value)
        said = said.replace(tzinfo=UTC) if said.tzinfo is None else said.astimezone(UTC)
    except (TypeError, ValueError, OverflowError):
        raise ValueError("must be a moment as 2026-01-31T12:00:00Z") from None
    return said.isoformat().replace("+00:00", "Z")


def iso(moment_us: int) -> str:
    """Return microseconds since 1970 as a moment in UTC, to the second."""
    return datetime.fromtimestamp(moment_us // 1_000_000, UTC).isoformat().replace("+00:00", "Z")


def _check_carried(text: str) -> None:
    if "\0" in text or not text.isascii():
        try:
            text.encode()
        except UnicodeEncodeError:
            raise ValueError("has half of a surrogate pair") from None
        if "\0" in text:
            raise ValueError("has a null character")


def _check_json(value: Any, depth: int = 64) -> None:
    """Raise ValueError for what is too deep, or what JSON cannot carry."""
    if depth == 0:
        raise ValueError("is nested too deeply")
    if isinstance(value, str):
        _check_carried(value)
    elif isinstance(value, float) and not math.isfinite(value):
        raise ValueError("has a number that JSON cannot say")
    elif isinstance(value, int) and abs(value) > _MOST:
        raise ValueError("has a whole number of more than 64 bits")
    elif isinstance(value, dict | list):
        for each in value.values() if isinstance(value, dict) else value:
            _check_json(each, depth - 1)
        if isinstance(value, dict):
            for name in value:
                _check_carried(name)
