"""A Unix socket that only processes of our own user can speak to.

The folder and the socket's mode keep others out; the peer's user id is checked all the same, in
case a mode is changed or a path leaks into another place.
"""

from __future__ import annotations

import logging
import os
import socket
import stat
import struct
import sys
from typing import TYPE_CHECKING

from kiket_console.errors import ConsoleError, ExitCode
from kiket_core.guard import Limits, guarded

if TYPE_CHECKING:
    import asyncio
    from pathlib import Path

log = logging.getLogger(__name__)

LIMITS = Limits(body_bytes=8 * 1024 * 1024, idle_s=30.0, connections=40)
"""Of the control socket: a payload with its envelope of JSON; 32 listeners and a few who ask."""
_Guarded = guarded(LIMITS, hosts=None)


def bind_private(place: Path) -> socket.socket:
    """Bind a Unix socket at *place*, for this user alone.

    The caller holds the engine's lock, so that a socket found there is a dead engine's.
    Raises `ConsoleError` when the place holds something else, or something of another user.
    """
    try:
        seen = place.lstat()
    except FileNotFoundError:
        pass
    else:
        if not stat.S_ISSOCK(seen.st_mode) or seen.st_uid != os.getuid():
            raise ConsoleError(
                f"{place} is in the way: it is no socket of yours (owner {seen.st_uid}).",
                hint="Remove it and try again.",
                exit_code=ExitCode.NETWORK,
            )
        place.unlink()
    listener = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    earlier = os.umask(0o177)
    try:
        listener.bind(str(place))
    except BaseException:
        listener.close()
        raise
    finally:
        os.umask(earlier)
    place.chmod(0o600)
    return listener


class OwnPeers(_Guarded):  # type: ignore[misc, valid-type]  # a class that a function made
    """Serve HTTP to processes of our own user only, within `LIMITS`."""

    _refused = False

    def connection_made(self, transport: asyncio.Transport) -> None:
        """Close the connection of any other user before a byte of it is read."""
        uid = peer_uid(transport.get_extra_info("socket"))
        if uid != os.getuid():
            log.warning("A connection of user %s to the control socket was refused.", uid)
            self._refused = True
            transport.abort()
            return
        super().connection_made(transport)

    def connection_lost(self, exc: Exception | None) -> None:
        """Forget a connection; one that was refused was never taken."""
        if not self._refused:
            super().connection_lost(exc)

    def data_received(self, data: bytes) -> None:
        """Read nothing of a connection that was refused."""
        if not self._refused:
            super().data_received(data)


def peer_uid(connection: socket.socket) -> int:
    """Return the user id of the process at the other end of a Unix socket."""
    uid: int
    if sys.platform == "darwin":
        local_peercred = 0x001  # of <sys/un.h>, level SOL_LOCAL (0): version, uid, groups
        raw = connection.getsockopt(0, local_peercred, 76)
        uid = struct.unpack_from("=II", raw)[1]
    else:
        raw = connection.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, struct.calcsize("3i"))
        uid = struct.unpack("3i", raw)[1]
    return uid
