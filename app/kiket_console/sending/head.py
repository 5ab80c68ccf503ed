"""The headers of a delivery as a person edits them: one `Name: value` a line.

What is made anew for each delivery (its id, time, signature, trace and length) is left out, and so
is what could not be stored; a person may still name one of these, and theirs is sent then.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final

from kiket_console.errors import ConsoleError, ExitCode

if TYPE_CHECKING:
    from collections.abc import Iterable

    from kiket_console.model import Headers

HOP: Final = "x-kiket-console-hop"
"""Marks what the gateway has forwarded, so that a loop ends where it closes."""
RENEWED: Final = frozenset(
    {
        "x-kiket-delivery",
        "x-kiket-signature",
        "x-kiket-timestamp",
        "webhook-id",
        "webhook-timestamp",
        "webhook-signature",
        "traceparent",
        "content-length",
    }
)
"""Made anew for each delivery."""
DROPPED: Final = frozenset(
    {
        "connection",
        "keep-alive",
        "proxy-authenticate",
        "proxy-authorization",
        "proxy-connection",
        "te",
        "trailer",
        "transfer-encoding",
        "upgrade",
        "expect",  # answered by the server that read the body
        "forwarded",
        HOP,
    }
)
"""What the gateway does not hand on: it belongs to one connection, or the gateway says it."""
REWRITTEN: Final = frozenset({"host", "content-length", "traceparent"})
"""What the gateway hands on in its own words."""
EVENT: Final = "x-kiket-event"
VERSION: Final = "x-kiket-event-version"
_UNSEEN: Final = RENEWED | {EVENT, VERSION, HOP, "host"}
MOST_HEADERS: Final = 100
MOST_BYTES: Final = 32 * 1024
_NAME = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]+")
_VALUE = re.compile(r"[\t\x20-\x7e\x80-\xff]*")


class HeaderError(ConsoleError):
    """A header that HTTP cannot carry; `line` is 0-based, in the text that was edited."""

    def __init__(self, message: str, line: int = 0, hint: str = "") -> None:
        super().__init__(message, hint=hint, exit_code=ExitCode.USAGE)
        self.line = line


def editable(headers: Headers) -> Headers:
    """Return the headers that a person sees and edits, of those that can be sent again.

    The event and its version are not among them: they follow what the draft says of them.
    """
    return tuple(pair for pair in headers if pair[0].lower() not in _UNSEEN)


def write(headers: Headers) -> str:
    """Return headers as text, one a line."""
    return "\n".join(f"{name}: {value}" for name, value in headers)


def read(text: str) -> Headers:
    """Return the headers that *text* says, blank lines left out; raises `HeaderError`."""
    found: list[tuple[str, str]] = []
    for number, line in enumerate(text.split("\n")):
        line = line.rstrip("\r")
        if line.strip():
            found.append(one(line, number))
    check(found)
    return tuple(found)


def one(line: str, number: int = 0) -> tuple[str, str]:
    """Return the header that one line says; raises `HeaderError` at line *number*."""
    name, colon, value = line.partition(":")
    name, value = name.strip(), value.strip(" \t")
    if not colon:
        raise HeaderError(
            f"Line {number + 1} of the headers has no colon.", number, "Write them as Name: value."
        )
    trouble = wrong(name, value)
    if trouble:
        raise HeaderError(trouble, number)
    return name, value


def check(headers: Iterable[tuple[str, str]]) -> None:
    """Raise `HeaderError` for headers that HTTP cannot carry, or that are too many."""
    count = total = 0
    for number, (name, value) in enumerate(headers):
        if trouble := wrong(name, value):
            raise HeaderError(trouble, number)
        count += 1
        total += len(name) + len(value) + 4
    if count > MOST_HEADERS or total > MOST_BYTES:
        raise HeaderError(
            f"{count} headers of {total:,} bytes are too many; the limit is {MOST_HEADERS} of "
            f"{MOST_BYTES // 1024} KiB together."
        )


def wrong(name: str, value: str) -> str:
    """Say what is wrong with a header; empty when nothing is."""
    if not _NAME.fullmatch(name):
        shown = repr(name[:60])
        return f"{shown} is not a header's name; use letters, digits and - only."
    if "\n" in value or "\r" in value:
        return f"The value of {name} has a line break, which would begin another header."
    if not _VALUE.fullmatch(value):
        return f"The value of {name} has characters that HTTP cannot carry; use Latin-1."
    return ""


def merged(headers: Headers, changes: Headers) -> Headers:
    """Return *headers* with *changes*: in place of those of the same name, or at the end."""
    names = {name.lower() for name, _ in changes}
    return (*(pair for pair in headers if pair[0].lower() not in names), *changes)
