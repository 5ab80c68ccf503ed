"""Credentials by name, from this user's AWS configuration and environment.

What is no coroutine here may block on files: call it in a thread.
"""

from __future__ import annotations

import asyncio
import os
from concurrent.futures import Future
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime
from functools import lru_cache
from pathlib import Path
from threading import Lock, Thread
from typing import TYPE_CHECKING, Any

from kiket_console.errors import ConsoleError, ExitCode
from kiket_console.wire_producer import LOCAL, Profile

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    import botocore.session

ENVIRONMENT = "environment"
"""The profile of whoever names none: what botocore's own search finds (AWS_ variables, the profile
that AWS_PROFILE names or `default`, a container's or an instance's role)."""
_EXPIRIES = ("aws_session_token_expiration", "x_security_token_expires", "aws_expiration")
"""Under what names tools write into the file of credentials when those end."""
_SEARCH_S = 1
LOOKUP_S = 30.0
"""How long a process, or whoever lends credentials, may take."""
_lookups: dict[object, Future[Keys]] = {}
_one_at_a_time = Lock()
_HINT = (
    "`aws configure` keeps credentials, AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY give them, and "
    f"the profile `{LOCAL}` signs for the engine's own sink."
)


@dataclass(frozen=True, slots=True)
class Keys:
    """What signs a message."""

    access_key: str
    secret_key: str = field(repr=False)
    token: str = field(default="", repr=False)
    """Of temporary credentials."""

    @property
    def shown(self) -> str:
        """Return the access key id as a screen has it: `AKIA…7Q`."""
        return shown(self.access_key)


LOCAL_KEYS = Keys(LOCAL, LOCAL)


def shown(access_key: str) -> str:
    """Return an access key id cut to what tells it from others."""
    return access_key if len(access_key) <= 8 else f"{access_key[:4]}…{access_key[-2:]}"


def profiles(environ: Mapping[str, str]) -> tuple[Profile, ...]:
    """Return the profiles that there are: the sink's, the environment's, the configuration's.

    Raises `ConsoleError` for files that cannot be read.
    """
    found = [Profile(LOCAL, access_key=LOCAL, kind="static")]
    keys = _of_environment(environ)
    if keys is not None:
        region = environ.get("AWS_REGION", "") or environ.get("AWS_DEFAULT_REGION", "")
        kind = "temporary" if keys.token else "static"
        found.append(Profile(ENVIRONMENT, region, keys.shown, kind))
    for name, settings in _configured().items():
        if name not in {LOCAL, ENVIRONMENT}:
            found.append(_profile(name, settings))
    return tuple(found)


def default_profile(known: tuple[Profile, ...], environ: Mapping[str, str]) -> str:
    """Return the profile that signs where none is named, as AWS's own tools would choose it."""
    names = [each.name for each in known]
    wanted = environ.get("AWS_PROFILE", "")
    if wanted in names and wanted:
        return wanted
    for name in (ENVIRONMENT, "default"):
        if name in names:
            return name
    return ENVIRONMENT


async def keys_of(name: str, environ: Mapping[str, str]) -> Keys:
    """Return the credentials of a profile; raises `ConsoleError` (`AUTH`) when it has none."""
    if name == LOCAL:
        return LOCAL_KEYS
    found = _of_environment(environ) if name == ENVIRONMENT else None
    if found is not None:
        return await asyncio.to_thread(_hidden, found)
    lookup = await asyncio.to_thread(_lookup, name)
    loop, ended = asyncio.get_running_loop(), asyncio.Event()

    def end(_: Future[Keys]) -> None:
        with suppress(RuntimeError):  # the loop is over, and nobody waits any more
            loop.call_soon_threadsafe(ended.set)

    lookup.add_done_callback(end)
    with suppress(TimeoutError):
        await asyncio.wait_for(ended.wait(), LOOKUP_S)
    if not lookup.done():
        what = f'The credentials of the AWS profile "{name}" did not come'
        raise _none(f"{what} within {LOOKUP_S:g} s")
    return lookup.result()


def _lookup(name: str) -> Future[Keys]:
    """Look for credentials, which may ask processes and servers, in a thread that nobody waits for.

    One at a time looks for a profile: whoever wants it meanwhile waits for the same.
    """
    key = (name, _versions())
    with _one_at_a_time:
        lookup = _lookups.get(key)
        if lookup is None or lookup.done():
            lookup = _lookups[key] = Future()
            Thread(target=_look, args=(lookup, name), name="aws-credentials", daemon=True).start()
    return lookup


def _look(lookup: Future[Keys], name: str) -> None:
    try:
        lookup.set_result(_hidden(_looked_up(name)))
    except Exception as error:  # handed on to who asked
        lookup.set_exception(error)


def _looked_up(name: str) -> Keys:
    from botocore.exceptions import BotoCoreError

    try:
        credentials = _found(None if name == ENVIRONMENT else name, _versions())
        frozen = None if credentials is None else credentials.get_frozen_credentials()
    except BotoCoreError as error:
        is_over = "expired" in str(error).lower()
        code = ExitCode.EXPIRED if is_over else ExitCode.AUTH
        raise _none(f'The AWS profile "{name}" cannot be used: {error}', code) from error
    except Exception as error:  # a credential process, or the answer of a server, may be anything
        said = f'The AWS profile "{name}" cannot be used: {type(error).__name__}: {error}'
        raise _none(said) from error
    if frozen is None or not frozen.access_key or not frozen.secret_key:
        where = "in this environment" if name == ENVIRONMENT else f'in the profile "{name}"'
        raise _none(f"There are no AWS credentials {where}")
    return Keys(frozen.access_key, frozen.secret_key, frozen.token or "")


