"""Who may speak for a module on its TCP and Unix sockets, which any program here can reach.

A module of ours proves that it was given the token of its init line. One of another SDK sends
nothing (pywatt wire specification §0.3), so it is known by its process: the connection's other end
has to belong to the tree of processes that the engine started for it.
"""

from __future__ import annotations

import hashlib
import hmac
import secrets
import socket
import struct
import sys
from typing import Final

import psutil

NONCE_BYTES: Final = 32
PROOF_LIMIT_S: Final = 5.0
_UCRED: Final = struct.Struct("3i")
IS_KNOWABLE: Final = sys.platform == "linux"
"""Whether it can be told here which process a connection belongs to."""


def new_nonce() -> str:
    """Return what a module has to prove its token with, once: 64 hex digits."""
    return secrets.token_hex(NONCE_BYTES)


def is_proof(given: str, token: str, nonce: str, module_id: str) -> bool:
    """Tell whether *given* is HMAC-SHA256 of `NONCE:MODULE_ID` with *token*, in hex."""
    due = hmac.new(token.encode(), f"{nonce}:{module_id}".encode(), hashlib.sha256).hexdigest()
    return hmac.compare_digest(due.encode(), given.encode("utf-8", "surrogatepass"))


def is_of_tree(connection: socket.socket, root: int | None) -> bool:
    """Tell whether the other end is held by *root* or a process below it; look in a thread.

    Where that cannot be known (`IS_KNOWABLE`) the answer is yes. False without a *root*: nothing
    was started, so nothing of it can have connected.
    """
    if not IS_KNOWABLE:
        return True
    if root is None:
        return False
    try:
        if connection.family == socket.AF_UNIX:
            raw = connection.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, _UCRED.size)
            return _is_below(_UCRED.unpack(raw)[0], root)
        return _holds(root, connection.getpeername()[:2], connection.getsockname()[:2])
    except (OSError, psutil.Error):  # it has ended meanwhile
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
                if each.raddr and (tuple(each.laddr), tuple(each.raddr)) == (near, far):
                    return True
        except psutil.Error:
            continue
    return False
