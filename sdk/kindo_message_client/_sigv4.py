"""Signatures of AWS (AWS Signature Version 4) for JSON that is posted to one URL.

botocore's signer derives its key and canonicalises URL and headers anew for each request. A client
posts to one URL with one set of headers, so that only the time and the body differ: all else is
made once for each URL, and what depends on the time once for each second. The result is equal to
botocore's, byte for byte (`tests/kindo_message_client/test_sigv4.py`).
"""

from __future__ import annotations

import hmac
import re
import time
from dataclasses import dataclass, field
from hashlib import sha256
from typing import TYPE_CHECKING, NamedTuple
from urllib.parse import SplitResult, quote, urlsplit, urlunsplit

if TYPE_CHECKING:
    import hashlib

ALGORITHM = "AWS4-HMAC-SHA256"
TERMINATOR = "aws4_request"
CONTENT_TYPE = "application/json"
_DEFAULT_PORTS = {"http": 80, "https": 443}
_IN_PATH = "/%:@!$&'()*+,;=~"
_IN_QUERY = _IN_PATH + "?"
_TOKEN_LINE = re.compile(r"^(x-amz-security-token:).*$", re.MULTILINE)
_LONE_PERCENT = re.compile(r"%(?![0-9A-Fa-f]{2})")


@dataclass(frozen=True, slots=True)
class Signed:
    """What was signed for one request, step by step, for people and for `explain`."""

    url: str
    """As it goes over the wire."""
    region: str
    service: str
    access_key: str
    at: str
    """X-Amz-Date, as `20261122T020500Z`."""
    canonical_request: str
    """As it was signed, but for the session token."""
    string_to_sign: str
    headers: dict[str, str] = field(repr=False)
    """What `Signer.sign` returns."""

    @property
    def has_token(self) -> bool:
        """Whether a session token went along."""
        return "X-Amz-Security-Token" in self.headers


class _Second(NamedTuple):
    """What holds for all requests that are signed in one second."""

    at_s: int
    at: str
    canonical: hashlib._Hash
    """Of the canonical request up to the hash of the body."""
    string_to_sign: str
    """Up to the hash of the canonical request."""


class Signer:
    """Signs bodies that are posted to *url* as JSON, for *region* and *service*.

    Signs with *access_key* and *secret_key*, and with *token* where they are temporary.
    May be used by several threads at a time. Raises ValueError where *url* has no host.
    """

    def __init__(  # credentials are three, and a scope is two
        self,
        url: str,
        region: str,
        service: str,
        access_key: str,
        secret_key: str,
        token: str = "",
    ) -> None:
        self.url = wire_url(url)
        """The URL as it has to go over the wire, so that the receiver signs the same."""
        parts = urlsplit(self.url)
        self.host = _host(parts)
        """The Host header that is signed."""
        self.region, self.service, self.access_key = region, service, access_key
        self._secret_key, self._token = secret_key, token
        names = "content-type;host;x-amz-date"
        lines = ""
        if token:
            names += ";x-amz-security-token"
            lines = f"x-amz-security-token:{' '.join(token.split())}\n"
        self._names = names
        self._before_time = (
            f"POST\n{_canonical_path(parts.path)}\n{_canonical_query(parts.query)}\n"
            f"content-type:{CONTENT_TYPE}\nhost:{self.host}\nx-amz-date:"
        )
        self._after_time = f"\n{lines}\n{names}\n"
        self._day: tuple[str, bytes, str] = ("", b"", "")
        self._second: _Second | None = None

    def sign(self, body: bytes, now_s: float | None = None) -> dict[str, str]:
        """Return the headers that *body* goes with: type, time, signature and session token.

        *now_s* is the time in seconds since the epoch; without it, the clock's.
        """
        second = self._at(now_s)
        canonical = second.canonical.copy()
        canonical.update(sha256(body).hexdigest().encode())
        return self._headers(second, second.string_to_sign + canonical.hexdigest())

    def describe(self, body: bytes, now_s: float | None = None) -> Signed:
        """Return what `sign` signs for *body*, and its headers."""
        second = self._at(now_s)
        canonical = f"{self._before_time}{second.at}{self._after_time}{sha256(body).hexdigest()}"
        string = second.string_to_sign + sha256(canonical.encode()).hexdigest()
        return Signed(
            url=self.url,
            region=self.region,
            service=self.service,
            access_key=self.access_key,
            at=second.at,
            canonical_request=without_token(canonical),
            string_to_sign=string,
            headers=self._headers(second, string),
        )

    def _headers(self, second: _Second, string_to_sign: str) -> dict[str, str]:
        _, key, authorization = self._for_day(second.at[:8])
        signature = hmac.digest(key, string_to_sign.encode(), "sha256").hex()
        headers = {
            "Content-Type": CONTENT_TYPE,
            "X-Amz-Date": second.at,
            "Authorization": authorization + signature,
        }
        if self._token:
            headers["X-Amz-Security-Token"] = self._token
        return headers

    def _at(self, now_s: float | None) -> _Second:
        at_s = int(time.time() if now_s is None else now_s)
        second = self._second
        if second is None or second.at_s != at_s:
            at = time.strftime("%Y%m%dT%H%M%SZ", time.gmtime(at_s))
            canonical = sha256(f"{self._before_time}{at}{self._after_time}".encode())
            scope = f"{at[:8]}/{self.region}/{self.service}/{TERMINATOR}"
            # One assignment of one tuple: another thread sees the old second or the new one whole.
            second = _Second(at_s, at, canonical, f"{ALGORITHM}\n{at}\n{scope}\n")
            self._second = second
        return second

    def _for_day(self, day: str) -> tuple[str, bytes, str]:
        known = self._day
        if known[0] != day:
            key = signing_key(self._secret_key, day, self.region, self.service)
            credential = f"{self.access_key}/{day}/{self.region}/{self.service}/{TERMINATOR}"
            authorization = (
                f"{ALGORITHM} Credential={credential}, SignedHeaders={self._names}, Signature="
            )
            self._day = known = (day, key, authorization)
        return known


