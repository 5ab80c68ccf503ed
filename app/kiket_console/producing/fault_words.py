"""A failure of the sink as a person types it: `throttle 3x`, `slow 2s`, `skew -400s`.

Or as on the command line, kind, times and seconds: `throttle:3`, `slow:0:1.5`.
"""

from __future__ import annotations

import re
from typing import Final

from kiket_console.errors import ConsoleError, ExitCode
from kiket_console.sending.repeating import seconds
from kiket_console.text import visible
from kiket_console.wire_producer import FAULTS, SinkFault

MEANINGS: Final = {
    "throttle": "429: too many messages",
    "error": "500: it fails",
    "slow": "taken, but late",
    "skew": "its clock goes wrong: signatures are too old, or too new",
    "no-tracking-id": "200 without a tracking id",
    "not-json": "200, and no JSON",
}
USUAL_S: Final = {"slow": 2.0, "skew": 600.0}
"""How late, or how far off, where that is not said."""
EXAMPLE: Final = "throttle 3x"
_TIMES: Final = re.compile(r"(\d{1,6})[x×]|[x×](\d{1,6})")  # noqa: RUF001 - as it is written
_COLONS: Final = re.compile(r"([a-z-]+):(\d{1,6})(?::([-+]?\d+(?:\.\d+)?))?")
_SPAN: Final = re.compile(r"([-+]?)(\d+(?:\.\d+)?(?:ms|s|m))")


def read(text: str) -> SinkFault:
    """Return the failure that a line names; raises `ConsoleError`."""
    kind, *words = _COLONS.sub(_as_words, text.strip()).split() or [""]
    if kind not in FAULTS:
        raise _bad(f'"{visible(kind)}" is no failure.', f"There are {', '.join(FAULTS)}.")
    times, span_s = 0, USUAL_S.get(kind, 0.0)
    for word in words:
        if often := _TIMES.fullmatch(word):
            times = int(often[1] or often[2])
        elif (span := _SPAN.fullmatch(word)) and kind in USUAL_S:
            span_s = seconds(span[2]) * (-1 if span[1] == "-" else 1)
        else:
            raise _bad(f'"{visible(word)}" says nothing of {kind}.', f"Write {EXAMPLE}.")
    return SinkFault(kind, times, span_s)


def _as_words(found: re.Match[str]) -> str:
    often = f"{found[2]}x" if int(found[2]) else ""
    return f"{found[1]} {often} {found[3] + 's' if found[3] else ''}"


def written(fault: SinkFault) -> str:
    """Return a failure as it is typed."""
    words = [fault.kind]
    if fault.seconds:
        words.append(f"{fault.seconds:g}s")
    if fault.times:
        words.append(f"{fault.times}x")
    return " ".join(words)


def _bad(message: str, hint: str) -> ConsoleError:
    return ConsoleError(message, hint=hint, exit_code=ExitCode.USAGE)
