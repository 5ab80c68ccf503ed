"""What a delivery of the platform looks like: sample payloads, headers, signatures.

What the platform puts around a payload is in `envelope`.
"""

from __future__ import annotations

import json
import re
import time
import uuid
from datetime import UTC, date, datetime, timedelta
from functools import cache
from typing import TYPE_CHECKING, Any

from msgspec import Struct

from kiket_console.errors import ConsoleError, ExitCode
from kiket_console.paths import assets_dir
from kiket_sdk import _signing

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from kiket_console.model import Handler, Headers

DELIVERY_ID = "x-kiket-delivery"
"""The header that names a delivery, the same for each attempt at it."""
ORGANIZATION_ID = 4120
PROJECT_ID = 27
_MOMENT = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(Z|[+-]\d\d:\d\d)")
_DAY = re.compile(r"\d{4}-\d\d-\d\d")
_MOMENT_KEYS = ("timestamp", "occurred_at", "createdAt")
_PLATFORM_URL = "{{platform_url}}"


class Template(Struct, frozen=True):
    """An event that can be triggered as it stands, or edited first."""

    event: str
    version: str
    title: str
    payload: Any
    handled: bool = False
    """Whether a handler of the project takes it."""


@cache
def samples() -> tuple[Template, ...]:
    """Return the bundled sample events, as they are stored."""
    stored = json.loads((assets_dir() / "events.json").read_text("utf-8"))
    return tuple(Template(**sample) for sample in stored["samples"])


def templates(
    handlers: Sequence[Handler],
    platform_url: str,
    now: datetime | None = None,
    *,
    declared: Sequence[str] = (),
) -> list[Template]:
    """Return what can be triggered, with times of now.

    What handlers take comes first, then what a manifest has *declared* besides (as `event` or
    `event@version`), then the other samples.
    """
    moment = now or datetime.now(UTC)
    taken = dict.fromkeys((handler.event, handler.version) for handler in handlers)
    handled = [_template(event, version, moment, handled=True) for event, version in taken]
    pairs = [_declared(each, handlers) for each in declared]
    others = dict.fromkeys((*pairs, *((each.event, each.version) for each in samples())))
    rest = [
        _template(event, version, moment, handled=False)
        for event, version in others
        if (event, version) not in taken
    ]
    return [
        Template(
            each.event,
            each.version,
            each.title,
            _mapped(each.payload, lambda text: text.replace(_PLATFORM_URL, platform_url)),
            each.handled,
        )
        for each in [*handled, *rest]
    ]


def _declared(event: str, handlers: Sequence[Handler]) -> tuple[str, str]:
    name, _, version = event.partition("@")
    return name, version or version_for(name, handlers)


def version_for(event: str, handlers: Sequence[Handler]) -> str:
    """Return the version to trigger when none is named: the newest handled, else a sample's."""
    handled = sorted(handler.version for handler in handlers if handler.event == event)
    if handled:
        return handled[-1]
    return next((each.version for each in samples() if each.event == event), "v1")


def sample_payload(event: str, version: str, platform_url: str, now: datetime | None = None) -> Any:
    """Return a payload for an event, its times moved to now; a small one for an unknown event."""
    payload = _template(event, version, now or datetime.now(UTC), handled=False).payload
    return _mapped(payload, lambda text: text.replace(_PLATFORM_URL, platform_url))


def encoded(payload: Any) -> bytes:
    """Return a payload as compact JSON; raises `ConsoleError` for what JSON cannot say."""
    try:
        text = json.dumps(payload, ensure_ascii=False, separators=(",", ":"), allow_nan=False)
        return text.encode()
    except UnicodeEncodeError:  # a lone surrogate, which only an escape can carry
        return json.dumps(payload, separators=(",", ":"), allow_nan=False).encode()
    except (ValueError, TypeError, RecursionError) as error:
        raise ConsoleError(
            f"The payload cannot be written as JSON: {error}.", exit_code=ExitCode.USAGE
        ) from error


def delivery_headers(event: str, version: str, payload: Any, delivery_id: str) -> Headers:
    """Return the platform's headers of a new delivery, without those that sign it."""
    organization_id, project_id = place_of(payload)
    return (
        ("host", "localhost"),
        ("user-agent", "kiket-console"),
        ("content-type", "application/json"),
        ("x-kiket-event", event),
        ("x-kiket-event-version", version),
        ("x-kiket-invocation", f"inv_{uuid.uuid4().hex}"),
        (DELIVERY_ID, delivery_id),
        ("x-kiket-project", str(project_id)),
        ("x-kiket-organization", str(organization_id)),
    )


