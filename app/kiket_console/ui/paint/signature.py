"""What the gateway found about a signature, in sentences.

    Accepted by dialect k0 (HMAC-SHA256 of the body, hex).
    ✓ X-Kiket-Signature  matches
    ✓ X-Kiket-Timestamp  2026-11-20 14:05:09, 1 s before it came; limit 300 s
    ! The timestamp is not covered by this dialect's signature. …

The first line is the verdict; the others are what it rests on.
"""

from __future__ import annotations

import time
from datetime import UTC, datetime
from typing import TYPE_CHECKING, NamedTuple

from kiket_console.model import Source
from kiket_console.text import age, fit, visible
from kiket_console.ui.paint.line import wrap
from kiket_console.ui.paint.schemes import ES256, SCHEMES, claim_lines, scheme_lines

if TYPE_CHECKING:
    from kiket_console.model import Detail, Judgement
    from kiket_console.ui.paint.line import Line

MARGIN = "  "
_SIGNATURE_HEADERS = ("x-kiket-signature", "webhook-signature")
_TIMESTAMP_HEADERS = ("x-kiket-timestamp", "webhook-timestamp")
_OTHER_HEADERS = ("webhook-id", "x-kiket-delivery-id", "x-kiket-event-id")
_LATE = ("stale", "future")
"""Reasons that concern the timestamp alone: the signature itself matches."""
_NAME_CELLS = 20
LIMIT_S = 300
"""How old, or how far ahead, a timestamp may be (`kiket_sdk` refuses others)."""
_DAY_S = 86_400
_LATEST_S = 253_402_300_799  # the end of the year 9999


class _Finding(NamedTuple):
    """What is to be said of one header."""

    sign: str
    role: str
    name: str
    said: str

    def lines(self, width: int) -> list[Line]:
        """Return a header's sign and name, and what is to be said of it."""
        name = fit(visible(self.name), _NAME_CELLS)
        return [
            [(MARGIN, ""), ("  " if at else f"{self.sign} ", self.role),
             ((" " * _NAME_CELLS if at else name) + "  ", "name"), *line]
            for at, line in enumerate(wrap(self.said, width - _NAME_CELLS - 7))
        ]  # fmt: skip


def signature(detail: Detail, width: int) -> list[Line]:
    """Return the verdict on an exchange's signature as sentences."""
    judgement = detail.judgement
    if judgement is None:
        return wrap(_no_judgement(detail), width, "muted", MARGIN)
    if detail.exchange.source is Source.PRODUCER:  # it says by whom and for what it is signed
        return wrap(judgement.sentence, width, "" if judgement.ok else "error", MARGIN)
    warnings = _warnings(detail, judgement)
    parts = (
        _verdict(judgement, width),
        _evidence(detail, judgement, width),
        scheme_lines(detail, judgement, width),
        claim_lines(detail.request, detail.exchange.started_us, width),
        [line for each in warnings for line in _warning(each, width)],
    )
    return [line for part in parts if part for line in ([], *part)][1:]


def _warnings(detail: Detail, judgement: Judgement) -> list[str]:
    """Return what to think of, though it is not what was judged."""
    found: list[str] = []
    if judgement.ok and judgement.dialect == "k0":
        found.append(
            "The timestamp is not covered by this dialect's signature. A stricter receiver would "
            "want k1 or Standard Webhooks."
        )
    if judgement.nearest:
        found.append(_nearest(detail, judgement.nearest))
    return found


def _nearest(detail: Detail, nearest: str) -> str:
    """Say what would have fitted: another dialect, or a handler of nearly this name."""
    if nearest in SCHEMES:
        return (
            f"It would match as dialect {nearest} ({SCHEMES[nearest]}), which is not accepted "
            f"here. Accept it, or sign with one that is."
        )
    event, _, version = nearest.partition("@")
    wanted = f"{detail.exchange.name} {detail.exchange.version}".strip()
    there = f"{event} {version}".strip()
    return f"No handler takes {visible(wanted)}. The nearest that there is: {visible(there)}."


def _no_judgement(detail: Detail) -> str:
    if detail.exchange.source is Source.WEBHOOK:
        return "Nobody has judged this signature: the exchange ended before that."
    if detail.exchange.source is Source.PRODUCER:
        return "Nothing has signed this message: there were no credentials."
    if detail.exchange.source is Source.IPC:
        return "A module's messages are not signed: their channel is known to be the module's."
    return "An API call carries a token of its own, not a webhook signature."


