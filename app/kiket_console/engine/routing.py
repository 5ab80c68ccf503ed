"""Which webhook a request is, by its path; and what the gateway says to everything else. Pure."""

from __future__ import annotations

import functools
import re
from typing import TYPE_CHECKING, NamedTuple
from urllib.parse import unquote_to_bytes

from kiket_console.engine.asgi import JSON_TYPE, error_body

if TYPE_CHECKING:
    from kiket_console.model import Headers

# Not dots alone, which a path means otherwise.
_EVENT = re.compile(r"(?!\.+\Z)[A-Za-z0-9_.:-]{1,128}", re.ASCII)
_VERSION = re.compile(r"(?!\.+\Z)[A-Za-z0-9_.:-]{1,64}", re.ASCII)
_EXTERNAL = re.compile(r"/webhooks/ext/([^/]+)/([^/]+)")
_MODULE = re.compile(r"/m/([^/]+)(/.*)?", re.DOTALL)
_ROUTE = re.compile(r"(?:/x/([^/]+))?((?:/v/([^/]+))?/webhooks/([^/]+))")


class Route(NamedTuple):
    """A webhook: to whom, what, and the path that the worker is to see."""

    extension: str | None
    version: str
    event: str
    path: str


class External(NamedTuple):
    """A post of somebody else for an extension (spec/kiket-and-kindo.md §1.10)."""

    token: str
    """Says for which; see `addresses`."""
    action: str


class ForModule(NamedTuple):
    """A request for a module, whatever it asks."""

    module: str
    path: str
    """As the module is to see it, still percent-encoded."""


class Elsewhere(NamedTuple):
    """What is answered to a request that is no webhook."""

    status: int
    headers: Headers
    raw_body: bytes


@functools.lru_cache(maxsize=256)  # senders post to the same few paths
def find(method: str, path: str) -> Route | External | ForModule | Elsewhere:
    """Return what a request is; *path* is still percent-encoded, without the query."""
    route = _ROUTE.fullmatch(path)
    if route is None:
        for_module = _MODULE.fullmatch(path)
        if for_module is not None:
            return ForModule(_segment(for_module[1]) or "", for_module[2] or "/")
        external = _EXTERNAL.fullmatch(path)
        if external is not None:
            return External(_segment(external[1]) or "", _segment(external[2]) or "")
        return _elsewhere(method, path)
    if method != "POST":
        sentence = f"{method} is not for webhooks; send a POST."
        return Elsewhere(405, (*JSON_TYPE, ("allow", "POST")), error_body(sentence))
    extension, version, event = (_segment(route[n]) for n in (1, 3, 4))
    return Route(extension, version or "", event or "", route[2])


@functools.lru_cache(maxsize=256)
def misnamed(event: str, version: str) -> str:
    """Say what is wrong with an event's or version's name; empty when nothing is."""
    if not _EVENT.fullmatch(event):
        return (
            f"{event[:128]!r} cannot be an event's name; use 1 to 128 letters, digits, and . _ : -"
        )
    if version and not _VERSION.fullmatch(version):
        return (
            f"{version[:64]!r} cannot be a version's name; use 1 to 64 letters, digits, and . _ : -"
        )
    return ""


def _segment(found: str | None) -> str | None:
    return None if found is None else unquote_to_bytes(found).decode("utf-8", "backslashreplace")


def _elsewhere(method: str, path: str) -> Elsewhere:
    if path not in {"/", "/health"}:
        sentence = (
            "Nothing is here; webhooks go to POST /webhooks/{event}, what is for a module "
            "goes to /m/{module}/…."
        )
        return Elsewhere(404, JSON_TYPE, error_body(sentence))
    if method not in {"GET", "HEAD"}:
        sentence = f"{method} is not for {path}; use GET."
        return Elsewhere(405, (*JSON_TYPE, ("allow", "GET, HEAD")), error_body(sentence))
    return Elsewhere(200, JSON_TYPE, b'{"status":"ok","service":"kiket-console gateway"}')