def new_delivery_id() -> str:
    """Return the id of one delivery, which retries of it would keep."""
    return f"dlv_{uuid.uuid4().hex}"


def dialect_for(accept: Sequence[str]) -> str:
    """Return the dialect to sign with for a target: k0 unless it does not take that."""
    return "k0" if "k0" in accept or not accept else accept[0]


def signatures(
    dialect: str,
    secret: str,
    raw_body: bytes,
    delivery_id: str,
    at_s: float | None = None,
    *,
    alone: bool = False,
) -> Headers:
    """Return the headers that sign a body: *dialect*'s and, unless *alone*, sw1's beside it.

    *at_s* is when it is said to be signed, in Unix seconds: now when None. A blank secret signs
    nothing. Raises `ConsoleError` for an unknown dialect or a secret that *dialect* cannot use.
    """
    if not secret.strip():
        return ()
    now_s = time.time() if at_s is None else at_s
    try:
        signed = _signing.sign(dialect, secret, raw_body, message_id=delivery_id, timestamp=now_s)
    except ValueError as error:
        raise ConsoleError(str(error), exit_code=ExitCode.USAGE) from error
    if dialect != "sw1" and not alone:
        try:
            signed |= _signing.sign(
                "sw1", secret, raw_body, message_id=delivery_id, timestamp=now_s
            )
        except ValueError:  # the secret is none of sw1's; the other dialect does
            return _pairs(signed)
    return _pairs(signed)


def _pairs(signed: Mapping[str, str]) -> Headers:
    return tuple((name.lower(), value) for name, value in signed.items())


def _template(event: str, version: str, now: datetime, *, handled: bool) -> Template:
    same = [each for each in samples() if each.event == event]
    exact = next((each for each in same if each.version == version), None)
    near = exact or next((each for each in same if _is_nested(each.payload)), None)
    if near is None:
        payload: Any = {
            "event": event,
            "event_version": version,
            "timestamp": now.isoformat(timespec="seconds").replace("+00:00", "Z"),
            "organization_id": ORGANIZATION_ID,
            "project_id": PROJECT_ID,
            "context": {"user_id": 318, "workspace": "harbour-logistics"},
        }
        return Template(event, version, "", payload, handled)
    payload = _moved_to(near.payload, now)
    if exact is None:
        payload["event_version"] = version
    return Template(event, version, near.title, payload, handled)


def _is_nested(payload: Any) -> bool:
    return isinstance(payload, dict) and "event_version" in payload


def _moved_to(payload: Any, now: datetime) -> Any:
    """Return a payload whose own moment is *now*, and all its other times moved with it."""
    said = next((payload[key] for key in _MOMENT_KEYS if key in payload), None)
    if said is None:
        return payload
    by = now.replace(microsecond=0) - datetime.fromisoformat(said)
    return _mapped(payload, lambda text: _moved(text, by))


def _moved(text: str, by: timedelta) -> str:
    if _MOMENT.fullmatch(text):
        moved = (datetime.fromisoformat(text) + by).isoformat()
        return moved.replace("+00:00", "Z") if text.endswith("Z") else moved
    if _DAY.fullmatch(text):
        return (date.fromisoformat(text) + by).isoformat()
    return text


def _mapped(value: Any, change: Callable[[str], str]) -> Any:
    """Return a copy of a JSON value with *change* applied to each of its texts."""
    if isinstance(value, str):
        return change(value)
    if isinstance(value, dict):
        return {key: _mapped(each, change) for key, each in value.items()}
    if isinstance(value, list):
        return [_mapped(each, change) for each in value]
    return value


def place_of(payload: Any) -> tuple[int | str, int | str]:
    """Return organisation and project that a payload is about; else those of the samples."""
    return (
        _named(payload, ORGANIZATION_ID, "organization_id", "org_id", nested="organization"),
        _named(payload, PROJECT_ID, "project_id", nested="project"),
    )


def _named(payload: Any, otherwise: int, *keys: str, nested: str) -> int | str:
    known = payload if isinstance(payload, dict) else {}
    inner = known.get(nested)
    said = [known.get(key) for key in keys]
    said += [inner.get("id")] if isinstance(inner, dict) else []
    fits = (each for each in said if isinstance(each, int | str) and not isinstance(each, bool))
    return next((each for each in fits if str(each).isascii() and str(each).isalnum()), otherwise)
