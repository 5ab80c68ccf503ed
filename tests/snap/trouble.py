"""What of an engine may be degraded, as it says it."""

from __future__ import annotations

from typing import Any

from tests.snap.scene import NOW_US

from kiket_console.engine_status import Degraded

DEGRADED: dict[str, Any] = {
    "degraded": (
        Degraded(
            "keyring",
            "keyring locked",
            "The keyring Secret Service is locked.",
            NOW_US - 240_000_000,
        ),
        Degraded(
            "logs",
            "1,204 log lines dropped",
            "1,204 log lines dropped: more came than the store took.",
            NOW_US - 12_000_000,
        ),
    ),
}
