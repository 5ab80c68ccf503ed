"""The difference between two messages' headers, by name, whatever the case and order of names."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from msgspec import Struct

from kiket_console.comparing.structure import Kind

if TYPE_CHECKING:
    from kiket_console.model import Headers

VOLATILE: Final = frozenset(
    {
        "age", "cf-ray", "content-length", "date", "etag", "expires", "last-modified",
        "server-timing", "traceparent", "tracestate", "webhook-id", "webhook-signature",
        "webhook-timestamp", "x-amzn-trace-id", "x-correlation-id", "x-kiket-console-hop",
        "x-kiket-delivery", "x-kiket-delivery-id", "x-kiket-signature", "x-kiket-timestamp",
        "x-process-time", "x-request-id", "x-response-time", "x-runtime", "x-trace-id",
    }
)  # fmt: skip
"""Names of headers that differ each time, and say nothing of what code did."""


class HeaderChange(Struct, frozen=True):
    """What became of the headers of one name; no values where there was none."""

    kind: Kind
    name: str
    before: tuple[str, ...]
    after: tuple[str, ...]

    @property
    def volatile(self) -> bool:
        """Whether it differs each time."""
        return self.name in VOLATILE


def compare_headers(before: Headers, after: Headers) -> list[HeaderChange]:
    """Return all headers by their names in lower case, in order, with what became of each."""
    here, there = _by_name(before), _by_name(after)
    changes: list[HeaderChange] = []
    for name in dict.fromkeys((*here, *there)):
        left, right = here.get(name, ()), there.get(name, ())
        kind = Kind.SAME if left == right else Kind.CHANGED
        if not left or not right:
            kind = Kind.REMOVED if left else Kind.ADDED
        changes.append(HeaderChange(kind, name, left, right))
    return changes


def _by_name(headers: Headers) -> dict[str, tuple[str, ...]]:
    found: dict[str, tuple[str, ...]] = {}
    for name, value in headers:
        found[name.lower()] = (*found.get(name.lower(), ()), value)
    return found
