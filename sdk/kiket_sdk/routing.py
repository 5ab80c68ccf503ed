"""Keep handlers by event and version."""

from __future__ import annotations

import functools
import inspect
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, TypeVar

from kiket_sdk._scopes import needed

if TYPE_CHECKING:
    from kiket_sdk._context import HandlerContext
    from kiket_sdk._typed import PayloadType

Handler = Callable[[Any, "HandlerContext"], Any]
"""Take payload and context, return the reply's JSON; synchronous or asynchronous."""

Kind = tuple[str, str]
"""What a webhook is: its event and the version of that."""

SELF_TEST_EVENT = "kiket.self-test"
"""An event that is verified as any other and then has no handler: "404" tells that it arrived."""

F = TypeVar("F", bound=Callable[..., Any])


@dataclass(frozen=True, slots=True)
class HandlerMetadata:
    """One registered handler; unpacks to `handler, version`.

    `required_scopes` are what the sender must have granted: the answer is 403 otherwise.
    """

    handler: Handler
    version: str
    required_scopes: list[str] = field(default_factory=list)
    is_async: bool = field(init=False, repr=False)
    payload_type: PayloadType | None = field(init=False, repr=False)

    def __post_init__(self) -> None:
        from kiket_sdk._typed import payload_type

        object.__setattr__(self, "is_async", _is_async(self.handler))
        object.__setattr__(self, "payload_type", payload_type(self.handler))

    def __iter__(self) -> Iterator[Any]:
        return iter((self.handler, self.version))


def _is_async(handler: Callable[..., Any]) -> bool:
    while isinstance(handler, functools.partial):
        handler = handler.func
    return inspect.iscoroutinefunction(handler) or inspect.iscoroutinefunction(
        getattr(handler, "__call__", None)  # noqa: B004 (asked whether it is async, not callable)
    )


def stripped_version(version: str) -> str:
    """Return a version without surrounding blanks; raises ValueError when nothing is left."""
    version = version.strip()
    if not version:
        raise ValueError("Event version cannot be blank.")
    return version


class HandlerRegistry:
    """Find the handler of an event and version; both are compared exactly."""

    def __init__(self) -> None:
        self.handlers: dict[Kind, HandlerMetadata] = {}
        """By event and version, which has no blanks around it."""

    def register(
        self,
        event: str,
        handler: Handler,
        *,
        version: str,
        required_scopes: Iterable[str] | None = None,
    ) -> None:
        """Add a handler, replacing one of the same event and version.

        Raises ValueError when the version or a scope is blank or the event is reserved.
        """
        version = stripped_version(version)
        if event == SELF_TEST_EVENT:
            raise ValueError(f"The event {event!r} is reserved for checks and never handled.")
        self.handlers[event, version] = HandlerMetadata(handler, version, needed(required_scopes))

    def get(self, event: str, version: str | None) -> HandlerMetadata | None:
        """Return the handler, or None; raises ValueError when the version is blank."""
        if version is None:
            return None
        return self.handlers.get((event, stripped_version(version)))

    def all(self) -> dict[str, dict[str, HandlerMetadata]]:
        """Return a copy: event → version → handler."""
        found: dict[str, dict[str, HandlerMetadata]] = {}
        for (event, version), handler in self.handlers.items():
            found.setdefault(event, {})[version] = handler
        return found

    def events(self) -> dict[str, dict[str, HandlerMetadata]]:
        """Return the same as `all`."""
        return self.all()

    def event_names(self) -> list[str]:
        """Return `event@version` of every handler, sorted."""
        return sorted(f"{event}@{version}" for event, version in self.handlers)


def webhook(
    event: str, *, version: str, required_scopes: Iterable[str] | None = None
) -> Callable[[F], F]:
    """Mark a function as the handler of an event; `KiketSDK.load` registers it.

    One event per function: of two stacked decorators the outer one counts. Raises ValueError for a
    scope that is blank.
    """
    scopes = needed(required_scopes)

    def mark(function: F) -> F:
        function.__kiket_event__ = event  # type: ignore[attr-defined]  # the documented marks
        function.__kiket_version__ = version  # type: ignore[attr-defined]
        function.__kiket_required_scopes__ = list(scopes)  # type: ignore[attr-defined]
        return function

    return mark
