"""Who may speak for a module on its TCP and Unix sockets, which any program here can reach.

A module of ours proves that it was given the token of its init line. One of another SDK sends
nothing (pywatt wire specification §0.3), so it is known by its process: the connection's other end
has to belong to the tree of processes that the engine started for it.
"""

from __future__ import annotations

import hmac
import os
import secrets
import socket
import struct
import sys
from typing import TYPE_CHECKING, Final, NamedTuple

import psutil

from kiket_console.engine.private_socket import peer_uid
from pywatt_sdk._handshake import proof

if TYPE_CHECKING:
    import asyncio

NONCE_BYTES: Final = 32
PROOF_LIMIT_S: Final = 5.0
_UCRED: Final = struct.Struct("3i")
IS_KNOWABLE: Final = sys.platform == "linux"
"""Whether it can be told here which process a connection belongs to."""


def new_nonce() -> str:
    """Return what a module has to prove its token with, once: 64 hex digits."""
    return secrets.token_hex(NONCE_BYTES)


def is_proof(given: str, token: str, nonce: str, module_id: str) -> bool:
    """Tell whether *given* is what a module called *module_id* proves *token* with."""
    due = proof(token, nonce, module_id)
    return hmac.compare_digest(due.encode(), given.encode("utf-8", "surrogatepass"))


class Stranger(NamedTuple):
    """The other end of a connection, by what tells its process."""

    near: tuple[str, int]
    """Its own address, for TCP."""
    far: tuple[str, int]
    """Ours."""
    pid: int
    """Of a Unix socket; 0 for TCP."""
    uid: int


def stranger(transport: asyncio.BaseTransport) -> Stranger:
    """Return who has connected; raises OSError when the connection has ended already."""
    connection = transport.get_extra_info("socket")
    if connection.family != socket.AF_UNIX:
        near, far = connection.getpeername(), connection.getsockname()
        return Stranger((near[0], near[1]), (far[0], far[1]), 0, os.getuid())
    pid = 0
    if IS_KNOWABLE:
        raw = connection.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, _UCRED.size)
        pid = _UCRED.unpack(raw)[0]
    return Stranger(("", 0), ("", 0), pid, peer_uid(connection))


def is_of_tree(who: Stranger, root: int | None) -> bool:
    """Tell whether *who* is *root* or a process below it; it takes a while, so ask in a thread.

    False without a *root*: nothing was started, so nothing of it can have connected. Where it
    cannot be known (`IS_KNOWABLE`), every process of this user is taken for one of the tree.
    """
    if root is None or who.uid != os.getuid():
        return False
    if not IS_KNOWABLE:
        return True
    try:
        return _is_below(who.pid, root) if who.pid else _holds(root, who.near, who.far)
    except (psutil.Error, OSError):  # it has ended meanwhile
        return False


def _is_below(pid: int, root: int) -> bool:
    process: psutil.Process | None = psutil.Process(pid)
    while process is not None:
        if process.pid == root:
            return True
        process = process.parent()
    return False


def _holds(root: int, near: tuple[str, int], far: tuple[str, int]) -> bool:
    """Tell whether a process of the tree has a TCP connection from *near* to *far*."""
    top = psutil.Process(root)
    for process in [*reversed(top.children(recursive=True)), top]:
        try:
            for each in process.net_connections(kind="tcp4"):
                if (tuple(each.laddr), tuple(each.raddr)) == (near, far):
                    return True
        except (psutil.Error, OSError):
            continue
    return False
