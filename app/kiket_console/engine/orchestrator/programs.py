"""Programs that registered themselves, and how they fare (pywatt wire specification §4). Pure.

A program is known by the token that it was given; whoever does not say anything for five minutes
is forgotten.
"""

from __future__ import annotations

import hmac
import time
import uuid
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final

from kiket_console.module_facts import ModuleEndpoint, RegisteredProgram
from pywatt_sdk._wire_registration import (
    Advertise,
    AdvertiseReply,
    Beat,
    BeatReply,
    HealthStatus,
    Register,
    RegisteredModule,
    RegisterReply,
    Unregister,
    UnregisterReply,
)

if TYPE_CHECKING:
    from collections.abc import Callable

    from pywatt_sdk._wire_registration import (
        ModuleInfo,
        RegistrationReply,
        RegistrationRequest,
    )

PROGRAMS: Final = 200
FORGOTTEN_S: Final = 300.0
TEXT_LIMIT: Final = 2000
"""Characters of a name, version or description."""
MOST_ENDPOINTS: Final = 1000
_UNKNOWN: Final = "No program has this module_id and token: register first."


@dataclass(slots=True)
class _Program:
    info: ModuleInfo
    id: str
    token: str = field(repr=False)
    since_us: int
    heard_us: int
    status: HealthStatus | None = None
    endpoints: tuple[ModuleEndpoint, ...] = ()


class Programs:
    """Answer requests; programs are told that the orchestrator is at *address*.

    *new_token* makes a token for a program, by its name and id, and keeps it out of sight;
    *on_gone* hears that it is worth nothing any more.
    """

    def __init__(
        self,
        address: tuple[str, int],
        new_token: Callable[[str], str],
        on_gone: Callable[[str], None] = lambda _: None,
    ) -> None:
        self._address = address
        self._new_token = new_token
        self._on_gone = on_gone
        self._programs: dict[str, _Program] = {}

    def name_of(self, request: RegistrationRequest) -> str:
        """Return the name of who asks; empty for a stranger."""
        if isinstance(request, Register):
            return request.module_info.name[:200]
        known = self._known(request)
        return known.info.name if known else ""

    def answer(self, request: RegistrationRequest) -> RegistrationReply:
        """Carry a request out, and return what it is answered."""
        self._forget()
        if isinstance(request, Register):
            return self._register(request)
        known = self._known(request)
        if known is not None:
            known.heard_us = _now_us()
        match request:
            case Beat():
                if known is None:
                    return BeatReply(success=False, status=request.status, error=_UNKNOWN)
                known.status = request.status
                return BeatReply(success=True, status=request.status)
            case Advertise():
                if known is None:
                    return AdvertiseReply(success=False, error=_UNKNOWN)
                known.endpoints = tuple(
                    ModuleEndpoint(each.path, each.methods, each.auth or "")
                    for each in request.capabilities.endpoints[:MOST_ENDPOINTS]
                )
                return AdvertiseReply(success=True)
            case Unregister():
                if known is None:
                    return UnregisterReply(success=False, error=_UNKNOWN)
                self._drop(known)
                return UnregisterReply(success=True)

    def programs(self) -> tuple[RegisteredProgram, ...]:
        """Return who is registered, by name."""
        self._forget()
        found = [
            RegisteredProgram(
                each.id,
                each.info.name,
                each.info.version,
                each.info.description,
                each.status.value.lower() if each.status else "",
                each.since_us,
                each.heard_us,
                each.endpoints,
            )
            for each in self._programs.values()
        ]
        return tuple(sorted(found, key=lambda program: (program.name, program.since_us)))

    def _register(self, request: Register) -> RegisterReply:
        info = request.module_info
        if not info.name:
            return RegisterReply(success=False, error="module_info.name is empty.")
        for name, text in (
            ("name", info.name),
            ("version", info.version),
            ("description", info.description),
        ):
            if len(text) > TEXT_LIMIT:
                said = f"module_info.{name} is longer than {TEXT_LIMIT} characters."
                return RegisterReply(success=False, error=said)
        if len(self._programs) >= PROGRAMS:
            return RegisterReply(success=False, error=f"{PROGRAMS} programs are registered.")
        now_us = _now_us()
        wished = info.id or ""
        program_id = wished if _is_uuid(wished) and wished not in self._programs else ""
        program_id = program_id or str(uuid.uuid4())
        token = self._new_token(f"{info.name[:64]} {program_id}")
        known = _Program(info, program_id, token, now_us, now_us)
        self._programs[program_id] = known
        host, port = self._address
        registered = RegisteredModule(info, program_id, known.token, host, port)
        return RegisterReply(success=True, module=registered)

    def _known(self, request: Beat | Advertise | Unregister) -> _Program | None:
        known = self._programs.get(request.module_id)
        if known is None:
            return None
        is_theirs = hmac.compare_digest(
            known.token.encode(), request.token.encode("utf-8", "surrogatepass")
        )
        return known if is_theirs else None

    def _forget(self) -> None:
        oldest_us = _now_us() - int(FORGOTTEN_S * 1_000_000)
        for known in [each for each in self._programs.values() if each.heard_us < oldest_us]:
            self._drop(known)

    def _drop(self, known: _Program) -> None:
        del self._programs[known.id]
        self._on_gone(f"{known.info.name[:64]} {known.id}")


def _is_uuid(text: str) -> bool:
    try:
        return str(uuid.UUID(text)) == text.lower()
    except ValueError:
        return False


def _now_us() -> int:
    return time.time_ns() // 1000
