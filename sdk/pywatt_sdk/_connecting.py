"""Connecting a channel to TCP or to a Unix-domain socket, and making sure of who is there."""

from __future__ import annotations

import asyncio
import errno
import os
import socket
import stat
import struct
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, TypeVar

from pywatt_sdk.core.error import NetworkError

if TYPE_CHECKING:
    from collections.abc import Callable

    from pywatt_sdk.communication.connection_config import ConnectionConfig

_P = TypeVar("_P", bound=asyncio.Protocol)
_CREDENTIALS: Final = struct.Struct("3i")  # pid, uid, gid: unix(7)
_WRITABLE_BY_OTHERS: Final = stat.S_IWGRP | stat.S_IWOTH


async def connect_tcp(make: Callable[[], _P], config: ConnectionConfig) -> _P:
    """Connect once over TCP, under TLS where the configuration says so.

    Raises:
        ConfigError: if the configuration would speak in the clear to another machine.
        NetworkError: if nobody answers there, or it is not who it should be.
    """
    config.check()
    where = config.socket_addr()
    secured: dict[str, Any] = {}
    if config.tls_config is not None:
        secured = {
            "ssl": config.tls_config.context(),
            "server_hostname": config.tls_config.server_name or where.host,
        }
    try:
        _, protocol = await asyncio.get_running_loop().create_connection(
            make, where.host, where.port, **secured
        )
    except OSError as fault:  # also what TLS finds wrong
        raise NetworkError(f"cannot connect to {where}", _in_words(fault)) from None
    return protocol


async def connect_unix(make: Callable[[], _P], path: str | Path) -> _P:
    """Connect once to a Unix-domain socket that belongs to this user, or to root.

    Raises:
        NetworkError: if there is none, nobody answers, or somebody else has put it there.
    """
    _check_place(Path(path))
    sock = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    try:
        sock.setblocking(False)
        loop = asyncio.get_running_loop()
        await loop.sock_connect(sock, str(path))
        peer = peer_uid(sock)
        if peer is not None and peer not in _trusted():
            raise NetworkError(f"the socket {path} is served by another user (uid {peer})")
        _, protocol = await loop.create_unix_connection(make, sock=sock)
    except OSError as fault:
        sock.close()
        raise NetworkError(f"cannot connect to the socket {path}", _in_words(fault)) from None
    except BaseException:
        sock.close()
        raise
    return protocol


def peer_uid(sock: socket.socket) -> int | None:
    """Tell which user is at the other end of a Unix-domain socket; None where nobody can say."""
    if not hasattr(socket, "SO_PEERCRED"):
        return None
    raw = sock.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, _CREDENTIALS.size)
    uid: int = _CREDENTIALS.unpack(raw)[1]
    return uid


def _check_place(path: Path) -> None:
    try:
        found, folder = path.lstat(), path.parent.stat()
    except OSError as fault:
        raise NetworkError(f"there is no socket {path}", _in_words(fault)) from None
    if not stat.S_ISSOCK(found.st_mode):
        raise NetworkError(f"{path} is no socket")
    if found.st_uid not in _trusted():
        raise NetworkError(f"the socket {path} belongs to another user (uid {found.st_uid})")
    if folder.st_mode & _WRITABLE_BY_OTHERS and not folder.st_mode & stat.S_ISVTX:
        raise NetworkError(f"others may write to {path.parent}, so its sockets are not trusted")


def _in_words(fault: OSError) -> Exception:
    """Say what the system said; asyncio repeats the address instead."""
    if (
        fault.errno is None or fault.errno not in errno.errorcode or hasattr(fault, "library")
    ):  # of TLS
        return fault
    return ConnectionError(os.strerror(fault.errno).lower())


def _trusted() -> frozenset[int]:
    return frozenset({0, os.geteuid()})
