"""Takes what the SDK posts of each handler that has ended, and finds whose it is."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any

from msgspec.structs import replace

from kiket_console.engine.telemetry.placing import Untold
from kiket_console.engine.telemetry.sdk_telemetry import handled

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from kiket_console.engine.parentage import Parent
    from kiket_console.engine.ports import Workers
    from kiket_console.engine.telemetry.sdk_telemetry import Handled


class Handlers:
    """Make spans of handlers; *take* takes each, and never waits."""

    def __init__(self, workers: Workers, take: Callable[[tuple[Untold]], object]) -> None:
        self._workers = workers
        self._take = take

    def told(self, fields: Mapping[str, Any], caller: str, parent: Parent | None) -> bool:
        """Take what was posted; return False where it tells of no handler.

        *caller* is the worker whose token came with it, and *parent* the delivery that it was
        posted during, as far as either is known.
        """
        found = handled(fields, time.time_ns() // 1000)
        if found is None:
            return False
        span = found.span
        if parent is not None and not parent.guessed:
            span = replace(
                span,
                exchange_id=parent.exchange_id,
                trace_id=parent.trace.trace_id,
                worker=parent.worker,
            )
        untold = Untold(span, self._candidates(found, caller), found.event, found.version)
        self._take((untold,))
        return True

    def _candidates(self, found: Handled, caller: str) -> tuple[str, ...]:
        """Return the workers that it may be of: who says so, who is called so, the only one."""
        if caller:
            return (caller,)
        extensions = self._workers.extensions()
        named = [
            each.name
            for each in extensions
            if found.extension_id and found.extension_id in {each.extension_id, each.name}
        ]
        if named or found.extension_id:
            return tuple(named)
        return (extensions[0].name,) if len(extensions) == 1 else ()
