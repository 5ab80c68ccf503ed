"""The secrets that a Kiket platform keeps for an extension (Kiket and Kindo specification §2.2).

    async with PlatformSecrets("https://kiket.dev", token, "com.example.pager") as platform:
        for name in await platform.names():
            value = await platform.read(name)

The platform is the one that a person names. The token goes there alone: over https unless it is on
this machine, and through no redirect.
"""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING, Self

from kiket_console.errors import ConsoleError, ExitCode

if TYPE_CHECKING:
    from collections.abc import Iterator
    from types import TracebackType

MOST_NAMES = 1000
_TIMEOUT_S = 15.0
_RETRIES = 2
"""Of what only reads."""


class PlatformSecrets:
    """List, read and write the secrets of one extension; every call raises `ConsoleError`."""

    def __init__(self, url: str, token: str, extension: str) -> None:
        from kiket_sdk.client import KiketClient
        from kiket_sdk.secrets import ExtensionSecretManager

        self.url = _checked(url)
        self._extension = extension
        self._client = KiketClient(self.url, token, timeout=_TIMEOUT_S, retries=_RETRIES)
        self._secrets = ExtensionSecretManager(self._client, extension, providers=())

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        await self._client.aclose()

    async def names(self) -> tuple[str, ...]:
        """Return what the platform keeps for the extension, by name; `MOST_NAMES` at most."""
        with self._told("list the secrets"):
            found = sorted(each.key for each in await self._secrets.list())
        if len(found) > MOST_NAMES:
            raise ConsoleError(
                f"The platform {self.url} lists {len(found):,} secrets for one extension; "
                f"{MOST_NAMES:,} are taken at most."
            )
        return tuple(found)

    async def read(self, name: str) -> str:
        """Return one value."""
        with self._told(f"read {name}"):
            return (await self._secrets.get(name)).value

    async def write(self, name: str, value: str) -> None:
        """Create a secret, or change it where it exists already."""
        with self._told(f"write {name}"):
            await self._secrets.set(name, value)

    @contextmanager
    def _told(self, what: str) -> Iterator[None]:
        from kiket_core.secret import RedactorFullError
        from kiket_sdk.exceptions import KiketSDKError, OutboundRequestError

        try:
            yield
        except (RecursionError, RedactorFullError) as error:
            raise ConsoleError(
                f"Could not {what}: what the platform {self.url} answers is too large.",
                hint="Ask who runs it, or set the secret here.",
            ) from error
        except KiketSDKError as error:
            cause: BaseException | None = error
            while cause is not None and not isinstance(cause, OutboundRequestError):
                cause = cause.__cause__
            raise self._refusal(what, cause.status_code if cause else None, error) from error

    def _refusal(self, what: str, status: int | None, error: Exception) -> ConsoleError:
        whose = f"the platform {self.url}"
        if isinstance(error.__cause__, Exception) and status is None:
            return ConsoleError(
                f"Could not {what}: {whose} does not answer.",
                hint="Check the address, or try again.",
                exit_code=ExitCode.NETWORK,
            )
        if status is None:
            return ConsoleError(f"Could not {what} at {whose}: {error}.")
        if status in (401, 403):
            return ConsoleError(
                f"Could not {what}: {whose} refuses the workspace token ({status}).",
                hint="Set KIKET_WORKSPACE_TOKEN to one of that workspace, which may do this.",
                exit_code=ExitCode.AUTH,
            )
        if status == 404:
            return ConsoleError(
                f"Could not {what}: {whose} knows nothing of it for the extension "
                f"{self._extension} (404).",
                hint="Check the extension's id.",
            )
        if 300 <= status < 400:
            return ConsoleError(
                f"Could not {what}: {whose} redirects elsewhere ({status}), "
                "where the token does not go.",
                hint="Give the address that it leads to.",
                exit_code=ExitCode.NETWORK,
            )
        return ConsoleError(f"Could not {what}: {whose} answered {status}.", hint="Try again.")


def _checked(url: str) -> str:
    """Return a platform's address without blanks and slashes around it."""
    from kiket_sdk._origins import is_confidential, is_web_address

    address = url.strip().rstrip("/")
    if not is_web_address(address) or "@" in address:
        shown = address.rpartition("@")[2]  # what is before may be a password
        raise ConsoleError(
            f"{shown!r} is no platform's address.",
            hint="Write one such as https://kiket.dev, without a user or a password.",
            exit_code=ExitCode.USAGE,
        )
    if not is_confidential(address):
        raise ConsoleError(
            f"Secrets are not sent to {address}: anybody on the way could read them.",
            hint="Use https; http is for platforms on this machine.",
            exit_code=ExitCode.USAGE,
        )
    return address
