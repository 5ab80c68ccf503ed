"""Where an announced module is reached over HTTP; on this machine's loopback, or not at all."""

from __future__ import annotations

import ipaddress
from typing import NamedTuple

from pywatt_sdk._protocol import read_address


class Reach(NamedTuple):
    """Host and port of a module's HTTP server, or why its requests go over its channels."""

    address: tuple[str, int] | None
    remark: str
    """A sentence for the module's developer; empty when there is nothing to say."""


def reach(listen: str) -> Reach:
    """Return where the *listen* of an announcement is reached.

    Whatever is not loopback is left alone: a request that somebody sends us is not passed on to
    another machine because a module says so.
    """
    place = read_address(listen)
    if place is None:
        return Reach(
            None,
            f"It announced {listen[:80]!r}, which is no address of TCP; its requests "
            "go over its channels.",
        )
    if place.port == 0:
        return Reach(None, "")  # as a module does that serves no HTTP of its own
    if place.host == "localhost":
        return Reach(("127.0.0.1", place.port), "")
    try:
        host = ipaddress.ip_address(place.host)
    except ValueError:
        host = None
    if host is not None and host.is_loopback:
        return Reach((place.host, place.port), "")
    if host is not None and host.is_unspecified:
        near = "127.0.0.1" if host.version == 4 else "::1"
        return Reach(
            (near, place.port),
            f"It listens on every address of this machine ({listen}); "
            f"let it listen on {near}, so that no other machine reaches it.",
        )
    return Reach(
        None,
        f"It announced {listen[:80]!r}, which is not this machine's loopback; its "
        "requests go over its channels.",
    )
