"""What the environment says, and a `.env` file for what it does not say.

Nothing is read when this module is imported. The first time that a default is needed, the nearest
`.env` from the working directory upwards is looked for; of it, `KINDO_…` and `AWS_…` variables are
taken into the environment, where the environment has none of the name. Released modules read these
names from here (Kindo specification §7.6); each is looked up when it is asked for:

    KINDO_MESSAGE_PRODUCER_URL   where messages go unless url= says it; "" when it is not set
    KINDO_MESSAGE_BEHAVIOR       "instant" when it is not set; no function uses it
    AWS_REGION                   what is signed for; "ap-southeast-2" when it is not set
    AWS_SERVICE                  what is signed for; "lambda" when it is not set
"""

from __future__ import annotations

import os
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    KINDO_MESSAGE_PRODUCER_URL: str
    KINDO_MESSAGE_BEHAVIOR: str
    AWS_REGION: str
    AWS_SERVICE: str

__all__ = ["REQUIRED_ENV_VARS", "SCHEMA_PATH", "ConfigError"]

REQUIRED_ENV_VARS: Final = ["KINDO_MESSAGE_PRODUCER_URL", "KINDO_MESSAGE_BEHAVIOR"]
"""What the documentation asks for. Only the URL is needed, and only by who gives none."""
SCHEMA_PATH: Final = str(Path(__file__).with_name("schemas") / "producer_payload.json")
"""The JSON schema (draft 7) of a message."""

_DEFAULTS: Final = {
    "KINDO_MESSAGE_PRODUCER_URL": "",
    "KINDO_MESSAGE_BEHAVIOR": "instant",
    "AWS_REGION": "ap-southeast-2",
    "AWS_SERVICE": "lambda",
}
_OURS: Final = ("KINDO_", "AWS_")
_UNKNOWN: Final = -1


class ConfigError(Exception):
    """A setting that is needed is missing or cannot be used; the message names it."""


def __getattr__(name: str) -> str:
    if name in _DEFAULTS:
        return setting(name) or _DEFAULTS[name]
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


def setting(name: str) -> str | None:
    """Return a variable of the environment or of `.env`; None where it is missing or blank.

    Raises:
        ConfigError: if there is a `.env` that cannot be read.
    """
    load_env_file()
    return os.environ.get(name, "").strip() or None


def required(name: str) -> str:
    """Return a variable of the environment or of `.env`.

    Raises:
        ConfigError: if it is missing or blank, or there is a `.env` that cannot be read.
    """
    value = setting(name)
    if value is None:
        raise ConfigError(f"Missing required environment variable: {name}")
    return value


def load_env_file() -> None:
    """Take `KINDO_…` and `AWS_…` of the nearest `.env` into the environment, which has priority.

    Once for each working directory: what is written later is not seen.

    Raises:
        ConfigError: if the file cannot be read.
    """
    try:
        folder = os.getcwd()  # noqa: PTH109  # a hundredth of the time, and it is asked each time
    except FileNotFoundError:  # the folder was deleted
        return
    _load_from(folder)


@lru_cache(maxsize=64)
def _load_from(folder: str) -> None:
    path = _nearest(Path(folder))
    if path is None:
        return
    from dotenv import dotenv_values

    try:
        values = dotenv_values(path, encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise ConfigError(
            f"{path} cannot be read ({error}); make it readable text, or set the variables in the "
            "environment."
        ) from error
    for name, value in values.items():
        if name.startswith(_OURS) and value is not None:
            os.environ.setdefault(name, value)


def _nearest(folder: Path) -> Path | None:
    """Return the `.env` in *folder*, or that above it which belongs to the same user, or to root.

    In folders that all may write to, such as that of temporary files, another user could say where
    messages go.
    """
    own = folder / ".env"
    if _is_there(own):
        return own
    owners = {_owner(folder), 0}
    above = (each / ".env" for each in folder.parents)
    return next((file for file in above if _is_there(file) and _owner(file) in owners), None)


def _is_there(file: Path) -> bool:
    return os.path.isfile(file)  # noqa: PTH113  # Path's raises where a folder may not be entered


def _owner(path: Path) -> int:
    try:
        return path.stat().st_uid
    except OSError:  # of a folder below one that may not be entered
        return _UNKNOWN


def region(given: str | None, named_by_target: str | None) -> str:
    """Return the region to sign for: *given*, AWS_REGION, that of the target, or the default."""
    return given or setting("AWS_REGION") or named_by_target or _DEFAULTS["AWS_REGION"]


def service(given: str | None) -> str:
    """Return the service to sign for: *given*, AWS_SERVICE, or `lambda`."""
    return given or setting("AWS_SERVICE") or _DEFAULTS["AWS_SERVICE"]
