"""What an extension's manifest says of how the platform is to deal with it: pure.

Read from every style of the manifest (spec/kiket-and-kindo.md §1.10, §4): `callback.timeout` and
`callback.required`, below `delivery` or beside it, and each of `hooks` and `events`. And the
modules of custom data that it may use: `custom_data.permissions`.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from msgspec import Struct

from kiket_console.decision import is_guard

if TYPE_CHECKING:
    from kiket_sdk.manifest import ExtensionManifest

LIMIT_S: Final = 10.0
"""How long the platform waits for an answer where nothing else is said."""


class Hook(Struct, frozen=True):
    """What is said of one event."""

    event: str
    limit_s: float | None = None
    is_required: bool | None = None


class Contract(Struct, frozen=True):
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


def read(manifest: ExtensionManifest) -> Contract:
    """Return what a manifest says.

    What makes no sense is left out: `kiket-console lint` says so.
    """
    callback = manifest.callback
    return Contract(
        _seconds(callback.timeout_ms),
        callback.required,
        tuple(
            Hook(each.name, _seconds(each.timeout_ms), each.required)
            for each in manifest.events
            if (each.timeout_ms, each.required) != (None, None)
        ),
        manifest.custom_data,
    )


def _seconds(said_ms: float | None) -> float | None:
    return None if said_ms is None else said_ms / 1000
