"""What is said of producer messages over the control API."""

from __future__ import annotations

import re
from typing import Any

from msgspec import Struct, field

BEHAVIORS = ("instant", "scheduled", "deferred", "long_term")
SECURITY_LEVELS = ("normal", "sensitive")
LOCAL = "local"
"""The profile, and both credentials, that the sink of the engine takes."""
PRODUCER_WAYS = (
    "signed",
    "wrong-secret",
    "wrong-region",
    "wrong-service",
    "clock-skew",
    "altered-body",
    "unsigned",
)
"""How a message can be sent: as it should be, or broken on purpose, to see what is answered."""
MASK = re.compile(r"\[masked:[0-9a-f]{8}\]")
"""What stands for a value of a sensitive message where it is stored."""
FAULTS = ("throttle", "error", "slow", "skew", "no-tracking-id", "not-json")
"""How the sink can be told to fail: 429, 500, late, a clock of its own, 200 without or not JSON."""


class Profile(Struct, frozen=True):
    """Credentials by name; never the credentials."""

    name: str
    """`local`, `environment`, or of the AWS configuration."""
    region: str = ""
    access_key: str = ""
    """As shown: `AKIA…7Q`; empty when it is only known once it is used."""
    kind: str = ""
    """`static`, `temporary`, `process`, `sso`, `role`; empty: unknown."""
    expires_us: int = 0


class SinkFault(Struct, frozen=True):
    """A failure that the sink was told to show."""

    kind: str
    """One of `FAULTS`."""
    times: int = 0
    """For so many messages; 0: until it is turned off."""
    seconds: float = 0.0
    """How late, or how far off the clock is."""


class ProducerState(Struct, frozen=True):
    """What there is to send with."""

    sink_url: str
    url: str
    """Where messages go unless it is said: KINDO_MESSAGE_PRODUCER_URL, setting, or the sink."""
    profile: str
    region: str
    service: str
    profiles: tuple[Profile, ...] = ()
    regions: tuple[str, ...] = ()
    """Known to botocore, by name."""
    faults: tuple[SinkFault, ...] = ()
    received: int = 0
    """Messages that the sink took since the engine started."""
    kept: tuple[int, ...] = ()
    """Exchanges of messages that could not be sent and can be sent again."""
    schema: dict[str, Any] = field(default_factory=dict)
    """The JSON schema (draft 7) of a message."""
    elsewhere: str = ""
    """The profile that signs what goes to another producer than the sink."""
    stranger: str = ""
    """Which of the project's files says `url`, if nobody has agreed to it yet: then a message is
    sent only when it names its URL, which agrees to it for good."""


class ProducerMessage(Struct, frozen=True):
    """A message, where it goes, and how it is signed."""

    message: str
    """The JSON text as a person wrote it."""
    url: str = ""
    """Empty: as `ProducerState.url`; so are the others."""
    profile: str = ""
    region: str = ""
    service: str = ""
    way: str = PRODUCER_WAYS[0]
    like: int = 0
    """The exchange it is sent again from; 0: none. Its clear values stand for masked ones."""
    schema_path: str = ""
    """A file with another JSON schema; empty: the producer's own."""


class ProducerPreview(Struct, frozen=True):
    """What would be sent, and what was signed (AWS Signature Version 4)."""

    url: str
    headers: tuple[tuple[str, str], ...]
    body: str
    canonical_request: str
    string_to_sign: str
    access_key: str
    region: str
    service: str
    warnings: tuple[str, ...] = ()


class Explanation(Struct, frozen=True):
    """Why a message was refused."""

    reason: str
    """`wrong secret`, `wrong region`, `wrong service`, `clock skew`, `expired token`, `missing
    token`, `unknown key`, `altered body`, `unsigned`, `not allowed`, or `unknown`."""
    sentence: str
    hint: str = ""
    evidence: tuple[tuple[str, str, str], ...] = ()
    """What was compared: (what, ours, theirs)."""


class ProducerResult(Struct, frozen=True):
    """What became of a message."""

    exchange_id: int
    """0: it was not recorded."""
    url: str
    status: int | None
    tracking_id: str = ""
    took_us: int = 0
    attempts: int = 1
    error: str = ""
    """What went wrong, in one sentence; empty: it was taken."""
    hint: str = ""
    exit_code: int = 0
    """Of `errors.ExitCode`, for a command."""
    kept: bool = False
    """It can be sent again as it is."""
    explanation: Explanation | None = None
    answer: str = ""
    """The answer's text, cut and without secrets."""