def signing_key(secret_key: str, day: str, region: str, service: str) -> bytes:
    """Return the key that signs the requests of *day* (`20261122`), *region* and *service*."""
    key = f"AWS4{secret_key}".encode()
    for part in (day, region, service, TERMINATOR):
        key = hmac.digest(key, part.encode(), "sha256")
    return key


def without_token(canonical_request: str) -> str:
    """Return *canonical_request* as it may be shown: with `[redacted]` for the session token."""
    return _TOKEN_LINE.sub(r"\1[redacted]", canonical_request)


def wire_url(url: str) -> str:
    """Return *url* as it goes over the wire: ASCII, without dot segments, fragment and user.

    Whoever receives it signs what came, so it is this that has to be signed and sent. Raises
    ValueError where there is no host, or a port that is none.
    """
    parts = urlsplit(url)
    if not parts.hostname:
        raise ValueError("A URL with a host is needed, such as https://….on.aws/.")
    path = _without_dots(_quoted(parts.path, _IN_PATH)) or "/"
    query = _quoted(parts.query, _IN_QUERY)
    return urlunsplit((parts.scheme.lower(), _host(parts), path, query, ""))


def _host(parts: SplitResult) -> str:
    host = parts.hostname or ""
    if not host.isascii():
        host = host.encode("idna").decode()
    if ":" in host:
        host = f"[{host}]"
    port = parts.port
    return host if port in (None, _DEFAULT_PORTS.get(parts.scheme.lower())) else f"{host}:{port}"


def _quoted(text: str, safe: str) -> str:
    """Percent-encode what may not be in a URL, once: what is encoded already stays."""
    return quote(_LONE_PERCENT.sub("%25", text), safe=safe)


def _without_dots(path: str) -> str:
    if "/." not in path:
        return path
    kept: list[str] = []
    steps = path.split("/")[1:]
    for step in steps:
        if step == "..":
            del kept[-1:]
        elif step != ".":
            kept.append(step)
    if steps[-1] in {".", ".."}:
        kept.append("")
    return "/" + "/".join(kept)


def _canonical_path(path: str) -> str:
    """Return *path* as it is signed: no empty steps, and encoded again, but for S3 alone."""
    steps = [step for step in path.split("/") if step]
    end = "/" if steps and path.endswith("/") else ""
    return quote("/" + "/".join(steps) + end, safe="/~")


def _canonical_query(query: str) -> str:
    if not query:
        return ""
    pairs = sorted(pair.partition("=")[::2] for pair in query.split("&"))
    return "&".join(f"{name}={value}" for name, value in pairs)
