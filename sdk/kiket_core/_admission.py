"""Which request heads the guard lets in: pure rules, no I/O."""

from __future__ import annotations

import functools
import http
import json
import re
from typing import TYPE_CHECKING, Final, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping, Sequence

LOOPBACK: Final = frozenset({"127.0.0.1", "localhost", "[::1]"})
"""The hosts that only this machine reaches."""

# A reader that took the first and a checker that took the last of two such headers would disagree
# about who sent what, so there may be one at most.
_AT_MOST_ONCE: Final = frozenset(
    {
        b"host",
        b"upgrade",
        b"content-length",
        b"transfer-encoding",
        b"content-type",
        b"authorization",
        b"origin",
        b"sec-fetch-site",
        b"x-kiket-api-key",
        b"x-kiket-delivery",
        b"x-kiket-event",
        b"x-kiket-event-version",
        b"x-kiket-runtime-token",
        b"x-kiket-signature",
        b"x-kiket-timestamp",
        b"webhook-id",
        b"webhook-signature",
        b"webhook-timestamp",
    }
)
_HOST: Final = re.compile(
    r"(?P<name>\[[0-9a-f:.]+\]|[^\s:@/\\\[\]?#,]+)(?::\d{1,5})?", re.IGNORECASE
)
_DEFAULT_PORT: Final = re.compile(r"^(http://.*):80$|^(https://.*):443$")
_MAX_QUOTED: Final = 80


class Limits(NamedTuple):
    """What one connection may cost."""

    body_bytes: int = 5 * 1024 * 1024
    header_bytes: int = 32 * 1024
    header_count: int = 100
    url_bytes: int = 8 * 1024
    header_deadline_s: float = 5.0
    """From the connection, or the first byte of a later request, to the end of the headers."""
    body_deadline_s: float = 15.0
    """From the end of the headers to the end of the body, unless the app is what is slow."""
    answer_deadline_s: float = 30.0
    """How long an answer may wait for a sender that reads less of it than 1 KiB a second."""
    idle_s: float = 5.0
    """How long a connection may wait for its next request; raise it for pooled clients."""
    connections: int = 512


class Refusal(NamedTuple):
    """What a refused request is answered."""

    status: int
    sentence: str


class _AmbiguousError(Exception):
    """Two readers could read the headers differently."""


class Admission:
    """Judge request heads by one policy.

    `hosts` are the host names served, without port; None serves any. Unless `allow_cross_site`, a
    request that a browser sent for a page of another origin is refused; unless
    `allow_websockets`, so is whoever wants to speak another protocol.
    """

    def __init__(
        self,
        limits: Limits,
        hosts: Collection[str] | None,
        *,
        allow_cross_site: bool,
        allow_websockets: bool = False,
    ) -> None:
        self._limits = limits
        self._hosts = None if hosts is None else frozenset(map(_bracketed, hosts))
        self._allow_cross_site = allow_cross_site
        self._allow_websockets = allow_websockets

    def refusal(
        self,
        target: bytes,
        version: str,
        headers: Sequence[tuple[bytes, bytes]],
        named: Mapping[bytes, bytes],
        *,
        is_plain: bool = False,
    ) -> Refusal | None:
        """Say why a request may not come in whose head is this, or None if it may.

        Names of headers are in lower case; `named` has of repeated ones the last. `is_plain`: see
        `Names`; where nobody knows that, it is found out.
        """
        if version not in ("1.0", "1.1"):
            return Refusal(505, f"HTTP {version} is not spoken here; use HTTP/1.1.")
        if not target.startswith(b"/") or b"#" in target:
            return Refusal(400, "The request target must be a path that starts with '/'.")
        if is_plain:  # nearly always
            return self._host_refusal(named) or self._length_refusal(named)
        try:
            single = _single_headers(headers)
        except _AmbiguousError as error:
            return Refusal(400, str(error))
        return (
            self._upgrade_refusal(single, version)
            or self._host_refusal(single)
            or (None if self._allow_cross_site else _cross_site_refusal(single))
            or _coding_refusal(single, version)
            or self._length_refusal(single)
        )

    def _upgrade_refusal(self, single: Mapping[bytes, bytes], version: str) -> Refusal | None:
        wanted = single.get(b"upgrade")
        if wanted is None:
            return None
        if not self._allow_websockets:
            return Refusal(400, "Upgrades to another protocol are not offered here.")
        if wanted.lower() != b"websocket" or version != "1.1":
            return Refusal(400, f"An upgrade to {_quoted(wanted)} is not offered here.")
        if b"content-length" in single or b"transfer-encoding" in single:
            return Refusal(400, "A request for an upgrade may not have a body.")
        return None

    def _host_refusal(self, single: Mapping[bytes, bytes]) -> Refusal | None:
        raw_host = single.get(b"host")
        if raw_host is None:
            return Refusal(400, "The request has no Host header; send exactly one.")
        name = _host_name(raw_host)
        if name is None:
            return Refusal(400, f"The Host header {_quoted(raw_host)} is not a host name.")
        if self._hosts is not None and name not in self._hosts:
            return Refusal(
                421,
                f"The host {_quoted(raw_host)} is not served here; "
                "use a local address, or add the name to the allowed hosts.",
            )
        return None

    def _length_refusal(self, single: Mapping[bytes, bytes]) -> Refusal | None:
        raw_length = single.get(b"content-length", b"0")
        if not raw_length.isdigit():
            return Refusal(
                400, f"The Content-Length {_quoted(raw_length)} is not a number of bytes."
            )
        if len(raw_length) > 18 or int(raw_length) > self._limits.body_bytes:
            return body_too_large(self._limits)
        return None


