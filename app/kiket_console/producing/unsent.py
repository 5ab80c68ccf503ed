"""Messages that could not be sent while no engine ran, kept as files to be sent again.

One file each, readable by this user alone. What is sensitive is never written there.
"""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

from msgspec import Struct

from kiket_console.errors import ConsoleError, ExitCode
from kiket_console.paths import private_dir
from kiket_console.private_file import write_private
from kiket_console.producing.message import is_sensitive, parsed
from kiket_console.wire_producer import ProducerMessage

if TYPE_CHECKING:
    from pathlib import Path

MOST = 200
_SENSITIVE = '"sensitive"'
_ESCAPED = "\\u00"


class Unsent(Struct, frozen=True):
    """A message that waits in a file."""

    file: Path
    message: ProducerMessage

    def forget(self) -> None:
        """Take it away: it was sent."""
        self.file.unlink(missing_ok=True)


def may_be_kept(message: ProducerMessage) -> bool:
    """Tell whether a message may be written to disk: nothing in it says that it is sensitive."""
    try:
        fields = parsed(message.message)
    except ConsoleError:  # no JSON; letters may be escaped
        return _ESCAPED not in message.message and "sensitive" not in message.message
    return _SENSITIVE not in message.message and not is_sensitive(fields)


def keep(folder: Path, message: ProducerMessage) -> Path:
    """Write a message into *folder*; return its file.

    Raises `ConsoleError` when it cannot be written, is sensitive, or too many wait already.
    """
    import msgspec

    if not may_be_kept(message):
        raise ConsoleError("A sensitive message is not written to disk.", exit_code=ExitCode.USAGE)
    private_dir(folder)
    if len(_files(folder)) >= MOST:
        raise ConsoleError(
            f"{MOST} messages wait in {folder} already.",
            hint="Send them with `kiket-console produce --again`, or remove their files.",
        )
    file = folder / f"{time.time_ns()}.json"
    write_private(file, msgspec.json.encode(message))
    return file


def kept(folder: Path) -> list[Unsent]:
    """Return the messages in *folder*, the oldest first; files that are none are left out."""
    import msgspec

    found = []
    for file in _files(folder):
        try:
            message = msgspec.json.decode(file.read_bytes(), type=ProducerMessage)
        except (OSError, msgspec.MsgspecError, UnicodeDecodeError):
            continue
        found.append(Unsent(file, message))
    return found


def _files(folder: Path) -> list[Path]:
    try:
        return sorted(folder.glob("*.json"))[: MOST * 2]
    except OSError:
        return []
