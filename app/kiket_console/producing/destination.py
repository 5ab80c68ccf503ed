"""Where a message goes, and for which region and service it is signed."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from msgspec import Struct

from kiket_console.errors import ConsoleError, ExitCode

if TYPE_CHECKING:
    from collections.abc import Mapping

URL_VARIABLE = "KINDO_MESSAGE_PRODUCER_URL"
DEFAULT_REGION = "ap-southeast-2"
DEFAULT_SERVICE = "lambda"
_SCOPE = re.compile(r"[a-z0-9-]{1,64}")


class Destination(Struct, frozen=True):
    """A URL, and the scope of the signatures that it takes."""

    url: str
    region: str
    service: str


def destination(
    url: str,
    region: str = "",
    service: str = "",
    *,
    profile_region: str = "",
    environ: Mapping[str, str],
) -> Destination:
    """Return where a message goes.

    What is empty comes from the URL's host, the profile, the environment and the defaults, in
    that order. Raises `ConsoleError` for what no message may go to.
    """
    from kindo_message_client._url import region_of

    url = checked(url)
    region = (
        region
        or region_of(url)
        or profile_region
        or environ.get("AWS_REGION", "")
        or environ.get("AWS_DEFAULT_REGION", "")
        or DEFAULT_REGION
    )
    service = service or environ.get("AWS_SERVICE", "") or DEFAULT_SERVICE
    for noun, name, like in (
        ("region", region, DEFAULT_REGION),
        ("service", service, DEFAULT_SERVICE),
    ):
        if not _SCOPE.fullmatch(name):
            said = f'"{name[:80]}" is no {noun}.'
            raise _bad(said, f"Write it in small letters, as {like}.")
    return Destination(url, region, service)


def checked(url: str) -> str:
    """Return *url* if a signed message may go there; raises `ConsoleError`.

    Only https may, and loopback: a signature, and a session token with it, is good for minutes
    for whoever reads it.
    """
    from kindo_message_client._url import checked_url
    from kindo_message_client.config import ConfigError

    try:
        return checked_url(url)
    except ConfigError as error:
        said, _, hint = str(error).partition("; ")
        hint = f"{hint[:1].upper()}{hint[1:]}"
        raise _bad(f"{said.rstrip('.')}.", f"{hint.rstrip('.')}." if hint else "") from None


def is_loopback(url: str) -> bool:
    """Tell whether a URL is this machine's own."""
    from kindo_message_client._url import is_loopback as names_this_machine

    return names_this_machine(host_of(url))


def host_of(url: str) -> str:
    """Return a URL's host, in lower case, or nothing."""
    try:
        return (urlsplit(url).hostname or "").lower()
    except ValueError:
        return ""


def _bad(message: str, hint: str) -> ConsoleError:
    return ConsoleError(message, hint=hint, exit_code=ExitCode.USAGE)
