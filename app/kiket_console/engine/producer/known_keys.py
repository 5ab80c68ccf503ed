"""Which credentials the sink knows: its own, and those that stand in this user's AWS files.

They are read in a thread, and again when a signature does not fit, but not all the time.
"""

from __future__ import annotations

import asyncio
import time
from contextlib import suppress
from typing import TYPE_CHECKING

from kiket_console.errors import ConsoleError
from kiket_console.producing import profiles

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from kindo_message_client._verification import Known

LOOK_EVERY_S = 2.0
MOST = 1000


class KnownKeys:
    """Secrets by access key id; *environ* returns variables besides the files'."""

    def __init__(self, environ: Callable[[], Mapping[str, str]]) -> None:
        self._environ = environ
        self._known: dict[str, Known] = {}
        self._looked_s = float("-inf")
        self._looking = asyncio.Lock()

    @property
    def is_ready(self) -> bool:
        """Whether they were read at all."""
        return bool(self._known)

    async def refresh(self) -> bool:
        """Read them again, unless that was done a moment ago; return whether they are others."""
        async with self._looking:
            now_s = time.monotonic()
            if now_s - self._looked_s < LOOK_EVERY_S:
                return False
            before, self._looked_s = self._known, now_s
            self._known = await asyncio.to_thread(self._read)
            return self._known != before

    def secret_of(self, access_key: str) -> Known | None:
        """Return what belongs to a key, as far as is known now."""
        return self._known.get(access_key)

    def _read(self) -> dict[str, Known]:
        import botocore.auth  # noqa: F401 - what compares signatures; here it keeps nobody waiting

        from kindo_message_client._verification import Known

        found: dict[str, Known] = {}
        with suppress(ConsoleError):  # files that cannot be read; who opens the composer is told
            for keys in profiles.static_keys(self._environ()):
                found.setdefault(keys.access_key, Known(keys.secret_key, keys.token))
                if len(found) >= MOST:
                    break
        return found
