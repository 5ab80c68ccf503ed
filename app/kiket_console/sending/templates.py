"""What an event can be made from: the newest capture of it, or a sample."""

from __future__ import annotations

from difflib import get_close_matches
from typing import TYPE_CHECKING, Any

from msgspec import Struct
from msgspec.structs import replace

from kiket_console.errors import ConsoleError, ExitCode
from kiket_console.sending import overrides, payload
from kiket_console.text import age

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from kiket_console.model import Body, Detail, Exchange
    from kiket_console.sending.overrides import Override
    from kiket_console.sending.values import Values
    from kiket_console.wire import Event, Template

_ENVELOPE = ("api", "secrets", "secret_status", "authentication")
"""What the platform adds to each delivery anew."""


class Recipe(Struct, frozen=True):
    """How events are made: a JSON value that overrides change, and to whom they go."""

    asked: Event
    document: Any

    def event(self, said: Iterable[Override], values: Values) -> Event:
        """Return an event to send; raises `OverrideError`."""
        text = payload.write(overrides.apply(self.document, said, values))
        return replace(self.asked, raw_payload=text.encode())


class Base(Struct, frozen=True):
    """An event with something to make it from."""

    event: str
    version: str
    handled: bool
    """Whether a running extension takes it."""
    title: str
    """What the sample is about; empty for a capture."""
    sample: Any = None
    """The sample's payload; None for a capture."""
    capture: Exchange | None = None

    @property
    def name(self) -> str:
        """The event and its version."""
        return f"{self.event} {self.version}".rstrip()

    def words(self, now_us: int) -> str:
        """Say what it is made from: `your last one, 3 m ago`, or the sample's title."""
        if self.capture is None:
            return self.title or "a small sample"
        ago = age((now_us - self.capture.started_us) / 1_000_000)
        return f"your last one, {ago} ago"

    def recipe(self, asked: Event, detail: Detail | None) -> Recipe:
        """Return how events are made from it; *detail* is its capture's.

        Raises `ConsoleError` when nothing can be made from that.
        """
        meant = replace(asked, name=self.event, version=self.version)
        if self.capture is None:
            return Recipe(meant, self.sample)
        if detail is None:
            raise ConsoleError(
                f"Exchange {self.capture.id} is not there any more.", exit_code=ExitCode.USAGE
            )
        return Recipe(replace(meant, like=self.capture.id), event_of(detail.request.body))


def bases(
    templates: Iterable[Template], captures: Sequence[Exchange], extension: str = ""
) -> list[Base]:
    """Return what can be triggered: handled events first, of each the newest capture first.

    *captures* are those of all extensions, the newest first; those of *extension* count, if it is
    named.
    """
    newest: dict[tuple[str, str], Exchange] = {}
    for each in captures:
        if not extension or each.worker == extension:
            newest.setdefault((each.name, each.version), each)
    found: list[Base] = []
    for template in templates:
        capture = newest.pop((template.event, template.version), None)
        if capture is not None:
            found.append(Base(capture.name, capture.version, template.handled, "", capture=capture))
        found.append(
            Base(
                template.event,
                template.version,
                template.handled,
                template.title,
                sample=template.payload,
            )
        )
    unknown = [Base(each.name, each.version, False, "", capture=each) for each in newest.values()]
    handled = [each for each in found if each.handled]
    return [*handled, *unknown, *(each for each in found if not each.handled)]


def chosen(found: Sequence[Base], event: str, version: str, *, captured: bool) -> Base:
    """Return the base of an event that is named; *captured*: it must be a capture, else a sample.

    Without a version, the one that is offered first. Raises `ConsoleError` when there is none.
    """
    same = [each for each in found if each.event == event and version in {"", each.version}]
    fitting = [each for each in same if (each.capture is not None) is captured]
    if fitting:
        return fitting[0]
    name = f"{event} {version}".rstrip()
    if captured:
        raise ConsoleError(
            f"No delivery of {name} is recorded yet.",
            hint="Without --from, a sample is sent.",
            exit_code=ExitCode.USAGE,
        )
    near = get_close_matches(event, [each.event for each in found], n=1, cutoff=0.5)
    raise ConsoleError(
        f"There is no sample of {name}.",
        hint=f"Did you mean {near[0]}?" if near else "Give its payload with --data.",
        exit_code=ExitCode.USAGE,
    )


def event_of(body: Body) -> Any:
    """Return the event's own JSON value in a recorded payload, without the platform's envelope.

    Raises `ConsoleError` when the payload is no JSON or was stored in part.
    """
    if body.truncated:
        raise ConsoleError(
            "Only the beginning of this payload was stored, so nothing can be made from it.",
            exit_code=ExitCode.USAGE,
        )
    document = payload.read(body.raw.decode("utf-8", "replace"))
    if not isinstance(document, dict):
        return document
    if "event_version" not in document and not document.keys() >= {"api", "secret_status"}:
        return document  # a person's own, that has these names for something else
    return {key: value for key, value in document.items() if key not in _ENVELOPE}
