"""Keep secret values out of sight: a type that does not print, a registry that redacts.

`Secret` protects the values that our own code holds. `redactor` protects against the copies that
it cannot hold: whatever leaves the process as text goes through `redactor.redact()`, the last
step before a log file, a screen, an export or a store.

Python cannot promise to wipe memory; these types keep copies from spreading, no more.
"""

from __future__ import annotations

import hmac
import logging
from typing import TYPE_CHECKING, Final, NoReturn, Self

from kiket_core._redactor import (
    Match,
    Redactor,
    RedactorFullError,
    is_credential,
    marker,
    restorations,
)
from kiket_core._spellings import utf8

if TYPE_CHECKING:
    from collections.abc import Callable
    from types import TracebackType

__all__ = [
    "Match",
    "RedactingFormatter",
    "Redactor",
    "RedactorFullError",
    "Secret",
    "is_credential",
    "marker",
    "redactor",
    "restorations",
]


class Secret:
    """Hold a value that must not be printed, logged, pickled or compared in variable time.

    Copies (`copy`, `deepcopy`, `dataclasses.asdict`) are the same object; pickling and JSON fail.
    `pywatt_sdk.Secret` is one whose value need not be text.
    """

    __slots__ = ("_reveal", "name")

    _reveal: Callable[[], str]
    name: str

    def __init__(self, value: str, name: str = "") -> None:
        # In a closure the value is in no attribute: vars(), inspectors and debuggers' field lists
        # show a function.
        object.__setattr__(self, "_reveal", lambda: value)
        object.__setattr__(self, "name", name)

    def reveal(self) -> str:
        """Return the value; keep the result in the narrowest scope that works."""
        return self._reveal()

    def __repr__(self) -> str:
        return marker(self.name)

    __str__ = __repr__

    def __format__(self, spec: str) -> str:
        return format(marker(self.name), spec)

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, Secret):
            return NotImplemented
        return hmac.compare_digest(utf8(self.reveal()), utf8(other.reveal()))

    __hash__ = None  # type: ignore[assignment]  # a hash of the value would be a trace of it

    def __setattr__(self, attribute: str, value: object) -> NoReturn:
        raise AttributeError(f"{self!r} cannot be changed; make a new Secret.")

    def __delattr__(self, attribute: str) -> NoReturn:
        raise AttributeError(f"{self!r} cannot be changed; make a new Secret.")

    def __copy__(self) -> Self:
        return self

    def __deepcopy__(self, memo: object) -> Self:
        return self

    def __reduce_ex__(self, protocol: object) -> NoReturn:
        raise TypeError(
            f"{self!r} cannot be pickled; send the value with reveal() where it must go."
        )


redactor: Final = Redactor()
"""The registry of this process."""


class RedactingFormatter(logging.Formatter):
    """Wrap a log formatter so that its final text, tracebacks included, has no secret."""

    def __init__(
        self, inner: logging.Formatter | None = None, registry: Redactor = redactor
    ) -> None:
        super().__init__()
        self._inner = inner or logging.Formatter()
        self._registry = registry

    def format(self, record: logging.LogRecord) -> str:
        """Format `record` with the inner formatter, then redact.

        A record whose arguments do not fit its message is told here: `logging` itself would print
        both, unredacted, to stderr.
        """
        try:
            text = self._inner.format(record)
        except Exception as error:  # whatever a message's arguments raise
            text = f"{record.msg!r} with {record.args!r} could not be formatted: {error}"
        if record.exc_text:  # cached by the inner formatter for the handlers that come after us
            record.exc_text = self._registry.redact(record.exc_text)
        return self._registry.redact(text)

    def formatException(  # noqa: N802  # logging's name
        self,
        ei: tuple[type[BaseException], BaseException, TracebackType | None]
        | tuple[None, None, None],
    ) -> str:
        """Format a traceback, redacted."""
        return self._registry.redact(self._inner.formatException(ei))

    def formatStack(self, stack_info: str) -> str:  # noqa: N802  # logging's name
        """Format a stack, redacted."""
        return self._registry.redact(self._inner.formatStack(stack_info))
