"""The AWS credentials that messages are signed with."""

from __future__ import annotations

import os
import re
import threading
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Final

from kiket_core.secret import RedactorFullError, redactor
from kindo_message_client.config import load_env_file
from kindo_message_client.errors import CredentialsError

if TYPE_CHECKING:
    from botocore.credentials import Credentials as BotocoreCredentials

__all__ = ["Credentials", "find_credentials"]

_DECIDING: Final = (
    "AWS_ACCESS_KEY_ID",
    "AWS_SECRET_ACCESS_KEY",
    "AWS_SESSION_TOKEN",
    "AWS_SECURITY_TOKEN",
    "AWS_PROFILE",
    "AWS_DEFAULT_PROFILE",
    "AWS_ROLE_ARN",
    "AWS_WEB_IDENTITY_TOKEN_FILE",
    "AWS_CONTAINER_CREDENTIALS_RELATIVE_URI",
    "AWS_CONTAINER_CREDENTIALS_FULL_URI",
    "AWS_EC2_METADATA_DISABLED",
    "HOME",
)
"""Variables that botocore's chain of credentials depends on, but for those that name its files."""
_WORD: Final = re.compile(r"[!-~]+")  # printable ASCII, which fits in a header
_WORDS: Final = re.compile(r"[!-~]+(?: +[!-~]+)*")
_FILES: Final = (
    ("AWS_SHARED_CREDENTIALS_FILE", "~/.aws/credentials"),
    ("AWS_CONFIG_FILE", "~/.aws/config"),
)


@dataclass(frozen=True, slots=True)
class Credentials:
    """AWS credentials; only the access key id is ever shown."""

    access_key: str
    secret_key: str = field(repr=False)
    token: str = field(default="", repr=False)
    """The session token of temporary credentials; empty: they are not temporary."""


def find_credentials(profile: str | None = None) -> Credentials:
    """Return what botocore's chain of credentials finds, for *profile* or by default.

    The chain is: variables, files of the AWS command line (with roles, SSO, processes), container,
    machine. What it found is kept and refreshed by botocore; it is looked for again once variables
    or files change. This may ask the network, and takes 0.3 s the first time: on an event loop call
    it in a thread.

    Raises:
        CredentialsError: if there are none, or they are incomplete or cannot be refreshed.
        ConfigError: if there is a `.env` that cannot be read.
    """
    load_env_file()
    return _chain.find(profile)


class _Chain:
    """What botocore found, for each profile, and what the search depended on."""

    def __init__(self) -> None:
        self._begin()
        if hasattr(os, "register_at_fork"):
            os.register_at_fork(after_in_child=self._begin)

    def _begin(self) -> None:
        """Know nothing: a lock that is held while a child is forked stays so in the child."""
        self._lock = threading.Lock()
        self._state: tuple[object, ...] = ()
        self._found: dict[str | None, BotocoreCredentials] = {}
        self._last: Credentials | None = None

    def find(self, profile: str | None) -> Credentials:
        from botocore.exceptions import BotoCoreError

        try:
            frozen: Any = self._of(profile).get_frozen_credentials()
        except BotoCoreError as error:
            raise CredentialsError(
                f"The AWS credentials cannot be used: {str(error).rstrip('.')}. Renew them, "
                "such as with aws sso login, or name others with AWS_PROFILE."
            ) from error
        last = self._last
        now = Credentials(frozen.access_key, frozen.secret_key, frozen.token or "")
        if last == now:
            return last
        hide(now)
        self._last = now
        return now

    def _of(self, profile: str | None) -> BotocoreCredentials:
        """Return what is kept, or search: one thread for all, for a search may ask a person."""
        state = _deciding_state()
        with self._lock:
            if state != self._state:
                self._state, self._found = state, {}
            found = self._found.get(profile)
            if found is None:
                found = self._found[profile] = _search(profile)
            return found


_chain: Final = _Chain()


def _search(profile: str | None) -> BotocoreCredentials:
    from botocore.session import Session

    session: Any = Session(profile=profile)
    found: BotocoreCredentials | None = session.get_credentials()
    if found is None:
        raise CredentialsError(
            "No AWS credentials were found; set AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY (both "
            "to `local` for the stand-in of kiket-console), run aws configure, or name a profile "
            "with AWS_PROFILE."
        )
    return found


def _deciding_state() -> tuple[object, ...]:
    get = os.environ.get
    return (
        *[get(name) for name in _DECIDING],
        *[_version(get(name) or default) for name, default in _FILES],
    )


def _version(path: str) -> tuple[str, int, int]:
    try:
        found = os.stat(os.path.expanduser(path))  # noqa: PTH111, PTH116  # for each message
    except OSError:
        return path, 0, 0
    return path, found.st_mtime_ns, found.st_size


def hide(credentials: Credentials) -> None:
    """Let the process's redactor cut *credentials* out of texts from now on.

    A secret that is the access key's id, too, is none: stand-ins for AWS take such a documented
    word (`local`, `test`), which texts may hold for other reasons.

    Raises:
        CredentialsError: if one of them cannot be what it says, or they cannot be hidden.
    """
    for name, value, form in (
        ("access key id", credentials.access_key, _WORD),
        ("secret access key", credentials.secret_key, _WORDS),
        ("session token", credentials.token or "none", _WORDS),
    ):
        if not form.fullmatch(value):  # said here: what refuses a header shows it
            raise CredentialsError(
                f"The AWS {name} is empty, or has a line end, a blank or another character that "
                "none has; look where it is set for what was copied along."
            )
    if credentials.secret_key == credentials.access_key:
        return
    try:
        redactor.add("AWS_SECRET_ACCESS_KEY", credentials.secret_key)
        if credentials.token:
            redactor.add("AWS_SESSION_TOKEN", credentials.token)
    except RedactorFullError as error:
        raise CredentialsError(str(error)) from error
