"""What a manifest says about deliveries: where they go, how long they may take, and of what.

`hooks`, `events`, `activationEvents` and `lifecycleEvents` all name events; what several of them
say about one event is put together (kiket-and-kindo.md §1.10, §4.5).
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from kiket_sdk.utils import resolve_env_reference

TIMEOUT_MS = 10_000
"""How long a delivery may take when nothing says otherwise."""
SHORTEST_TIMEOUT_MS, LONGEST_TIMEOUT_MS = 100, 60_000
EVENT_LISTS = ("events", "activationEvents", "activation_events", "lifecycleEvents", "hooks")


@dataclass(frozen=True, slots=True)
class Callback:
    """Where the platform sends what happens."""

    url: str | None = None
    """After environment references; None where the manifest says none."""
    headers: Mapping[str, str] = field(default_factory=dict, repr=False)
    """What is sent along, after environment references."""
    timeout_ms: int = TIMEOUT_MS
    required: bool = False
    """Whether what waits for an answer is refused when none comes."""


@dataclass(frozen=True, slots=True)
class DeclaredEvent:
    """An event that the manifest asks for."""

    name: str
    version: str = ""
    """Empty where the manifest names none."""
    timeout_ms: int | None = None
    """How long this event's handler may take; None: as long as the callback says."""
    retries: int | None = None
    """How often a failed delivery is tried again; None: as often as the platform likes."""
    required: bool = False
    """Whether a transition is refused when this event's delivery fails."""


def callback_of(parts: Mapping[str, Any]) -> Callback:
    """Return the callback of a manifest's values; what makes no sense there counts as unsaid."""
    delivery = parts.get("delivery")
    described = delivery.get("callback") if isinstance(delivery, Mapping) else parts.get("callback")
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
        timeout_ms=_timeout_ms(described) or TIMEOUT_MS,
        required=described.get("required") is True,
    )


def events_of(parts: Mapping[str, Any]) -> tuple[DeclaredEvent, ...]:
    """Return the events of a manifest's values, each name and version once, in order."""
    found: dict[tuple[str, str], DeclaredEvent] = {}
    for each in _declared(parts):
        before = found.get((each.name, each.version), each)
        found[each.name, each.version] = replace(
            before,
            timeout_ms=before.timeout_ms or each.timeout_ms,
            retries=each.retries if before.retries is None else before.retries,
            required=before.required or each.required,
        )
    versioned = {name for name, version in found if version}
    return tuple(each for each in found.values() if each.version or each.name not in versioned)


def _declared(parts: Mapping[str, Any]) -> Iterator[DeclaredEvent]:
    for key in EVENT_LISTS:
        listed = parts.get(key)
        for item in listed if isinstance(listed, list) else ():
            if isinstance(item, str) and item:
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
                        required=item.get("required") is True,
                    )


def _timeout_ms(described: Mapping[str, Any]) -> int | None:
    value = described.get("timeout")
    fits = type(value) is int and SHORTEST_TIMEOUT_MS <= value <= LONGEST_TIMEOUT_MS
    return value if fits else None
