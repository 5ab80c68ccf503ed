"""What a manifest says about deliveries: where they go, how long they may take, and of what.

`hooks`, `events`, `activationEvents` and `lifecycleEvents` all name events, and so do the commands
and actions that an extension contributes and the tests of its setup; what several of them say
about one event is put together (kiket-and-kindo.md §1.10, §4.5, §4.6).
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from kiket_sdk.utils import resolve_env_reference

SHORTEST_TIMEOUT_MS, LONGEST_TIMEOUT_MS = 100, 60_000
"""What the platform takes."""
_MOST_MS = 3_600_000
"""A person who looks at code step by step may say more than the platform takes."""
EVENT_LISTS = ("events", "activationEvents", "activation_events", "lifecycleEvents", "hooks")


@dataclass(frozen=True, slots=True)
class Callback:
    """Where the platform sends what happens."""

    url: str | None = None
    """After environment references; None where the manifest says none."""
    headers: Mapping[str, str] = field(default_factory=dict, repr=False)
    """What is sent along, after environment references."""
    timeout_ms: int | float | None = None
    """How long an answer may take; None where nothing is said, for which the platform has 10 s."""
    required: bool | None = None
    """Whether what waits for an answer is refused when none comes; None where nothing is said."""


@dataclass(frozen=True, slots=True)
class DeclaredEvent:
    """An event that the manifest asks for."""

    name: str
    version: str = ""
    """Empty where the manifest names none."""
    timeout_ms: int | float | None = None
    """How long this event's handler may take; None: as long as the callback says."""
    retries: int | None = None
    """How often a failed delivery is tried again; None: as often as the platform likes."""
    required: bool | None = None
    """Whether a transition is refused when this delivery fails; None: what the callback says."""


def callback_of(parts: Mapping[str, Any]) -> Callback:
    """Return the callback of a manifest's values; what makes no sense there counts as unsaid."""
    delivery = parts.get("delivery")
    inner = delivery.get("callback") if isinstance(delivery, Mapping) else None
    described = inner if isinstance(inner, Mapping) else parts.get("callback")
    if not isinstance(described, Mapping):
        return Callback()
    url = resolve_env_reference(described.get("url"))
    headers = described.get("headers")
    resolved = {
        str(name): resolve_env_reference(value)
        for name, value in (headers.items() if isinstance(headers, Mapping) else ())
    }
    return Callback(
        url=url if isinstance(url, str) and url else None,
        headers={name: str(value) for name, value in resolved.items() if value is not None},
        timeout_ms=_timeout_ms(described),
        required=_flag(described),
    )


def events_of(parts: Mapping[str, Any]) -> tuple[DeclaredEvent, ...]:
    """Return the events of a manifest's values, each name and version once, in order.

    What is said of an event without a version holds for each of its versions.
    """
    found: dict[tuple[str, str], DeclaredEvent] = {}
    for each in _declared(parts):
        key = each.name, each.version
        found[key] = _filled(found[key], each) if key in found else each
    versioned = {name for name, version in found if version}
    return tuple(
        _filled(each, found.get((each.name, ""), each))
        for each in found.values()
        if each.version or each.name not in versioned
    )


def _filled(event: DeclaredEvent, other: DeclaredEvent) -> DeclaredEvent:
    """Return *event* with what *other* says and it does not."""
    return replace(
        event,
        timeout_ms=other.timeout_ms if event.timeout_ms is None else event.timeout_ms,
        retries=other.retries if event.retries is None else event.retries,
        required=other.required if event.required is None else event.required,
    )


def _declared(parts: Mapping[str, Any]) -> Iterator[DeclaredEvent]:
    for key in EVENT_LISTS:
        listed = parts.get(key)
        for item in listed if isinstance(listed, list) else ():
            if isinstance(item, str) and item and key != "hooks":
                yield DeclaredEvent(item)
            elif isinstance(item, Mapping):
                name, version = item.get("name") or item.get("event"), item.get("version")
                retries = item.get("retries")
                if isinstance(name, str) and name:
                    yield DeclaredEvent(
                        name,
                        version=str(version) if isinstance(version, str | int | float) else "",
                        timeout_ms=_timeout_ms(item),
                        retries=retries if type(retries) is int and retries >= 0 else None,
                        required=_flag(item),
                    )
    for name in _sent_by_people(parts):
        if isinstance(name, str) and name:
            yield DeclaredEvent(name)


def custom_data_of(parts: Mapping[str, Any]) -> tuple[tuple[str, tuple[str, ...]], ...] | None:
    """Return the modules of custom data that are asked for, and what is to be done with each.

    None where the manifest says nothing of them.
    """
    said = parts.get("custom_data")
    permissions = said.get("permissions") if isinstance(said, Mapping) else None
    if not isinstance(permissions, list):
        return None
    return tuple(
        (each["module"], tuple(map(str, each["operations"])))
        for each in permissions
        if isinstance(each, Mapping)
        and isinstance(each.get("module"), str)
        and isinstance(each.get("operations"), list)
    )


def _sent_by_people(parts: Mapping[str, Any]) -> Iterator[Any]:
    """Yield the events of commands, workflow actions and tests of the setup."""
    contributes = parts.get("contributes")
    for key in ("commands", "workflow_actions"):
        for item in _mappings(contributes.get(key) if isinstance(contributes, Mapping) else None):
            handler = item.get("handler")
            yield handler.get("event") if isinstance(handler, Mapping) else None
    for step in _mappings(parts.get("setup")):
        test = step.get("test")
        yield test.get("action") if isinstance(test, Mapping) else None


def _mappings(listed: Any) -> list[Mapping[str, Any]]:
    return (
        [each for each in listed if isinstance(each, Mapping)] if isinstance(listed, list) else []
    )


def _timeout_ms(described: Mapping[str, Any]) -> int | float | None:
    value = described.get("timeout")
    if isinstance(value, bool) or not isinstance(value, int | float):
        return None
    return value if 0 < value <= _MOST_MS else None


def _flag(described: Mapping[str, Any]) -> bool | None:
    value = described.get("required")
    return value if isinstance(value, bool) else None