def _verdict(judgement: Judgement, width: int) -> list[Line]:
    dialect = judgement.dialect
    if judgement.ok and dialect is not None:
        about = SCHEMES.get(dialect)
        named = f"Accepted by dialect {dialect}" + (f" ({about})." if about else ".")
        lines = wrap(named, width, "ok", MARGIN)
        if judgement.sentence:
            lines += wrap(judgement.sentence, width, "", MARGIN)
        return lines
    return wrap(judgement.sentence or judgement.reason, width, "error", MARGIN)


def _evidence(detail: Detail, judgement: Judgement, width: int) -> list[Line]:
    found: list[_Finding] = []
    for name, value in detail.request.headers:
        lower = name.lower()
        if not _is_looked_at(lower, judgement.dialect):
            if lower in _SIGNATURE_HEADERS:
                found.append(_Finding("·", "muted", name, "present"))
            elif lower in _TIMESTAMP_HEADERS:
                said = _timestamp(detail, judgement, name, value).said
                found.append(_Finding("·", "muted", name, said))
        elif lower in _SIGNATURE_HEADERS:
            if judgement.ok or judgement.reason in _LATE:
                found.append(_Finding("✓", "ok", name, "matches"))
            elif judgement.reason == "mismatch":
                found.append(_Finding("✗", "error", name, _differs(judgement)))
            else:
                found.append(_Finding("·", "muted", name, "present"))
        elif lower in _TIMESTAMP_HEADERS:
            found.append(_timestamp(detail, judgement, name, value))
        elif lower in _OTHER_HEADERS:
            found.append(_Finding("·", "muted", name, visible(value)))
    if not found and judgement.dialect != ES256:
        found.append(_Finding("✗", "error", "No header", "of the request carries a signature"))
    return [line for each in found for line in each.lines(width)]


def _is_looked_at(name: str, dialect: str | None) -> bool:
    """Return whether the dialect that decided has anything to do with a header."""
    if dialect is None or name in _OTHER_HEADERS:
        return True
    if dialect == ES256:
        return False
    return name.startswith("webhook-") is dialect.startswith("sw1")


def _differs(judgement: Judgement) -> str:
    """Say how a signature differs, by its first signs: the whole of it would sign requests."""
    if not judgement.expected:
        return "does not match"
    came = visible(judgement.received)
    return f"does not match: {came}… came, {visible(judgement.expected)}… is right"


def _timestamp(detail: Detail, judgement: Judgement, name: str, value: str) -> _Finding:
    at_s = _unix_s(value)
    if at_s is None:
        sign, role = ("·", "muted") if judgement.ok else ("✗", "error")
        return _Finding(sign, role, name, f"{visible(value)[:60]!r} is no time")
    written = time.strftime("%Y-%m-%d %H:%M:%S", time.localtime(at_s))
    skew_s = detail.exchange.started_us / 1_000_000 - at_s
    if abs(skew_s) < 1:
        when = "as it came"
    else:
        far = f"{abs(skew_s):,.0f} s" if abs(skew_s) < _DAY_S else age(abs(skew_s))
        when = f"{far} {'before' if skew_s > 0 else 'after'} it came"
    found = f"{written}, {when}; limit {LIMIT_S} s"
    if judgement.reason in _LATE:
        return _Finding("✗", "error", name, found)
    if abs(skew_s) > LIMIT_S:  # the signature says nothing of it
        return _Finding("!", "warning", name, found)
    return _Finding("✓", "ok", name, found) if judgement.ok else _Finding("·", "muted", name, found)


def _unix_s(value: str) -> float | None:
    """Return a time written as Unix seconds or as ISO 8601; None when it is neither."""
    try:
        at_s = float(value)
    except ValueError:
        try:
            at = datetime.fromisoformat(value)
            at_s = (at if at.tzinfo else at.replace(tzinfo=UTC)).timestamp()
        except (ValueError, OverflowError):
            return None
    return at_s if 0 <= at_s <= _LATEST_S else None


def _warning(sentence: str, width: int) -> list[Line]:
    wrapped = wrap(sentence, width - 4)
    return [
        [(f"{MARGIN}! " if position == 0 else f"{MARGIN}  ", "warning"), *line]
        for position, line in enumerate(wrapped)
    ]
