"""Where an extension's secrets come from: the environment, files, or the OS keyring.

A provider is anything with `get(key) -> str | None`; name yours in `KiketSDK(secret_providers=…)`.
`context.secret` asks them in order and at once, so one that waits for a network should remember
what it read; `context.secrets.get` asks all but the environment's in a thread, then the platform.
"""

from __future__ import annotations

import json
import logging
import os
import re
import threading
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, Protocol, runtime_checkable

from kiket_core.secret import redactor
from kiket_sdk.exceptions import SecretStoreError
from kiket_sdk.utils import environment_secret_name

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Mapping, Sequence

SECRET_LIMIT_BYTES: Final = 64 * 1024
"""How long a secret in a file, or a file of secrets, may be."""

_NOT_OURS: Final = re.compile(
    r"(AWS|AZURE|GOOGLE|GCP|GCLOUD|CLOUDSDK|ALIBABA_CLOUD|OCI|VAULT|KUBERNETES|DOCKER|SSH|CI)_.*"
    r"|(KIKET|KIKET_SDK)_(?!SECRET_).*|DATABASE_URL|PG(PASSWORD|PASSFILE)|KUBECONFIG"
)
"""Variables that belong to the machine or the SDK; a key may come from a payload."""

_logger = logging.getLogger("kiket_sdk.secrets")


@runtime_checkable
class SecretProvider(Protocol):
    """Something that knows secrets."""

    def get(self, key: str) -> str | None:
        """Return a secret's value, None when it has none; raises SecretStoreError.

        It may be called from several threads at once.
        """
        ...


class EnvironmentSecrets:
    """Secrets in KIKET_SECRET_<KEY>; an empty variable is none."""

    def get(self, key: str) -> str | None:
        """Return the value of a key's variable."""
        return os.environ.get(environment_secret_name(key)) or None


class FileSecrets:
    """Secrets in files.

    A folder has a file per secret, named by its key, as Docker, Kubernetes and systemd's
    `LoadCredential=` lay them out; one newline at the end of a file is not part of the secret. A
    file is a JSON object, when its name ends with `.json`, or lines of `KEY=value`, as in `.env`.
    It is read again when it changes, so that a secret can be rotated in place. A path that is not
    there has no secrets.
    """

    def __init__(self, path: str | os.PathLike[str]) -> None:
        self._path = Path(path)
        self._lock = threading.Lock()
        self._read: tuple[tuple[int, int], Mapping[str, Any]] | None = None
        self._is_warned = False

    def __repr__(self) -> str:
        return f"FileSecrets({str(self._path)!r})"

    def get(self, key: str) -> str | None:
        """Return a secret; raises SecretStoreError for a file that cannot be read."""
        try:
            if not self._path.is_dir():
                value = self._members().get(key)
                return None if value is None or value == "" else str(value)
            if key in {"", ".", ".."} or "/" in key or "\0" in key:
                return None
            return self._text(self._path / key).removesuffix("\n").removesuffix("\r") or None
        except (FileNotFoundError, IsADirectoryError):
            return None
        except (OSError, ValueError) as exc:
            reason = exc.strerror if isinstance(exc, OSError) else "it is not text of that form"
            raise SecretStoreError(f"Cannot read secrets from {self._path}: {reason}") from None

    def _members(self) -> Mapping[str, Any]:
        with self._lock:
            status = self._path.stat()
            state = (status.st_mtime_ns, status.st_size)
            if self._read is None or self._read[0] != state:
                if status.st_mode & 0o004 and not self._is_warned:
                    self._is_warned = True
                    _logger.warning(
                        "%s holds secrets and anybody on this machine can read it; chmod 600 it.",
                        self._path,
                    )
                text = self._text(self._path)
                is_json = self._path.suffix == ".json"
                self._read = state, _object(text) if is_json else _assignments(text)
            return self._read[1]

    def _text(self, path: Path) -> str:
        with path.open("rb") as file:
            raw = file.read(SECRET_LIMIT_BYTES + 1)
        if len(raw) > SECRET_LIMIT_BYTES:
            raise SecretStoreError(
                f"{path} has more than {SECRET_LIMIT_BYTES} bytes, which is too long for secrets"
            )
        return raw.decode()


class KeyringSecrets:
    """Secrets in the OS keyring, under one service name; written with `keyring set SERVICE KEY`.

    What was read, and what is not there, is remembered for `remember_s` seconds: a keyring takes
    milliseconds to answer, and may ask a person to unlock it.
    """

    def __init__(self, service: str, *, remember_s: float = 60.0) -> None:
        self._service = service
        self._remember_s = remember_s
        self._lock = threading.Lock()
        self._remembered: dict[str, tuple[float, str | None]] = {}

    def __repr__(self) -> str:
        return f"KeyringSecrets({self._service!r})"

    def get(self, key: str) -> str | None:
        """Return a secret; raises SecretStoreError for a keyring that is locked or absent."""
        import keyring
        import keyring.errors

        with self._lock:
            now_s = time.monotonic()
            until_s, value = self._remembered.get(key, (0.0, None))
            if now_s < until_s:
                return value
            try:
                value = keyring.get_password(self._service, key) or None
            except keyring.errors.KeyringError as exc:
                raise SecretStoreError(
                    f"The keyring did not give the secret '{key}' of {self._service!r}: "
                    f"{type(exc).__name__}; unlock it, or use another secret provider."
                ) from exc
            if len(self._remembered) >= _REMEMBERED:
                self._remembered.clear()
            self._remembered[key] = (now_s + self._remember_s, value)
            return value


_REMEMBERED: Final = 1_000  # keys may come from payloads

DEFAULT_PROVIDERS: Final[tuple[SecretProvider, ...]] = (EnvironmentSecrets(),)


def secret_reader(
    payload_secrets: Mapping[str, Any] | None,
    providers: Sequence[SecretProvider] = DEFAULT_PROVIDERS,
    *,
    declared: Collection[str] = (),
) -> Callable[[str], str | None]:
    """Return `context.secret` of one webhook: a function from a key to its value, or None.

    The payload's own secrets come first, then the providers', then an environment variable of the
    key's own name (spec §1.9). An empty value counts as none. A variable that belongs to the
    machine, such as AWS_SECRET_ACCESS_KEY, is read for keys in `declared` only.
    """

    def secret(key: str) -> str | None:
        brought = payload_secrets.get(key) if payload_secrets else None
        if brought:
            # of one delivery, whose failure knows it: the process would gather every tenant's
            return str(brought)
        value = first_secret(providers, key) or _bare(key, declared)
        if value:
            redactor.add(key, value)
        return value

    return secret


def first_secret(providers: Sequence[SecretProvider], key: str) -> str | None:
    """Return the value that the first provider which has one gives, else None."""
    for provider in providers:
        value = provider.get(key)
        if value:
            return value
    return None


def _bare(key: str, declared: Collection[str]) -> str | None:
    value = os.environ.get(key) if key and "\0" not in key and "=" not in key else None
    if value and key not in declared and _NOT_OURS.fullmatch(key.upper()):
        _logger.warning(
            "A handler asked for the secret %r, which is a variable of this machine; declare it "
            "as a secret in the manifest, or set %s.",
            key,
            environment_secret_name(key),
        )
        return None
    return value or None


def _object(text: str) -> Mapping[str, Any]:
    found = json.loads(text)
    if not isinstance(found, dict):
        raise ValueError("not an object")
    return found


def _assignments(text: str) -> Mapping[str, Any]:
    from io import StringIO

    from dotenv import dotenv_values

    return dotenv_values(stream=StringIO(text), interpolate=False)