def body_too_large(limits: Limits) -> Refusal:
    """Refuse a body over the limit."""
    return Refusal(413, f"The request body is larger than {limits.body_bytes} bytes.")


def head_too_large(limits: Limits) -> Refusal:
    """Refuse a head over the limit."""
    return Refusal(431, f"The request headers are larger than {limits.header_bytes} bytes.")


def too_many_headers(limits: Limits) -> Refusal:
    """Refuse a head with more headers than the limit."""
    return Refusal(431, f"The request has more than {limits.header_count} headers.")


def answer_to(refusal: Refusal, common_headers: list[tuple[bytes, bytes]], is_head: bool) -> bytes:
    """Return a refusal as the last answer of a connection."""
    body = json.dumps({"error": refusal.sentence}).encode()
    headers = [
        *common_headers,
        (b"content-type", b"application/json"),
        (b"x-content-type-options", b"nosniff"),
        (b"content-length", str(len(body)).encode()),
        (b"connection", b"close"),
    ]
    if refusal.status == http.HTTPStatus.SERVICE_UNAVAILABLE:
        headers.append((b"retry-after", b"1"))
    phrase = http.HTTPStatus(refusal.status).phrase
    lines = [f"HTTP/1.1 {refusal.status} {phrase}".encode()]
    lines += [name + b": " + value for name, value in headers]
    return b"\r\n".join(lines) + b"\r\n\r\n" + (b"" if is_head else body)


def _single_headers(headers: Sequence[tuple[bytes, bytes]]) -> Mapping[bytes, bytes]:
    """Return the headers that may stand once at most.

    Raises:
        _AmbiguousError: if one of them is repeated, or any name has an underscore.
    """
    single: dict[bytes, bytes] = {}
    for name, value in headers:
        if b"_" in name:  # some servers read it as the same header with '-'
            raise _AmbiguousError(f"The header name {_quoted(name)} has an underscore; use '-'.")
        if name in _AT_MOST_ONCE:
            if name in single:
                raise _AmbiguousError(f"The header {_quoted(name)} is repeated; send it once.")
            single[name] = value
    return single


def _cross_site_refusal(single: Mapping[bytes, bytes]) -> Refusal | None:
    site = single.get(b"sec-fetch-site", b"none")
    if site.lower() not in (b"same-origin", b"none"):
        return Refusal(403, f"Requests from other web sites ({_quoted(site)}) are refused.")
    raw_origin = single.get(b"origin")
    if raw_origin is None:
        return None
    host = single[b"host"].decode("latin-1").lower()
    own_origins = {_without_default_port(f"{scheme}://{host}") for scheme in ("http", "https")}
    if _without_default_port(raw_origin.decode("latin-1").lower()) not in own_origins:
        return Refusal(403, f"Requests from pages of {_quoted(raw_origin)} are refused.")
    return None


def _coding_refusal(single: Mapping[bytes, bytes], version: str) -> Refusal | None:
    coding = single.get(b"transfer-encoding")
    if coding is None:
        return None
    if b"content-length" in single:
        return Refusal(400, "Content-Length and Transfer-Encoding may not stand together.")
    if coding.lower() != b"chunked" or version != "1.1":
        return Refusal(400, f"The Transfer-Encoding {_quoted(coding)} is not 'chunked'.")
    return None


@functools.lru_cache(maxsize=64)  # senders ask for the same few hosts
def _host_name(raw_host: bytes) -> str | None:
    """Return what a Host header names, in lower case and without port; None if that is no host."""
    host = _HOST.fullmatch(raw_host.decode("latin-1"))
    return host and host["name"].lower()


def _bracketed(host: str) -> str:
    is_bare_ipv6 = ":" in host and not host.startswith("[")
    return (f"[{host}]" if is_bare_ipv6 else host).lower()


def _without_default_port(origin: str) -> str:
    return _DEFAULT_PORT.sub(r"\1\2", origin)


def _quoted(raw: bytes) -> str:
    """Quote outside text for an error: printable ASCII, of bounded length."""
    text = ascii(raw.decode("latin-1"))
    return text if len(text) <= _MAX_QUOTED else f"{text[:_MAX_QUOTED]}…'"