def _hidden(keys: Keys) -> Keys:
    """Let nothing of *keys* but the id reach a text from now on."""
    from kindo_message_client.credentials import Credentials, hide
    from kindo_message_client.errors import CredentialsError

    try:
        hide(Credentials(keys.access_key, keys.secret_key, keys.token))
    except CredentialsError as error:
        raise ConsoleError(str(error), exit_code=ExitCode.AUTH) from error
    return keys


def static_keys(environ: Mapping[str, str]) -> Iterator[Keys]:
    """Yield the credentials that stand in files and in the environment, and the sink's own.

    Nothing is run or fetched for them.
    """
    yield LOCAL_KEYS
    keys = _of_environment(environ)
    if keys is not None:
        yield keys
    for settings in _configured().values():
        access_key, secret_key = (settings.get(each) for each in _PAIR)
        if isinstance(access_key, str) and isinstance(secret_key, str):
            yield Keys(access_key, secret_key, str(settings.get("aws_session_token") or ""))


@lru_cache(maxsize=1)
def regions() -> tuple[str, ...]:
    """Return the names of the regions that run functions."""
    return tuple(_session().get_available_regions("lambda"))


_PAIR = ("aws_access_key_id", "aws_secret_access_key")


def _session(profile: str | None = None) -> botocore.session.Session:
    import botocore.session

    session = botocore.session.Session(profile=profile)
    session.set_config_variable("metadata_service_timeout", _SEARCH_S)
    session.set_config_variable("metadata_service_num_attempts", 1)
    return session


@lru_cache(maxsize=16)
def _found(profile: str | None, versions: object) -> Any:  # noqa: ARG001 - it is a part of the key
    """Return botocore's credentials, which it refreshes by itself; None: there are none."""
    return _session(profile).get_credentials()


def _versions() -> tuple[object, ...]:
    """Return what changes when this user's AWS files do, or the profile that is meant."""
    files = (
        os.environ.get("AWS_SHARED_CREDENTIALS_FILE", "~/.aws/credentials"),
        os.environ.get("AWS_CONFIG_FILE", "~/.aws/config"),
    )
    seen: list[object] = [os.environ.get("AWS_PROFILE")]
    for name in files:
        try:
            found = Path(name).expanduser().stat()
            seen.append((name, found.st_mtime_ns, found.st_size))
        except (OSError, RuntimeError):  # not there, or nobody's home
            seen.append(name)
    return tuple(seen)


def _configured() -> dict[str, dict[str, Any]]:
    """Return the profiles of `~/.aws/config` and `~/.aws/credentials`.

    AWS_CONFIG_FILE and AWS_SHARED_CREDENTIALS_FILE name other files.
    """
    return _read(_versions())


@lru_cache(maxsize=1)
def _read(versions: object) -> dict[str, dict[str, Any]]:  # noqa: ARG001 - it is the key
    from botocore.exceptions import BotoCoreError

    try:
        found: dict[str, dict[str, Any]] = _session().full_config.get("profiles", {})
    except BotoCoreError as error:
        raise ConsoleError(
            f"The AWS configuration cannot be read: {error}.",
            hint="Correct that file, or point AWS_CONFIG_FILE at another one.",
            exit_code=ExitCode.CONFIG,
        ) from error
    return found


def _of_environment(environ: Mapping[str, str]) -> Keys | None:
    access_key, secret_key = (environ.get(each.upper(), "") for each in _PAIR)
    if not access_key or not secret_key:
        return None
    token = environ.get("AWS_SESSION_TOKEN", "") or environ.get("AWS_SECURITY_TOKEN", "")
    return Keys(access_key, secret_key, token)


def _profile(name: str, settings: Mapping[str, Any]) -> Profile:
    access_key = settings.get("aws_access_key_id")
    return Profile(
        name,
        str(settings.get("region") or ""),
        shown(access_key) if isinstance(access_key, str) else "",
        _kind(settings),
        _expires_us(settings),
    )


def _kind(settings: Mapping[str, Any]) -> str:
    signs = (
        ("role_arn", "role"),
        ("aws_session_token", "temporary"),
        ("aws_access_key_id", "static"),
        ("sso_start_url", "sso"),
        ("sso_session", "sso"),
        ("credential_process", "process"),
    )
    return next((kind for name, kind in signs if settings.get(name)), "")


def _expires_us(settings: Mapping[str, Any]) -> int:
    for name in _EXPIRIES:
        try:
            said = datetime.fromisoformat(str(settings.get(name, "")).replace("Z", "+00:00"))
        except ValueError:
            continue
        return int(said.replace(tzinfo=said.tzinfo or UTC).timestamp() * 1_000_000)
    return 0


def _none(sentence: str, code: ExitCode = ExitCode.AUTH) -> ConsoleError:
    is_signed_in = code is ExitCode.EXPIRED or "SSO" in sentence
    hint = "Sign in again, as with `aws sso login`." if is_signed_in else _HINT
    return ConsoleError(f"{sentence.rstrip('.')}.", hint=hint, exit_code=code)
