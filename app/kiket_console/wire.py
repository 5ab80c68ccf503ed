"""What is said over the control API, besides the nouns of `model`: importing nothing of ours."""

from __future__ import annotations

from typing import Any

from msgspec import Struct

API = "/v1"
WAYS = (
    "resigned",
    "exact",
    "stale",
    "bad-signature",
    "unsigned",
    "k0",
    "kr",
    "k1",
    "sw1",
    "es256",
)
"""How a recorded delivery can be sent again: signed anew as its target prefers, byte for byte,
signed for a time that is over, signed with another secret, without a signature, or signed anew in
one dialect alone. A runtime token in the body is made anew, old, forged or left out likewise."""
ES256 = "es256"
"""The way to sign that is a runtime token in the body, and no header."""
ERAS = {
    "all": "",
    "v0": "k0",
    "interim": "k0",
    "newest": ES256,
    "other-sdks": "kr",
    "april-2026": "k1",
}
"""What a delivery is made for, every release of the Kiket SDK at once or those of one time alone,
and the only dialect that these know; empty: any."""
EVERY_ERA = "all"
LIST_DEFAULT = 50
LIST_LIMIT = 1000
"""How many exchanges one request can list."""
SELECTION_LIMIT = 1000
"""How many exchanges one request can name."""
NOTE_LIMIT = 500
"""How many characters a note has at most."""
PLATFORM_ROWS_DEFAULT = 50
PLATFORM_ROWS_LIMIT = 500
"""How many rows of the platform's state one request can list."""
VERBS = ("restart", "stop", "start", "kill")
"""What a person can ask of a worker; `kill` leaves it no time to finish anything."""
CHANNELS = ("", "stdio", "tcp", "uds", "http")
"""By what a message goes to a module; empty: as the orchestrator would send it."""
ROTATION_WAIT_S = 5.0
"""How long a module has to confirm that it took a secret's new value."""
ROTATION_LIMIT_S = 60.0


class EngineInfo(Struct, frozen=True):
    """Where a running engine can be reached."""

    pid: int
    version: str
    folder: str
    started_us: int
    gateway_url: str
    platform_url: str


class Result(Struct, frozen=True):
    """How a delivery that the engine sent has ended."""

    exchange_id: int
    state: str
    """A word of `model.State`."""
    status: int | None
    duration_us: int | None
    error: str
    """One sentence when no answer came, else empty."""
    decision: str = ""
    """What a guard's answer decides: a word of `decision.WORDS`; empty for any other event."""
    retry: str = ""
    """A word of `model.Retry`."""
    next_try_us: int = 0
    """When it is tried again; 0 unless it waits for that."""

    @property
    def ok(self) -> bool:
        """Whether an answer of 200 to 299 came."""
        return self.status is not None and 200 <= self.status < 300


class Event(Struct, frozen=True):
    """An event that a person asks to be sent, as the platform would send it."""

    name: str
    version: str = ""
    """Empty: the newest that is handled."""
    extension: str = ""
    """Empty: the only one."""
    raw_payload: bytes | None = None
    """Its JSON, to which the platform's envelope is added; None: a template's."""
    raw_body: bytes | None = None
    """The very bytes to send instead, whatever they are."""
    headers: tuple[tuple[str, str], ...] = ()
    """What stands in place of the delivery's own headers of the same name."""
    dialect: str = ""
    """Sign in this dialect alone; empty: as the extension prefers."""
    like: int = 0
    """The exchange whose secrets stand where the payload keeps their markers; 0: none."""
    era: str = ""
    """Make it as one release's platform would: a word of `ERAS`; empty: as the extension's."""
    retry: bool | None = None
    """Whether it is tried again as the platform does; None: as the settings say."""


class Edit(Struct, frozen=True):
    """What is sent in place of what was recorded; None keeps it as it was."""

    raw_payload: bytes | None = None
    """The body; where it keeps the marker of a secret (`[secret:NAME]`), the value is put back."""
    headers: tuple[tuple[str, str], ...] | None = None
    """All headers but those that are made anew for each delivery."""
    event: str | None = None
    version: str | None = None


class Preview(Struct, frozen=True):
    """What would be sent. Secrets are not here: their markers stand in their places."""

    extension: str
    head: str
    """The request's line and headers as the extension would see them, a line each."""
    raw_body: bytes
    size: int
    """Bytes of the body as it would be sent, secrets included."""
    signed: tuple[tuple[str, str], ...]
    """Each dialect that signs it, and what its MAC covers before the body."""
    ok: bool
    """Whether the extension would find the signature good."""
    sentence: str
    """What would be found about the signature."""
    edited: bool
    secrets: tuple[str, ...] = ()
    """Names of the secrets that the body holds."""


class Template(Struct, frozen=True):
    """A sample event that can be triggered."""

    event: str
    version: str
    handled: bool
    """Whether a running extension has a handler for it."""
    title: str
    payload: Any
    """The event's own JSON value, as `trigger` takes it."""


class Selection(Struct, frozen=True):
    """The exchanges that something was done to: those that were named, and what went with them."""

    ids: tuple[int, ...]


class PlatformColumn(Struct, frozen=True):
    """What each row of a collection has under one name."""

    name: str
    kind: str
    """`text`, `integer`, `decimal`, `boolean`, `json` or `timestamp` (ISO 8601)."""
    required: bool = False
    """Whether a new row must have it: it may not be null and has no default."""
    managed: bool = False
    """Whether the platform sets it; who adds or changes a row leaves it out."""
    unique: bool = False
    choices: tuple[str, ...] = ()
    """The only values there are; empty: any of its kind."""
    default: Any = None
    """What a new row has that does not say it."""


