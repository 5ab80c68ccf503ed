"""What a gateway passes on of the headers of a request and of an answer (RFC 9110, 7.6).

Names and values go on as they came, in their order, repeated ones too. Headers of one connection
are dropped; those that say who speaks to whom are the gateway's own.
"""

from __future__ import annotations

import functools
import re
from typing import TYPE_CHECKING

from kiket_console.sending.head import DROPPED, REWRITTEN
from kiket_console.sending.head import HOP as HOP  # marks what the gateway has forwarded

if TYPE_CHECKING:
    from collections.abc import Mapping

    from kiket_console.model import Headers

_NAME = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]+")
_VALUE = re.compile(r"[\t\x20-\x7e\x80-\xff]*")
_WITHOUT_BODY = frozenset({204, 304})
_TARGET = re.compile(r"/[\x21-\x7e\x80-\xff]*")

_PASSED, _DROPPED, _CONNECTION, _HOST, _LENGTH, _TRACE = range(6)
_KINDS = {
    **dict.fromkeys(DROPPED, _DROPPED),
    "connection": _CONNECTION,
    "host": _HOST,
    "content-length": _LENGTH,
    "traceparent": _TRACE,
}


def request_head(
    method: str,
    path: str,
    headers: Headers,
    *,
    host: str,
    length: int,
    traceparent: str = "",
    sender: str = "",
) -> bytes:
    """Return the head of a request on its way to a worker.

    Host, Content-Length and, when given, `traceparent` replace the first one that came, in its
    place. *sender* is the address that the request came from, empty when it is our own. Raises
    ValueError, in words, for what HTTP cannot carry.
    """
    if not _TARGET.fullmatch(path):
        raise ValueError(f"{path!r} is not a path of HTTP's")
    lines = [f"{method} {path} HTTP/1.1"]
    own = {_HOST: host, _LENGTH: str(length)}
    if traceparent:
        own[_TRACE] = traceparent
    asked_host = ""
    for name, value in headers:
        kind = _request_kind(name)
        if kind == _PASSED:
            if not (value.isascii() and value.isprintable()) and not _VALUE.fullmatch(value):
                raise ValueError(
                    f"the value of the header {name} has control or foreign characters"
                )
            lines.append(f"{name}: {value}")
        elif kind == _CONNECTION:
            kept = _without_connection(headers)
            own_lines = {"host": host, "traceparent": traceparent, "sender": sender}
            return request_head(method, path, kept, length=length, **own_lines)
        elif kind in own:
            asked_host = value if kind == _HOST else asked_host
            lines.append(f"{name}: {own.pop(kind)}")
    if _HOST in own:
        lines.insert(1, f"host: {host}")
    if _LENGTH in own:
        lines.append(f"content-length: {length}")
    if _TRACE in own:
        lines.append(f"traceparent: {traceparent}")
    if sender:
        lines.append(f"x-forwarded-for: {sender}")
        lines.append(f"x-forwarded-host: {asked_host or host}")
        lines.append("x-forwarded-proto: http")
    lines.append(f"{HOP}: 1\r\n\r\n")
    return "\r\n".join(lines).encode("latin-1")


def from_own_page(headers: Headers, host: str) -> Headers:
    """Return the headers of a request whose page came by way of us as if it came from *host*.

    Servers compare Origin with Host (RFC 6454, 7.3), and Host becomes theirs; pages of anybody else
    stay what they are.
    """
    asked = value_of(headers, "host").lower()
    ours = {f"http://{asked}", f"https://{asked}"} if asked else set()
    own = f"http://{host}"
    return tuple(
        [
            (name, own if name.lower() == "origin" and value.lower() in ours else value)
            for name, value in headers
        ]
    )


def answer_headers(headers: Headers, length: int | None) -> Headers:
    """Return what goes on of an answer's headers, and says that its body has *length* bytes.

    None for an answer that has no body by its status.
    """
    kept: list[tuple[str, str]] = []
    missing = length
    for pair in headers:
        kind = _answer_kind(pair[0])
        if kind == _PASSED:
            kept.append(pair)
        elif kind == _CONNECTION:
            return answer_headers(_without_connection(headers), length)
        elif kind == _LENGTH and missing is not None:
            kept.append((pair[0], str(missing)))
            missing = None
    if missing is not None:
        kept.append(("content-length", str(missing)))
    return tuple(kept)


def answer_length(method: str, status: int, headers: Headers, raw_body: bytes) -> int | None:
    """Return how long an answer says that its body is; None for one that has no body.

    What answers HEAD says it of the body that GET would have.
    """
    if status in _WITHOUT_BODY:
        return None
    if method != "HEAD":
        return len(raw_body)
    said = value_of(headers, "content-length")
    return int(said) if said.isascii() and said.isdigit() else None


def value_of(headers: Headers, wanted: str) -> str:
    """Return the first value of a header by its name in lower case; empty when there is none."""
    length = len(wanted)
    for name, value in headers:
        if len(name) == length and name.lower() == wanted:
            return value
    return ""


def found_in(headers: Headers, named: Mapping[bytes, bytes] | None, wanted: str) -> str:
    """Do what `value_of` does; *named* has the same by their names, where somebody has it."""
    if named is None or len(named) != len(headers):  # of repeated ones it has the last
        return value_of(headers, wanted)
    value = named.get(wanted.encode())
    return "" if value is None else value.decode("latin-1")


def signed(headers: Headers) -> tuple[tuple[str, str], ...]:
    """Return each dialect whose headers are there, and what its MAC covers before the body."""
    found: list[tuple[str, str]] = []
    signature, moment = (value_of(headers, f"x-kiket-{x}") for x in ("signature", "timestamp"))
    if signature.startswith("sha256="):
        found.append(("k1", f"{moment}."))
    elif signature:
        found.append(("kr", f"{moment}.") if moment.isdigit() else ("k0", ""))
    if value_of(headers, "webhook-signature"):
        message, moment = (value_of(headers, f"webhook-{x}") for x in ("id", "timestamp"))
        found.append(("sw1", f"{message}.{moment}."))
    return tuple(found)


def _without_connection(headers: Headers) -> Headers:
    """Return headers without Connection, and without those that it names."""
    said = [value for name, value in headers if name.lower() == "connection"]
    named = {token.strip().lower() for value in said for token in value.split(",")}
    dropped = (named - REWRITTEN) | {"connection"}
    return tuple([pair for pair in headers if pair[0].lower() not in dropped])


@functools.lru_cache(maxsize=256)  # senders use the same names again and again
def _request_kind(name: str) -> int:
    if not _NAME.fullmatch(name):
        raise ValueError(f"{name!r} is not a header's name")
    folded = name.lower()
    return _KINDS.get(folded, _DROPPED if folded.startswith("x-forwarded-") else _PASSED)


@functools.lru_cache(maxsize=256)
def _answer_kind(name: str) -> int:
    kind = _KINDS.get(name.lower(), _PASSED)
    return _PASSED if kind in (_HOST, _TRACE) else kind
