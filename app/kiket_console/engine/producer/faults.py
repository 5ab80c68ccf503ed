"""The failures that the sink was told to show, and for how many messages more."""

from __future__ import annotations

from typing import TYPE_CHECKING

from msgspec.structs import replace

from kiket_console.errors import ConsoleError, ExitCode
from kiket_console.producing.fault_words import USUAL_S
from kiket_console.wire_producer import FAULTS

if TYPE_CHECKING:
    from collections.abc import Sequence

    from kiket_console.wire_producer import SinkFault

MOST_S = 60.0
"""How late the sink answers at most."""
MOST_SKEW_S = 86_400.0
MOST_TIMES = 1_000_000


class Faults:
    """One failure of each kind at most; they are shown together where that makes sense."""

    def __init__(self) -> None:
        self._faults: dict[str, SinkFault] = {}

    @property
    def now(self) -> tuple[SinkFault, ...]:
        """Return what is to be shown, with how many messages are left."""
        return tuple(self._faults.values())

    def set(self, faults: Sequence[SinkFault]) -> None:
        """Take these in place of those before; raises `ConsoleError` for what is no failure."""
        self._faults = {each.kind: each for each in map(_checked, faults)}

    def take(self) -> dict[str, SinkFault]:
        """Return what one message meets, by kind, and count it."""
        met = dict(self._faults)
        for kind, fault in met.items():
            if fault.times == 1:
                del self._faults[kind]
            elif fault.times:
                self._faults[kind] = replace(fault, times=fault.times - 1)
        return met


def _checked(fault: SinkFault) -> SinkFault:
    if fault.kind not in FAULTS:
        known = ", ".join(FAULTS)
        raise _bad(f'The sink knows no failure "{fault.kind[:80]}".', f"There are: {known}.")
    if not 0 <= fault.times <= MOST_TIMES:
        raise _bad("A failure is for 0 messages or more.", "0 means: until it is turned off.")
    seconds = fault.seconds or USUAL_S.get(fault.kind, 0.0)
    most = MOST_SKEW_S if fault.kind == "skew" else MOST_S
    if not abs(seconds) <= most or (fault.kind == "slow" and seconds < 0):
        raise _bad(f"{seconds:g} s is too much for {fault.kind}.", f"Use {most:g} s at most.")
    return replace(fault, seconds=seconds)


def _bad(message: str, hint: str) -> ConsoleError:
    return ConsoleError(message, hint=hint, exit_code=ExitCode.USAGE)