class PlatformCollection(Struct, frozen=True):
    """Rows of one kind that the platform keeps."""

    name: str
    """`notifications`, …, or `custom_data.<module>.<table>`; a module's name may have dots."""
    title: str
    meaning: str
    """What it is and how rows come into it, in a sentence."""
    count: int
    columns: tuple[PlatformColumn, ...]
    writable: bool
    """Whether a person can add, change and remove rows."""


class ForcedFailure(Struct, frozen=True):
    """What the platform answers in place of a route, so that code can be tried against it."""

    route: str
    """A method, a space and a path, as a list names calls; each part may have `*`:
    `GET custom_data/*`, `* *`. Without a method: any."""
    status: int = 503
    """100 to 599, or 0 to answer as usual, which is of use with a delay."""
    delay_ms: int = 0
    """How long it waits before it answers."""
    times: int = 0
    """How often it still happens; 0: until it is taken out."""


class PlatformSettings(Struct, frozen=True):
    """How the platform behaves."""

    rate_limit_per_minute: int = 600
    """Calls that each extension has in a minute; 0: no limit."""
    granted_scopes: tuple[str, ...] = ("*",)
    """What a token of a delivery allows; `*`: everything."""
    open_tables: bool = False
    """Whether custom data takes tables that no module's schema has, without a check."""
    failures: tuple[ForcedFailure, ...] = ()


class PlatformState(Struct, frozen=True):
    """What the platform keeps, and how it behaves."""

    collections: tuple[PlatformCollection, ...]
    settings: PlatformSettings
    inbound_urls: dict[str, str]
    """By extension: where others post to, with `{action}` in the action's place."""
    problems: tuple[str, ...] = ()
    """What is wrong with the schemas of modules, a sentence each."""


class PlatformRows(Struct, frozen=True):
    """A page of a collection, newest first."""

    rows: tuple[dict[str, Any], ...]
    """Each has an `id`, by which it is changed, removed, and continued after."""
    more: bool
    """Whether older ones follow."""


class IpcField(Struct, frozen=True):
    """What a message has under one name (pywatt wire specification §2.3, §2.4)."""

    name: str
    kind: str
    """`text`, `integer`, `boolean`, `bytes` (an array of numbers or base64), `list`, `object`,
    `service type`, `uuid` or `any`."""
    required: bool
    meaning: str = ""


class IpcOp(Struct, frozen=True):
    """A message that can be sent to a module by hand."""

    op: str
    meaning: str
    fields: tuple[IpcField, ...]
    sample: Any
    """The whole message, `op` included, with what a module takes."""
    answer: str = ""
    """The op that answers it; empty when nothing does."""


class IpcMessage(Struct, frozen=True):
    """A message that a person sends to a module."""

    module: str
    raw_message: bytes
    """Its JSON. `op` may be left out when *op* names it; `request_id` and the like too: they are
    made. Where it keeps the marker of a secret (`[secret:NAME]`) of exchange *like*, the value
    is put back."""
    op: str = ""
    """Empty: as the message says."""
    channel: str = ""
    """A word of `CHANNELS`."""
    like: int = 0
    """The exchange that it repeats, edited or not; 0: none."""
    timeout_s: float = 30.0
    """How long an answer may take."""


class IpcResult(Struct, frozen=True):
    """What became of a message to a module."""

    exchange_id: int
    """0 when recording has fallen behind and the message was not kept."""
    state: str
    """A word of `model.State`."""
    status: int | None
    """Of an HTTP answer."""
    duration_us: int | None
    error: str
    """One sentence when no answer came that was to come, else empty."""
    op: str
    channel: str
    """By what it went."""
    reply: Any = None
    """The answer's JSON; None when there is none."""

    @property
    def ok(self) -> bool:
        """Whether it went well: sent, and answered where an answer was to come."""
        return not self.error and (self.status is None or self.status < 400)


class RotationAck(Struct, frozen=True):
    """What one module said to a secret's new value."""

    module: str
    status: str
    """`success`, `error`, or `no answer`."""
    message: str = ""
    """The module's own words, or what happened, in a sentence."""
    duration_us: int | None = None


class Rotation(Struct, frozen=True):
    """A secret's new value, handed to the modules that have the old one."""

    name: str
    rotation_id: str
    acks: tuple[RotationAck, ...]
    restarted: tuple[str, ...] = ()
    """Extensions that are started anew, as they take a secret at their start alone."""
    version: int = 0
    """Of the value that is kept now; 0 where there is none in the vault."""
    warning: str = ""
    """What to know of the value, in a sentence: that it cannot be cut out of texts."""
    failed: tuple[str, ...] = ()
    """Those of the restarted that did not come to serve in time; what served before goes on."""

    @property
    def ok(self) -> bool:
        """Whether every module took it, and every extension serves with it."""
        return not self.failed and all(ack.status == "success" for ack in self.acks)


class Service(Struct, frozen=True):
    """A provider that a module has registered (pywatt wire specification §8.1)."""

    provider_id: str
    module: str
    service_type: str
    """`database`, `cache`, `jwt`, or a name of the module's own."""
    name: str
    version: str
    address: str
    healthy: bool
    metadata: dict[str, str]


class Refusal(Struct, frozen=True):
    """Why a request to the control API was not carried out."""

    error: str
    hint: str = ""
    exit_code: int = 1
    """What the command line ends with: `errors.ExitCode`."""
