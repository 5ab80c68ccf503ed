"""What an extension's manifest says of how the platform is to deal with it: pure.

Read from every dialect of the manifest (spec/kiket-and-kindo.md §1.10, §4): `callback.timeout` and
`callback.required`, below `delivery` or beside it, and each of `hooks`; times are milliseconds.
And the modules of custom data that it may use: `custom_data.permissions`.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from kiket_console.decision import is_guard

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

LIMIT_S: Final = 10.0
"""How long the platform waits for an answer where nothing else is said."""
MOST_MS: Final = 3_600_000


@dataclass(frozen=True, slots=True)
class Hook:
    """What is said of one event."""

    event: str
    limit_s: float | None = None
    is_required: bool | None = None


@dataclass(frozen=True, slots=True)
class Contract:
    """What is said of deliveries and of custom data; what is not said is None."""

    limit_s: float | None = None
    is_required: bool | None = None
    hooks: tuple[Hook, ...] = ()
    custom_data: tuple[tuple[str, tuple[str, ...]], ...] | None = None
    """Modules, and which of `read`, `write`, `delete` and `admin` it may do with each."""

    def may(self, operation: str, module: str) -> bool:
        """Tell whether it may do an operation with a module of custom data.

        Any, where the manifest says of none.
        """
        if self.custom_data is None:
            return True
        allowed = {
            each for name, operations in self.custom_data if name == module for each in operations
        }
        return operation in allowed or "admin" in allowed

    def limit_for(self, event: str) -> float | None:
        """Return how many seconds an answer to *event* may take."""
        own = (hook.limit_s for hook in self.hooks if hook.event == event)
        return next((limit_s for limit_s in own if limit_s is not None), self.limit_s)

    def waits_for(self, event: str) -> bool:
        """Tell whether the platform asks before it does something, and does as it is told.

        A guard is asked so unless its hook, or else its callback, is said not to be required.
        """
        if not is_guard(event):
            return False
        own = (hook.is_required for hook in self.hooks if hook.event == event)
        said = next((required for required in own if required is not None), self.is_required)
        return said is not False


NOTHING: Final = Contract()


def read(parts: Sequence[Mapping[str, Any]]) -> Contract:
    """Return what a manifest says; *parts* are its root and what it nests, the root first.

    What makes no sense is left out: `kiket-console lint` says so.
    """
    limits: list[float] = []
    required: list[bool] = []
    for callback in _callbacks(parts):
        limit_s, is_required = _seconds(callback.get("timeout")), callback.get("required")
        limits += [] if limit_s is None else [limit_s]
        required += [is_required] if isinstance(is_required, bool) else []
    return Contract(
        next(iter(limits), None),
        next(iter(required), None),
        tuple(hook for hook in _hooks(parts)),
        _custom_data(parts),
    )


def _callbacks(parts: Sequence[Mapping[str, Any]]) -> Iterator[Mapping[str, Any]]:
    for part in parts:
        for holder in (part.get("delivery"), part):
            callback = holder.get("callback") if isinstance(holder, dict) else None
            if isinstance(callback, dict):
                yield callback


def _hooks(parts: Sequence[Mapping[str, Any]]) -> Iterator[Hook]:
    for part in parts:
        hooks = part.get("hooks")
        for said in hooks if isinstance(hooks, list) else ():
            event = said.get("event") if isinstance(said, dict) else None
            if isinstance(event, str):
                required = said.get("required")
                yield Hook(
                    event,
                    _seconds(said.get("timeout")),
                    required if isinstance(required, bool) else None,
                )


def _custom_data(
    parts: Sequence[Mapping[str, Any]],
) -> tuple[tuple[str, tuple[str, ...]], ...] | None:
    for part in parts:
        said = part.get("custom_data")
        permissions = said.get("permissions") if isinstance(said, dict) else None
        if isinstance(permissions, list):
            return tuple(
                (each["module"], tuple(map(str, each["operations"])))
                for each in permissions
                if isinstance(each, dict)
                and isinstance(each.get("module"), str)
                and isinstance(each.get("operations"), list)
            )
    return None


def _seconds(said: object) -> float | None:
    is_number = isinstance(said, int | float) and not isinstance(said, bool)
    return (
        said / 1000 if is_number and isinstance(said, int | float) and 0 < said <= MOST_MS else None
    )
