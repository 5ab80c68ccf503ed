"""Where messages may be sent: over https, or to this machine."""

from __future__ import annotations

import re
from functools import lru_cache
from ipaddress import ip_address
from typing import Final
from urllib.parse import urlsplit

from kiket_core.trace import child_traceparent
from kindo_message_client.config import ConfigError

_MAX_URL: Final = 2048  # characters
_HINT: Final = "write the function's URL, such as https://….lambda-url.ap-southeast-2.on.aws/"
_FUNCTION_HOST: Final = re.compile(
    r"(?:[^.]+\.)?(?:lambda-url|lambda)\.(?P<region>[a-z0-9-]+)\.(?:on\.aws|amazonaws\.com)(?:\.cn)?"
)


@lru_cache(maxsize=64)  # a program sends to a few URLs, many times
def checked_url(url: str) -> str:
    """Return *url* without blanks around it, if messages may be sent there.

    Signed messages and session tokens go over https alone, except to this machine (`localhost` and
    loopback addresses), where http is enough.

    Raises:
        ConfigError: if it is empty, no web address, unencrypted, or holds a user name.
    """
    url = url.strip()
    if not url:
        raise ConfigError(f"The producer's URL is empty; {_HINT}.")
    try:
        parts = urlsplit(url)
        is_good = bool(parts.hostname) and parts.port != 0 and parts.scheme in {"http", "https"}
    except ValueError:
        is_good = False
    if not is_good or len(url) > _MAX_URL or not url.isprintable() or " " in parts.netloc:
        raise ConfigError(f"The producer's URL is no web address; {_HINT}.")
    host = parts.hostname or ""
    if "@" in parts.netloc:
        raise ConfigError(
            f"The producer's URL at {host} holds a user name; take it out: messages are signed "
            "with AWS credentials."
        )
    if parts.scheme == "http" and not is_loopback(host):
        raise ConfigError(
            f"The producer's URL http://{host} is not encrypted; write https://…, for http is for "
            "this machine alone (localhost)."
        )
    return url


def is_loopback(host: str) -> bool:
    """Tell whether *host* is this machine by its name or address, without asking the network."""
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return host.lower().rstrip(".") == "localhost"


@lru_cache(maxsize=64)
def stays_here(url: str) -> bool:
    """Tell whether what is sent to a checked *url* does not leave this machine."""
    return is_loopback(urlsplit(url).hostname or "")


def trace_for(url: str) -> dict[str, str]:
    """Return the header that says of which request a message is a part (W3C Trace Context §3.2).

    A console on this machine shows the message below that request; nobody else is told.
    """
    traceparent = child_traceparent() if stays_here(url) else None
    return {"traceparent": traceparent} if traceparent else {}


@lru_cache(maxsize=64)
def region_of(url: str) -> str | None:
    """Return the AWS region that the host of a function URL names, None where it names none."""
    try:
        host = urlsplit(url).hostname or ""
    except ValueError:
        return None
    found = _FUNCTION_HOST.fullmatch(host)
    return found["region"] if found else None
