"""The registry of secret values, and what it makes of a text that contains them."""

from __future__ import annotations

import functools
import logging
import re
import threading
from typing import TYPE_CHECKING, Final, NamedTuple

from kiket_core._matcher import Matcher, Span
from kiket_core._spellings import spellings, utf8

if TYPE_CHECKING:
    from collections.abc import Sequence

_MAX_PATTERNS: Final = 10_000
_REDACTED: Final = "[redacted]"

_CREDENTIAL_HEADERS: Final = frozenset(
    {"authorization", "proxy-authorization", "cookie", "cookie2", "set-cookie"}
)
_CREDENTIAL_WORD: Final = re.compile(r"token|secret|passw(or)?d|api[_-]?key|credential")
# Only a known scheme is kept: the first word of anything else may be the credential itself.
_AUTH_SCHEME: Final = re.compile(
    r"(Basic|Bearer|Digest|DPoP|HMAC|Negotiate|NTLM|Token|AWS4-HMAC-SHA256)(?= )", re.IGNORECASE
)

_logger = logging.getLogger(__name__)


class RedactorFullError(RuntimeError):
    """A value could not be registered, so it must not be used."""


def marker(name: str) -> str:
    """Say on screen that the secret called `name` stands here, and nothing about its value."""
    return f"[secret:{name}]" if name else "[secret]"


class Match(NamedTuple):
    """One place in a body where a secret stands: `raw[offset:offset + length]`."""

    offset: int
    length: int
    name: str


class _Snapshot(NamedTuple):
    """The matchers of one state of the registry; never changed, only replaced."""

    text: Matcher
    raw: Matcher


class Redactor:
    """Know the secret values of this process and take them out of whatever leaves it.

    A value is recognised raw, URL-quoted, JSON-escaped, as Python `repr`, HTML-escaped, in hex, in
    base64 (at any alignment), as a JSON array of its bytes and, if it has several lines, line by
    line. Values of 4 to 7 characters are recognised as whole tokens only, shorter ones never.

    Reading takes no lock, except for the first reader after a change. Old values of a name stay
    redacted; past 10,000 patterns the values that were retired first are forgotten, with a
    warning, and when none is left to forget `add` refuses.
    """

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._live: dict[str, str] = {}
        self._entries: dict[tuple[str, str], tuple[str, ...]] = {}  # retired ones: oldest first
        self._snapshot: _Snapshot | None = None
        self._is_empty = True

    def add(self, name: str, value: str) -> None:
        """Redact `value` as `[secret:name]` from now on; the previous value of `name` too.

        Raises:
            RedactorFullError: if the values in use already fill the registry.
        """
        if self._live.get(name) == value:
            return
        patterns = spellings(value)
        if not patterns:
            return
        with self._lock:
            self._refuse_overflow(name, len(patterns))
            self._retire(name)
            self._entries.pop((name, value), None)
            self._entries[name, value] = patterns
            self._live[name] = value
            forgotten = self._forget_oldest()
            self._changed()
        if forgotten:  # said outside of the lock: the log's formatter reads this registry
            _logger.warning(
                "The redaction registry is full (%d patterns): %d retired secret values are no "
                "longer redacted. Restart the process to clear old values.",
                _MAX_PATTERNS,
                forgotten,
            )

    def discard(self, name: str) -> None:
        """Retire the value of `name`: it stays redacted, and is the first to go when full."""
        with self._lock:
            self._retire(name)
            self._changed()

    def redact(self, text: str) -> str:
        """Return `text` with every known secret replaced by its marker.

        Where secrets overlap, the whole stretch becomes the marker of the longest one.
        """
        if self._is_empty:
            return text
        matcher = (self._snapshot or self._current()).text
        if len(text) < matcher.shortest:
            return text
        spans = matcher.spans(text)
        return _mask(text, spans) if spans else text

    def find(self, raw: bytes) -> list[Match]:
        """List the places of `raw` where secrets stand, ascending, none overlapping another.

        Encoded spellings are found too; `restorations` gives the bytes to put back. Where secrets
        overlap, the first is reported, the longest of those that start together.
        """
        if self._is_empty:
            return []
        snapshot = self._snapshot or self._current()
        spans = snapshot.raw.spans(raw.decode("latin-1"))  # one character is one byte
        if not spans:
            return []
        return [
            Match(span.start, span.end - span.start, span.name) for span in _without_overlaps(spans)
        ]

    def redact_headers(self, pairs: Sequence[tuple[str, str]]) -> Sequence[tuple[str, str]]:
        """Return HTTP headers with credentials masked by header name, and secrets by value.

        Where there are none these are *pairs* themselves.
        """
        if not pairs:
            return pairs
        names, values = zip(*pairs, strict=True)
        snapshot = self._snapshot or self._current()
        hides = not self._is_empty and bool(snapshot.text.spans("\n".join(values)))
        if not hides and not _has_credential(names):
            return pairs
        return [
            (name, _mask_credential(value))
            if is_credential(name)
            else (name, self.redact(value) if hides else value)
            for name, value in pairs
        ]

    def _refuse_overflow(self, name: str, new_patterns: int) -> None:
        in_use = sum(len(self._entries[item]) for item in self._live.items() if item[0] != name)
        if in_use + new_patterns > _MAX_PATTERNS:
            raise RedactorFullError(
                f"Secret {name!r} cannot be protected: the redaction registry holds at most "
                f"{_MAX_PATTERNS} patterns. Give this process fewer or shorter secrets."
            )

    def _retire(self, name: str) -> None:
        value = self._live.pop(name, None)
        if value is not None:
            self._entries[name, value] = self._entries.pop((name, value))

    def _forget_oldest(self) -> int:
        excess = sum(map(len, self._entries.values())) - _MAX_PATTERNS
        forgotten = 0
        for item in list(self._entries) if excess > 0 else ():
            if excess <= 0:
                break
            if self._live.get(item[0]) != item[1]:
                excess -= len(self._entries.pop(item))
                forgotten += 1
        return forgotten

    def _changed(self) -> None:
        self._snapshot = None
        self._is_empty = not self._entries

    def _current(self) -> _Snapshot:
        snapshot = self._snapshot
        if snapshot is None:
            with self._lock:
                snapshot = self._snapshot = self._snapshot or self._build()
        return snapshot

    def _build(self) -> _Snapshot:
        live = self._live.items()
        in_order = sorted(self._entries.items(), key=lambda entry: entry[0] in live)
        names = {  # a pattern shared by several names keeps the last: the one in use
            pattern: name for (name, _), patterns in in_order for pattern in patterns
        }
        text = Matcher(names)
        if all(map(str.isascii, names)):
            return _Snapshot(text, text)
        return _Snapshot(
            text, Matcher({utf8(item).decode("latin-1"): name for item, name in names.items()})
        )


