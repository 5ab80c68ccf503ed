"""What the platform puts around an event, and into its headers, for the SDKs of each time: pure.

One delivery satisfies every release of the Kiket SDK (spec/kiket-and-kindo.md, Appendix B.2): it is
signed as the first releases want it, and carries the runtime token that the newest want. To try
code against one time alone, a delivery can be made as that time's platform made it.
"""

from __future__ import annotations

import json
import re
import secrets as random_secrets
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, Final, Protocol

from msgspec import Struct

from kiket_console.engine.platform.delivery import encoded
from kiket_console.errors import ConsoleError, ExitCode
from kiket_console.wire import ERAS

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

USER_ID: Final = 318
WORKSPACE: Final = "harbour-logistics"
_ENVELOPE: Final = ("authentication", "api", "secrets", "secret_status", "context")
_WRAPPED: Final = ("type", "createdAt")
"""What tells an event that has the envelope of April 2026 already."""
_TOLD: Final = ("event", "event_version", "timestamp", "organization_id", "project_id")
"""What that envelope says in words of its own."""


class Authenticate(Protocol):
    """Make a payload's `authentication`."""

    def __call__(
        self,
        delivery_id: str,
        payload: Mapping[str, Any],
        raw_with: Callable[[Mapping[str, Any]], bytes],
        /,
    ) -> Mapping[str, Any]:
        """Return it for a delivery; its token is blank where there is to be none.

        *raw_with* gives the body with an `authentication` in it.
        """
        ...


class Era(Struct, frozen=True):
    """What one time's platform put around an event."""

    keys: tuple[str, ...] = _ENVELOPE
    is_wrapped: bool = False
    """Whether the event is put into the envelope of April 2026 instead (spec §1.10, era C)."""


_EVERY: Final = Era()
_ERAS: Final = {"v0": Era(("context",)), "april-2026": Era((), is_wrapped=True)}


def era_of(name: str) -> Era:
    """Return the era of a name of `wire.ERAS`; raises `ConsoleError` for any other."""
    if name not in ERAS:
        raise ConsoleError(
            f'There is no era "{name}".', hint=f"Use {', '.join(ERAS)}.", exit_code=ExitCode.USAGE
        )
    return _ERAS.get(name, _EVERY)


@dataclass(frozen=True, slots=True)
class Surroundings:
    """What there is to put around the events for one extension."""

    platform_url: str
    secrets: Mapping[str, str | None] = field(repr=False)
    """Those that it declares; None where one has no value."""
    authenticate: Authenticate | None = field(default=None, repr=False)
    era: Era = _EVERY

    def around(self, payload: Any, delivery_id: str, event: str) -> bytes:
        """Return *payload* as a body, with what the era puts around it; what it has itself stays.

        What is no JSON object is sent as it is, and so is what says that it is wrapped already.
        Raises `ConsoleError` for what JSON cannot say.
        """
        if not isinstance(payload, dict) or all(key in payload for key in _WRAPPED):
            return encoded(payload)
        if self.era.is_wrapped:
            return encoded(_wrapped(payload, event))
        missing = [key for key in self.era.keys if key not in payload]
        found = {**payload, **{key: self._value(key) for key in missing}}
        if "authentication" in missing:
            said = self._authentication(delivery_id, found)
            found = {key: said if key == "authentication" else found[key] for key in found}
            if not said.get("runtime_token"):
                del found["authentication"]
        return encoded(found)

    def _authentication(self, delivery_id: str, payload: dict[str, Any]) -> Mapping[str, Any]:
        if self.authenticate is None:
            return {}
        return self.authenticate(
            delivery_id, payload, lambda blank: encoded({**payload, "authentication": blank})
        )

    def _value(self, key: str) -> Mapping[str, Any] | None:
        match key:
            case "authentication":
                return None  # it depends on all the others
            case "api":
                return {
                    "base_url": self.platform_url,
                    "runtime_header": "X-Kiket-Runtime-Token",
                }
            case "secrets":
                return {name: value for name, value in self.secrets.items() if value}
            case "secret_status":
                return {"missing": [name for name, value in self.secrets.items() if not value]}
            case _:
                return {"user_id": USER_ID, "workspace": WORKSPACE}

    def renewed(self, raw_body: bytes, recorded: bytes, delivery_id: str) -> bytes:
        """Return a recorded body, or an edit of it, with a token that is good now.

        Only the token that was *recorded*, when it ends and where the platform is are changed, in
        their places; every other byte stays, and so does a token that a person has written.
        """
        if self.authenticate is None:
            return raw_body
        payload, before = _object(raw_body), _object(recorded)
        told, old = payload.get("authentication"), before.get("authentication")
        if not isinstance(told, dict) or not isinstance(old, dict):
            return raw_body
        token = told.get("runtime_token")
        if not isinstance(token, str) or not token or token != old.get("runtime_token"):
            return raw_body
        api, expires = payload.get("api"), told.get("expires_at")
        if isinstance(api, dict) and api == before.get("api"):
            raw_body = _with(raw_body, "base_url", api.get("base_url"), self.platform_url)

        def raw_with(said: Mapping[str, Any]) -> bytes:
            raw = _with(raw_body, "runtime_token", token, said["runtime_token"])
            is_kept = expires != old.get("expires_at")
            return raw if is_kept else _with(raw, "expires_at", expires, said["expires_at"])

        return raw_with(self.authenticate(delivery_id, payload, raw_with))


def forged(token: str) -> str:
    """Return *token* with a signature that nobody's key has made."""
    signed, _, _ = token.rpartition(".")
    return f"{signed}.{random_secrets.token_urlsafe(64)}"


def _wrapped(payload: Mapping[str, Any], event: str) -> dict[str, Any]:
    project = payload.get("project")
    now = datetime.now(UTC).isoformat(timespec="seconds").replace("+00:00", "Z")
    return {
        "id": f"evt_{random_secrets.token_hex(12)}",
        "type": event,
        "createdAt": payload.get("timestamp", now),
        "organizationId": payload.get("organization_id"),
        "projectKey": project.get("key") if isinstance(project, dict) else None,
        "data": {key: value for key, value in payload.items() if key not in _TOLD},
    }


def _object(raw: bytes) -> Mapping[str, Any]:
    try:
        said = json.loads(raw)
    except (ValueError, RecursionError):
        return {}
    return said if isinstance(said, dict) else {}


def _with(raw_body: bytes, key: str, old: object, new: str) -> bytes:
    """Return a body with the text of one key exchanged, where it is written as JSON usually is."""
    if not isinstance(old, str):
        return raw_body
    place = re.compile(rb'("%b"\s*:\s*)%b' % (key.encode(), re.escape(json.dumps(old).encode())))
    return place.sub(lambda found: found[1] + json.dumps(new).encode(), raw_body, count=1)
