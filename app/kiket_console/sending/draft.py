"""What a person is about to send, as text to edit, and what it was made from."""

from __future__ import annotations

from typing import TYPE_CHECKING

from msgspec import Struct

from kiket_console.errors import ConsoleError, ExitCode
from kiket_console.model import Source
from kiket_console.sending import head, payload
from kiket_console.wire import Edit
from kiket_core.secret import is_credential

if TYPE_CHECKING:
    from kiket_console.model import Body, Detail, Headers
    from kiket_console.sending.payload import Layout

SLOW_BYTES = 128 * 1024
"""Making, checking or comparing a draft of a larger payload belongs in a thread."""
LARGE_CHARACTERS = 1024 * 1024
"""A longer payload is laid out only when it is going to be edited: that holds all else up."""


class Draft(Struct, frozen=True):
    """A delivery as text."""

    event: str
    version: str
    headers: str
    """One `Name: value` a line, without those that are made anew for each delivery."""
    payload: str


class Original(Struct, frozen=True):
    """What a draft began as: a recorded delivery."""

    exchange_id: int
    extension: str
    draft: Draft
    layout: Layout | None = None
    """In which the payload is sent; None: as it is typed."""
    raw_bytes: int = 0
    """How long the payload is."""
    payload_is_text: bool = True
    """Else it is bytes that nobody can type; they are sent as they were."""
    truncated: bool = False
    """Whether only the payload's beginning was stored."""
    linked: bool = True
    """Whether what is sent names the delivery that it began as."""
    started_us: int = 0
    """When the delivery came."""

    @property
    def key(self) -> str:
        """What nothing else that is recorded has, in another store either."""
        return f"{self.exchange_id}-{self.started_us}"

    def edit(self, draft: Draft) -> Edit:
        """Return what *draft* changes; raises `HeaderError` for headers that cannot be sent."""
        before = self.draft
        return Edit(
            raw_payload=None if draft.payload == before.payload else self.raw_payload(draft),
            headers=None if draft.headers == before.headers else head.read(draft.headers),
            event=None if draft.event == before.event else draft.event.strip(),
            version=None if draft.version == before.version else draft.version.strip(),
        )

    def laid_out(self, text: str) -> str:
        """Return a payload as it is read best, should it not be so yet."""
        large = len(text) > LARGE_CHARACTERS and "\n" not in text
        return payload.escaped(payload.spread(text)) if large and self.layout else text

    def sent_bytes(self, draft: Draft) -> int:
        """Return how long the payload of *draft* is as it is sent; of a large one, about."""
        text = draft.payload
        if text == self.draft.payload:
            return self.raw_bytes
        return len(text) if len(text) > LARGE_CHARACTERS else len(self.raw_payload(draft))

    def raw_payload(self, draft: Draft) -> bytes:
        """Return the payload of *draft* as it is sent: JSON laid out as the original was."""
        text = draft.payload
        if self.layout is not None and payload.fault(text) is None:
            text = self.layout.write(text)
        return text.encode("utf-8", "surrogatepass")


def original_of(detail: Detail, *, linked: bool = True) -> Original:
    """Return a recorded delivery as something to edit; *linked*: what is sent will name it.

    Raises `ConsoleError` when it is no webhook.
    """
    exchange = detail.exchange
    if exchange.source is not Source.WEBHOOK:
        raise ConsoleError(
            f"Exchange {exchange.id} is a call to the platform; only webhooks can be sent.",
            exit_code=ExitCode.USAGE,
        )
    text, layout = _text(detail.request.body)
    return Original(
        exchange.id,
        exchange.worker,
        Draft(exchange.name, exchange.version, head.write(headers_of(detail)), text or ""),
        layout,
        raw_bytes=len(detail.request.body.raw),
        payload_is_text=text is not None,
        truncated=detail.request.body.truncated,
        linked=linked,
        started_us=exchange.started_us,
    )


def headers_of(detail: Detail) -> Headers:
    """Return the headers of a recorded delivery that a person can edit."""
    kept = (pair for pair in detail.request.headers if not is_credential(pair[0]))
    return head.editable(tuple(kept))


def _text(body: Body) -> tuple[str | None, Layout | None]:
    """Return a payload as text to edit, None for bytes that are none, and how it was laid out."""
    try:
        text = body.raw.decode()
    except UnicodeDecodeError:
        return None, None
    if payload.fault(text) is not None:
        return (text if payload.is_plain(text) else None), None
    layout = payload.layout_of(text)
    if len(text) > LARGE_CHARACTERS:
        return text, layout
    return payload.escaped(text if layout is None else payload.spread(text)), layout
