"""The connections of this process: kept warm, verified, and with limits."""

from __future__ import annotations

import atexit
import os
import threading
from functools import lru_cache
from typing import TYPE_CHECKING, Final

from kindo_message_client import _failures
from kindo_message_client._url import is_loopback
from kindo_message_client.config import ConfigError
from kindo_message_client.errors import SendError

if TYPE_CHECKING:
    import ssl
    from collections.abc import Mapping

    import httpx

    from kindo_message_client._deadline import TimedTransport

CONNECT_S: Final = 3.0
"""How long a connection may take to come about."""
ANSWER_S: Final = 15.0
"""How long an answer may take, unless the caller says it."""
_LONGEST_S: Final = 24 * 60 * 60.0
_KEEP_S: Final = 60.0
HEADERS: Final = {
    "Accept": "application/json",
    "Accept-Encoding": "identity",
    "User-Agent": "kindo_message_client",
}
"""What goes along with each message, unsigned."""
_BUNDLES: Final = ("AWS_CA_BUNDLE", "REQUESTS_CA_BUNDLE", "SSL_CERT_FILE")


def checked_timeout(timeout_s: float) -> float:
    """Return *timeout_s*, at most a day, which `inf` means, too.

    Raises:
        ValueError: if it is not more than 0.
    """
    if not timeout_s > 0:  # NaN is not
        raise ValueError(f"timeout_s is {timeout_s}; it has to be more than 0 seconds.")
    return min(timeout_s, _LONGEST_S)


def post(url: str, headers: Mapping[str, str], body: bytes, timeout_s: float) -> httpx.Response:
    """Post *body* and return the answer, whatever its status; redirects are not followed.

    Raises:
        UnreachableError: if no whole answer came.
        AnswerError: if the answer is larger than 1 MiB, or compressed.
        SendError: if the request could not be made.
    """
    import httpx

    request = httpx.Request(
        "POST",
        url,
        headers={**HEADERS, **headers},
        content=body,
        extensions={
            "timeout": {
                "connect": min(CONNECT_S, timeout_s),
                "read": timeout_s,
                "write": timeout_s,
            }
        },
    )
    host = request.url.host
    try:
        response = _transports.to(host).answer(request, timeout_s)
        try:
            raw = bytearray()
            for chunk in response.iter_raw():
                raw += chunk
                if len(raw) > _failures.MAX_ANSWER:
                    raise _failures.too_large(host)
        finally:
            response.close()
    except (httpx.ConnectError, httpx.ConnectTimeout, httpx.ProxyError) as error:
        raise _failures.unreachable(host, error if str(error) else "time is over") from error
    except httpx.TimeoutException as error:
        raise _failures.late(host, timeout_s) from error
    except (httpx.LocalProtocolError, httpx.UnsupportedProtocol) as error:
        raise SendError(f"The message cannot be sent to {host}: {error}.") from error
    except httpx.TransportError as error:
        raise _failures.broken(host, error) from error
    if response.headers.get("content-encoding", "identity") != "identity":
        raise _failures.compressed(host)
    answer = httpx.Response(
        response.status_code, headers=response.headers, content=bytes(raw), request=request
    )
    answer.encoding = "utf-8"  # as JSON is; the name that is sent may be of no text encoding
    return answer


def tls() -> ssl.SSLContext:
    """Return what verifies a producer's certificate.

    By the authorities in the file that AWS_CA_BUNDLE, REQUESTS_CA_BUNDLE or SSL_CERT_FILE names,
    else by those of Mozilla.

    Raises:
        ConfigError: if that file cannot be used.
    """
    import ssl

    import httpx

    name = next((name for name in _BUNDLES if os.environ.get(name)), None)
    if name is None:
        return httpx.create_ssl_context()
    bundle = os.environ[name]
    try:
        return ssl.create_default_context(cafile=bundle)
    except OSError as error:  # ssl.SSLError is one
        raise ConfigError(
            f"The certificates of {name} ({bundle}) cannot be read: {error}."
        ) from error


@lru_cache(maxsize=64)
def proxy_to(host: str) -> str | None:
    """Return the proxy on the way to *host*, as the environment says; never to this machine."""
    if is_loopback(host):
        return None
    from urllib.request import getproxies, proxy_bypass

    found = getproxies()
    url = found.get("https") or found.get("all")
    if not url or proxy_bypass(host):
        return None
    return url if "://" in url else f"http://{url}"


class _Transports:
    """Warm connections, straight and through each proxy.

    What a whole client of httpx does besides (cookies, redirects, users in URLs) is not wanted
    here, and takes a third of the time of a message.
    """

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._open: dict[str | None, TimedTransport] = {}  # by proxy
        self._of_parent: list[TimedTransport] = []
        self._is_set_up = False

    def to(self, host: str) -> TimedTransport:
        proxy = proxy_to(host)
        found = self._open.get(proxy)
        if found is None:
            with self._lock:
                found = self._open.get(proxy)
                if found is None:
                    found = self._open[proxy] = self._made(proxy)
        return found

    def close(self) -> None:
        """Close all connections; the next message opens new ones."""
        with self._lock:
            transports, self._open = self._open, {}
        for transport in transports.values():
            transport.close()

    def _made(self, proxy: str | None) -> TimedTransport:
        import httpx

        from kindo_message_client._deadline import TimedTransport

        if not self._is_set_up:
            self._is_set_up = True
            atexit.register(self.close)
            if hasattr(os, "register_at_fork"):
                os.register_at_fork(after_in_child=self._leave_to_parent)
        limits = httpx.Limits(keepalive_expiry=_KEEP_S)  # and no other: each thread has one
        try:
            return TimedTransport(verify=tls(), limits=limits, proxy=proxy)
        except (ValueError, ImportError, httpx.InvalidURL) as error:
            raise ConfigError(
                f"The proxy in HTTPS_PROXY or ALL_PROXY cannot be used: {error} Name one such as "
                "http://proxy.example:3128, or leave the producer's host out with NO_PROXY."
            ) from None

    def _leave_to_parent(self) -> None:
        """Open connections of one's own: two processes cannot share one."""
        self._of_parent += self._open.values()  # kept, for to close them is the parent's business
        self._lock, self._open = threading.Lock(), {}


_transports: Final = _Transports()
close: Final = _transports.close