def restorations(value: str, length: int) -> list[bytes]:
    """List what may have stood at a `Match` of `length` bytes of `value`, the likeliest first.

    Most often it is one; where a value has several spellings of one length, the hash of the whole
    body tells which.
    """
    return [raw for raw in map(utf8, spellings(value)) if len(raw) == length]


@functools.lru_cache(maxsize=256)  # the same few names come with every message
def is_credential(header: str) -> bool:
    """Tell whether the HTTP header called `header` carries a credential, whatever its value."""
    folded = header.lower()
    return folded in _CREDENTIAL_HEADERS or _CREDENTIAL_WORD.search(folded) is not None


@functools.lru_cache(maxsize=64)
def _has_credential(headers: tuple[str, ...]) -> bool:
    return any(map(is_credential, headers))


def _mask_credential(value: str) -> str:
    scheme = _AUTH_SCHEME.match(value)
    return f"{scheme[0]} {_REDACTED}" if scheme else _REDACTED


def _mask(text: str, spans: list[Span]) -> str:
    """Replace each stretch of overlapping spans by the marker of its longest span."""
    pieces: list[str] = []
    shown_to = 0
    longest, end = spans[0], spans[0].end
    start = longest.start
    for span in spans[1:]:
        if span.start < end:
            end = max(end, span.end)
            longest = max(longest, span, key=lambda span: span.end - span.start)
            continue
        pieces += text[shown_to:start], marker(longest.name)
        shown_to = end
        start, end, longest = span.start, span.end, span
    pieces += text[shown_to:start], marker(longest.name), text[end:]
    return "".join(pieces)


def _without_overlaps(spans: list[Span]) -> list[Span]:
    """Keep the leftmost spans, the longest of those that start together."""
    kept: list[Span] = []
    for span in spans:
        if not kept or span.start >= kept[-1].end:
            kept.append(span)
    return kept
