"""Which platform a webhook comes from: one that is configured, whatever the webhook says."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import lru_cache
from ipaddress import ip_address
from typing import Any
from urllib.parse import urlsplit

from kiket_sdk.exceptions import ConfigurationError

_ADDRESS_LIMIT = 2048  # characters
_PORTS = {"http": 80, "https": 443}

Origin = tuple[str, str, int]


@lru_cache(maxsize=64)  # a platform says the same with every delivery
def origin(url: str) -> Origin | None:
    """Return scheme, host and port of an address (RFC 6454 §4), None when it is no web address."""
    try:
        parts = urlsplit(url)
        port = parts.port or _PORTS.get(parts.scheme)
    except ValueError:
        return None
    if port is None or parts.scheme not in _PORTS or not parts.hostname or "@" in parts.netloc:
        return None
    return parts.scheme, parts.hostname, port


def is_web_address(url: str) -> bool:
    """Tell whether something can be sent to an address, which may hold a user and a password."""
    if not url.isprintable() or " " in url:  # which urlsplit reads over, and no client does
        return False
    try:
        parts = urlsplit(url)
        return parts.scheme in _PORTS and bool(parts.hostname) and parts.port != 0
    except ValueError:
        return False


def checked_base_url(url: str) -> str:
    """Return the platform's address without blanks around it; raises ConfigurationError."""
    url = url.strip()  # a variable that was read from a file may end with a newline
    if not is_web_address(url):
        shown = repr(url.rpartition("@")[2])  # what is before may be a password
        raise ConfigurationError(
            f"The platform's address (base_url or KIKET_BASE_URL) is {shown}, which is no web "
            "address; write one such as https://kiket.dev."
        )
    return url


def checked_origins(addresses: Sequence[str]) -> tuple[str, ...]:
    """Return addresses that each have an origin; raises ConfigurationError."""
    given = (addresses,) if isinstance(addresses, str) else tuple(addresses)
    for address in given:
        if origin(address) is None:
            raise ConfigurationError(
                f"allowed_api_origins has {address!r}, which is no web address; "
                "write one such as https://staging.example.com."
            )
    return given


def checked_key_address(url: str | None) -> str | None:
    """Return the address of a set of keys as it is; raises ConfigurationError."""
    if url is not None and not is_confidential(url):
        raise ConfigurationError(
            f"jwks_url is {url.rpartition('@')[2]!r}; write an https address without a password, "
            "for whoever can change what it answers decides which webhooks are let in."
        )
    return url


def is_confidential(url: str) -> bool:
    """Tell whether nobody between here and an address can change what it answers."""
    found = origin(url)
    if found is None:
        return False
    scheme, host, _ = found
    return scheme == "https" or host == "localhost" or _is_loopback(host)


def _is_loopback(host: str) -> bool:
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return False


def base_url_for(payload: Any, base_url: str, allowed: Sequence[str]) -> str:
    """Return the configured address that a payload's `api.base_url` means (spec §1.9).

    That is `base_url` unless the payload names the origin of one in `allowed`. What is returned
    is always text from the configuration.
    """
    named = _other_origin(payload, base_url) if allowed else None
    if named is None:
        return base_url
    return next((address for address in allowed if origin(address) == named), base_url)


def stranger_in(payload: Any, base_url: str, allowed: Sequence[str]) -> str | None:
    """Return the origin that a payload names and that is not configured, None when it is."""
    named = _other_origin(payload, base_url)
    if named is None or named in map(origin, allowed):
        return None
    scheme, host, port = named
    return f"{scheme}://{host}:{port}"


def _other_origin(payload: Any, base_url: str) -> Origin | None:
    """Return the origin that a payload names where it is not that of `base_url`."""
    api = payload.get("api") if isinstance(payload, Mapping) else None
    said = api.get("base_url") if isinstance(api, Mapping) else None
    if not isinstance(said, str) or len(said) > _ADDRESS_LIMIT or said == base_url:
        return None
    named = origin(said)
    return None if named == origin(base_url) else named
