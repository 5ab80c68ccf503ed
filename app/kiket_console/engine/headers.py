"""What a gateway passes on of the headers of a request and of an answer (RFC 9110, 7.6).

Names and values go on as they came, in their order, repeated ones too. Headers of one connection
are dropped; those that say who speaks to whom are the gateway's own.
"""

from __future__ import annotations

import functools
import re
from itertools import chain
from typing import TYPE_CHECKING, NamedTuple

from kiket_console.sending.head import DROPPED, REWRITTEN
from kiket_console.sending.head import HOP as HOP  # marks what the gateway has forwarded

if TYPE_CHECKING:
    from collections.abc import Sequence

    from kiket_console.model import Headers

_NAME = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]+")
_VALUE = re.compile(r"[\t\x20-\x7e\x80-\xff]*")
_FORWARDED = "\r\nx-forwarded-proto: http"
_NOTHING: frozenset[str] = frozenset()
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


class _Form(NamedTuple):
    """Header lines to be filled in: what their names alone decide is decided once.

    Senders use the same names in the same order again and again.
    """

    lines: str
    """With `%s` where values belong."""
    places: tuple[int, ...]
    """Which value belongs to each."""
    passed: tuple[int, ...]
    """Which of them go on as they came."""
    host: int | None
    """Which one said what host was asked for."""

    def filled(self, values: Sequence[str]) -> str:
        return self.lines % tuple(map(values.__getitem__, self.places))


def as_text(came: Sequence[tuple[bytes, bytes]]) -> Headers:
    """Return headers as a parser has read them, as text."""
    texts = b"\n".join(chain.from_iterable(came)).decode("latin-1").split("\n")
    if len(texts) != 2 * len(came):  # there are none, or the end of a line is in one
        return tuple([(name.decode("latin-1"), value.decode("latin-1")) for name, value in came])
    return tuple(zip(texts[::2], texts[1::2], strict=True))


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
    names, values = _apart(headers)
    form = _request_form(names, _taken_out(names, values), bool(traceparent), bool(sender))
    joined = "".join(values)
    if not (joined.isascii() and joined.isprintable()):
        for place in form.passed:
            if not _VALUE.fullmatch(values[place]):
                name = names[place]
                raise ValueError(
                    f"the value of the header {name} has control or foreign characters"
                )
    asked_host = host if form.host is None else values[form.host] or host
    own = host, str(length), traceparent, sender, asked_host
    return f"{method} {path} HTTP/1.1{form.filled(values + own)}".encode("latin-1")


@functools.lru_cache(maxsize=64)
def _request_form(
    names: tuple[str, ...], taken_out: frozenset[str], traced: bool, forwarded: bool
) -> _Form:
    """Return the form of a request's headers, without those called as what is *taken_out*."""
    count = len(names)
    own = {_HOST: count, _LENGTH: count + 1}
    if traced:
        own[_TRACE] = count + 2
    lines: list[tuple[str, int]] = []
    passed: list[int] = []
    host = None
    for place, name in enumerate(names):
        kind = _request_kind(name)
        if kind == _PASSED:
            if name.lower() not in taken_out:
                lines.append((name, place))
            passed.append(place)
        elif kind in own:
            lines.append((name, own.pop(kind)))
            host = place if kind == _HOST else host
    if _HOST in own:
        lines.insert(0, ("host", own[_HOST]))
    if _LENGTH in own:
        lines.append(("content-length", own[_LENGTH]))
    if _TRACE in own:
        lines.append(("traceparent", own[_TRACE]))
    if forwarded:
        lines += ("x-forwarded-for", count + 3), ("x-forwarded-host", count + 4)
    said = "".join([f"\r\n{name.replace('%', '%%')}: %s" for name, _ in lines])
    end = f"{_FORWARDED if forwarded else ''}\r\n{HOP}: 1\r\n\r\n"
    return _Form(said + end, tuple([place for _, place in lines]), tuple(passed), host)


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
    names, values = _apart(headers)
    measured_at = _measured_at(names)
    if measured_at is not None and values[measured_at] == str(length):
        return headers
    taken_out = _taken_out(names, values)
    kept: list[tuple[str, str]] = []
    for pair in headers:
        kind = _answer_kind(pair[0])
        if kind == _PASSED and (not taken_out or pair[0].lower() not in taken_out):
            kept.append(pair)
        elif kind == _LENGTH and length is not None:
            kept.append((pair[0], str(length)))
            length = None
    if length is not None:
        kept.append(("content-length", str(length)))
    return tuple(kept)


def answer_lines(headers: Headers, length: int | None) -> bytes:
    """Return the header lines of an answer to a sender, each with its end.

    The server says the date, for every answer; Content-Length (*length*) is added where it is
    missing, unless there is no body (None).
    """
    names, values = _apart(headers)
    form = _answer_form(names, length is not None)
    return form.filled((*values, str(length))).encode("latin-1")


@functools.lru_cache(maxsize=64)
def _answer_form(names: tuple[str, ...], has_body: bool) -> _Form:
    kept = [place for place, name in enumerate(names) if name.lower() != "date"]
    lines = [f"{names[place].replace('%', '%%')}: %s\r\n" for place in kept]
    if has_body and "content-length" not in _folded(names):
        kept.append(len(names))
        lines.append("content-length: %s\r\n")
    return _Form("".join(lines), tuple(kept), (), None)


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


def values_of(headers: Headers) -> dict[str, str]:
    """Return the values of headers by their names in lower case; of repeated ones the first."""
    names, values = _apart(headers)
    return dict(zip(_folded(names)[::-1], values[::-1], strict=True))


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


def _apart(headers: Headers) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """Return names and values."""
    if not headers:
        return (), ()
    names, values = zip(*headers, strict=True)
    return names, values


@functools.lru_cache(maxsize=64)
def _folded(names: tuple[str, ...]) -> tuple[str, ...]:
    """Return names in lower case."""
    return tuple([name.lower() for name in names])


@functools.lru_cache(maxsize=64)
def _measured_at(names: tuple[str, ...]) -> int | None:
    """Return which header says an answer's length, if there is one and all of them go on."""
    kinds = [_answer_kind(name) for name in names]
    is_plain = kinds.count(_LENGTH) == 1 and kinds.count(_PASSED) == len(kinds) - 1
    return kinds.index(_LENGTH) if is_plain else None


def _taken_out(names: tuple[str, ...], values: tuple[str, ...]) -> frozenset[str]:
    """Return the names that Connection headers take out, in lower case."""
    folded = _folded(names)
    if "connection" not in folded:
        return _NOTHING
    said = [value for name, value in zip(folded, values, strict=True) if name == "connection"]
    return frozenset({each.strip().lower() for each in ",".join(said).split(",")} - REWRITTEN)


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
