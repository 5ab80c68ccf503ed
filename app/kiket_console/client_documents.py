"""What the control API's client sends for what a person asks."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from kiket_console.wire import Edit, Event


def asked(event: Event) -> dict[str, Any]:
    """Return the body of a request that triggers an event."""
    import msgspec

    said: dict[str, Any] = {"event": event.name, "version": event.version}
    said |= {"extension": event.extension, "headers": event.headers, "dialect": event.dialect}
    said |= {"like": event.like, "era": event.era, "retry": event.retry}
    if event.raw_payload is not None:
        said["payload"] = msgspec.Raw(event.raw_payload)
    if event.raw_body is not None:
        said["body"] = event.raw_body
    return said


def sent(edit: Edit, way: str, linked: bool) -> dict[str, Any]:
    """Return the body of a request that sends a recorded delivery again."""
    said: dict[str, Any] = {"way": way, "linked": linked}
    said |= {"headers": edit.headers, "event": edit.event, "version": edit.version}
    if edit.raw_payload is not None:
        said["body"] = edit.raw_payload
    return said
