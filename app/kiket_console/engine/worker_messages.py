"""What engine and worker tell each other over the control socket; see `bootstrap.py`."""

from __future__ import annotations

import sys
from datetime import datetime  # noqa: TC003 (read by msgspec)
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import msgspec

from kiket_console.traced_frames import TracedFrame  # noqa: TC001 (read by msgspec)
from kiket_sdk._keys import WebhookSecret

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from kiket_console.worker_spec import WorkerSpec

SDK_PACKAGES = ("kiket_core", "kiket_sdk", "pywatt_sdk")
_SERVER_PRELOAD = (
    "kiket_core.guard",  # first, because it leaves uvicorn's command line out
    "uvicorn",
    "uvicorn.lifespan.on",
    "uvicorn.loops.auto",
    "uvicorn.loops.uvloop",
    "uvicorn.protocols.http.auto",
    "uvloop",
    "yaml",
)
_SDK_PRELOAD = (
    "kiket_sdk.sdk",
    "kiket_sdk._typed",
    "httpcore",
    "anyio._backends._asyncio",
    "stamina",
)
"""The SDK, and what of it comes with the first handler and the first delivery, which then wait."""
_MODULE_PRELOAD = ("pywatt_sdk", "pywatt_sdk.module")


# From the engine


def prepare_message(
    spec: WorkerSpec, learned: Ready, listener: int | None = None, uses_sdk: bool = False
) -> bytes:
    """Say what to import before the project's code, and on which descriptor an app listens.

    Without one the code is a program, which owns its standard input and output.
    """
    import kiket_sdk

    early = _MODULE_PRELOAD if listener is None else _SERVER_PRELOAD
    return _encoded(
        {
            "type": "prepare",
            "folder": str(spec.folder),
            "listen_fd": listener,
            "preload": [*early, *(_SDK_PRELOAD if uses_sdk else ())],
            "learned": learned.modules,
            "texts": learned.texts,
            "sources": learned.sources,
            "sdk": "pywatt_sdk" if listener is None else "kiket_sdk",
            "sdk_path": str(Path(kiket_sdk.__path__[0]).parent),
            "sdk_packages": SDK_PACKAGES,
            "site_packages": [path for path in sys.path if path.endswith("site-packages")],
            "cache_tag": sys.implementation.cache_tag,
        }
    )


def start_message(
    spec: WorkerSpec,
    secrets: Mapping[str, str],
    import_limit_s: float,
    *,
    shows_locals: bool = True,
) -> bytes:
    """Say what to import and serve, or to run; and whether exceptions tell of their locals."""
    return _encoded(
        {
            "type": "start",
            "entry": spec.entry,
            "folder": str(spec.folder),
            "import_roots": [str(root) for root in spec.import_roots],
            "import_limit_s": import_limit_s,
            "environment": dict(secrets),
            "locals": shows_locals,
        }
    )


def compile_message(files: Sequence[str]) -> bytes:
    """Say to compile files that were just saved, and are about to be imported."""
    return _encoded({"type": "compile", "files": files})


REPORT = b'{"type":"report"}\n'
"""Says to tell what has been imported; a program is asked once it has announced itself."""


def drain_message(limit_s: float) -> bytes:
    """Say to finish what is under way, and end."""
    return _encoded({"type": "drain", "limit_s": limit_s})


def _encoded(message: dict[str, object]) -> bytes:
    return msgspec.json.encode(message) + b"\n"


# From the worker


class FoundHandler(msgspec.Struct):
    """A handler, as the bootstrap tells it."""

    event: str
    version: str
    file: str = ""
    line: int = 0
    scopes: tuple[str, ...] = ()


class SecretTerm(msgspec.Struct):
    """What a webhook secret is called, and when it counts."""

    key_id: str | None = None
    not_before: datetime | None = None
    not_after: datetime | None = None


class Found(msgspec.Struct, tag="found"):
    """What an imported extension turned out to be."""

    pid: int
    python: str = ""
    is_sdk: bool = False
    accepts: tuple[str, ...] = ()
    extension_id: str = ""
    extension_version: str = ""
    webhook_secrets: tuple[str, ...] = ()
    webhook_terms: tuple[SecretTerm, ...] = ()
    """Of each secret in turn; empty where all are plain text."""
    workspace_token: str = ""
    handlers: tuple[FoundHandler, ...] = ()

    @property
    def secrets(self) -> tuple[str, ...]:
        """Return the webhook secrets with their terms."""
        if not self.webhook_terms or len(self.webhook_terms) != len(self.webhook_secrets):
            return self.webhook_secrets
        return tuple(
            WebhookSecret(
                secret, key_id=term.key_id, not_before=term.not_before, not_after=term.not_after
            )
            for secret, term in zip(self.webhook_secrets, self.webhook_terms, strict=True)
        )

    def __repr__(self) -> str:
        return f"Found(pid={self.pid}, extension_id={self.extension_id!r})"


class Prepared(msgspec.Struct, tag="prepared"):
    """It has imported everything but the project's code."""

    package_folders: tuple[str, ...] = ()
    """Where its interpreter finds installed packages."""


class Unfit(msgspec.Struct, tag="unfit"):
    """What it imported early read a variable that the project's code, or a secret, sets."""

    variable: str


class Ready(msgspec.Struct, tag="ready"):
    """It listens."""

    modules: tuple[str, ...] = ()
    """What of its interpreter's packages is imported, in order."""
    sources: tuple[str, ...] = ()
    """The files of the project's own code that are imported."""
    texts: tuple[str, ...] = ()
    """What was written and compiled for classes of that code."""


NOTHING = Ready()
"""What there is to know before anything has been ready."""


class Failed(msgspec.Struct, tag="failed"):
    """It did not start, and why."""

    sentence: str
    file: str = ""
    line: int = 0
    traceback: tuple[str, ...] = ()


class Line(msgspec.Struct, tag="line"):
    """A line of output, or a log record."""

    at_us: int
    stream: str
    text: str
    cut: int = 0
    level: str = ""
    logger: str = ""
    trace_id: str = ""
    frames: tuple[TracedFrame, ...] = ()
    """What the frames of a record's exception held; secrets are in it still."""


class Dropped(msgspec.Struct, tag="dropped"):
    """Lines that the worker could not send."""

    count: int


class Lag(msgspec.Struct, tag="lag"):
    """How late its event loop was, at so many moments since it told last."""

    count: Annotated[int, msgspec.Meta(ge=0)]
    total_s: Annotated[float, msgspec.Meta(ge=0)]
    longest_s: Annotated[float, msgspec.Meta(ge=0)]


Message = Prepared | Unfit | Found | Ready | Failed | Line | Dropped | Lag
decode = msgspec.json.Decoder(Message).decode
"""Read one message; raises `msgspec.MsgspecError` for what is none."""
