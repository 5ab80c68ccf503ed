"""Where others post for an extension: `{gateway}/webhooks/ext/{token}/{action}` (spec §1.10).

The token says to whom, and is all that others have to know: each extension has one of its own,
made when its address is first asked for and kept, so that the address stays good.
"""

from __future__ import annotations

import hmac
import json
import logging
import secrets
from typing import TYPE_CHECKING, Final
from urllib.parse import quote

from kiket_console.private_file import write_private

if TYPE_CHECKING:
    from pathlib import Path

ANY_ACTION: Final = "{action}"
"""Stands for the action in an address that is shown."""
_TOKEN_BYTES: Final = 18
_log = logging.getLogger(__name__)


class Addresses:
    """The addresses of a project's extensions; their tokens are kept in *file*, mode 0600."""

    def __init__(self, file: Path, gateway_url: str) -> None:
        self._file = file
        self._gateway_url = gateway_url
        self._tokens = _read(file)

    def url(self, extension: str, action: str = ANY_ACTION) -> str:
        """Return where others post an *action* for an extension.

        Raises `ConsoleError` when its new token cannot be kept.
        """
        token = self._tokens.get(extension)
        if token is None:
            token = secrets.token_urlsafe(_TOKEN_BYTES)
            tokens = {**self._tokens, extension: token}
            write_private(self._file, json.dumps(tokens, indent=1).encode())
            self._tokens = tokens
        return f"{self._gateway_url}/webhooks/ext/{token}/{quote(action, safe='{}')}"

    def extension(self, token: str) -> str | None:
        """Return the extension that *token* stands for, None when it is no token of ours."""
        given = token.encode("utf-8", "surrogatepass")
        for extension, known in self._tokens.items():
            if hmac.compare_digest(known.encode(), given):
                return extension
        return None


def _read(file: Path) -> dict[str, str]:
    """Return the tokens that are kept; what cannot be read is made anew, and said."""
    try:
        found = json.loads(file.read_bytes())
        if isinstance(found, dict) and all(
            isinstance(each, str) and each for each in found.values()
        ):
            return found
        reason = "it is not a list of tokens"
    except FileNotFoundError:
        return {}
    except (OSError, ValueError) as error:
        reason = type(error).__name__
    _log.warning("%s cannot be used (%s): the addresses for others are new ones.", file, reason)
    return {}
