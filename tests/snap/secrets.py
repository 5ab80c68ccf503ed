"""A vault with some secrets, for pictures and tests of the screen: it answers as it was told."""

from __future__ import annotations

import asyncio
from typing import Any

from msgspec.structs import replace

from kiket_console.errors import ConsoleError, ExitCode
from kiket_console.wire import Rotation, RotationAck
from kiket_console.wire_secrets import (
    PREVIOUS_S,
    Generate,
    SecretEntry,
    SecretsState,
    SecretUse,
    VaultFacts,
)

S, M, H, D = 1_000_000, 60_000_000, 3_600_000_000, 86_400_000_000
KEYRING = VaultFacts("Secret Service", "keyring")
LOCKED = VaultFacts(
    "Secret Service", "none", "The keyring is locked, and nobody unlocked it within 3 s.", True
)
ABSENT = VaultFacts("", "none", "There is no keyring here: no D-Bus session bus is running.")
SESSION = VaultFacts("", "session")
LOOKING = VaultFacts("", "looking")
ACKS = (
    RotationAck("billing", "success", "", 2_900),
    RotationAck("search", "no answer", "It said nothing within 5 s."),
)
DAY_US = PREVIOUS_S * S
VALUES = {
    ("WEBHOOK_SECRET", "project"): "whsec_5f0c2b7d9e",
    ("API_KEY", "shared"): "-----BEGIN KEY-----\nMIIEvQIBADANBgkq\n-----END KEY-----\n",
    ("DATABASE_URL", "project"): "postgres://app:Größe9x@127.0.0.1/app",
    ("SEARCH_PIN", "project"): "4711",
}


def entries(now_us: int) -> tuple[SecretEntry, ...]:
    """Return secrets as they are some time into the scene."""
    return (
        SecretEntry(
            "WEBHOOK_SECRET", True, "project", now_us - 3 * D, now_us - 2 * H, 4,
            now_us - 2 * H + DAY_US, ("marketing",),
            (SecretUse("marketing", now_us - 12 * S, "pipe", 4),),
        ),
        SecretEntry("CRM_TOKEN", False, declared_by=("marketing",)),
        SecretEntry(
            "API_KEY", True, "shared", now_us - 41 * D, now_us - 41 * D, 1, 0, ("billing",),
            (
                SecretUse("billing", now_us - 4 * M, "message", 1),
                SecretUse("search", now_us - 17 * M, "environment", 1),
            ),
        ),
        SecretEntry(
            "DATABASE_URL", True, "project", now_us - 9 * D, now_us - 40 * S, 2,
            now_us - 40 * S + DAY_US, ("billing", "reports"),
            (SecretUse("billing", now_us - 4 * M, "message", 1),), env_file=True,
        ),
        SecretEntry(
            "SEARCH_PIN", True, "project", now_us - 5 * M, now_us - 5 * M, 1, short=True,
            hides_shared=True,
        ),
        SecretEntry(
            "OLD_TOKEN", False, "project", now_us - 20 * D, now_us - 3 * H, 3,
            now_us - 3 * H + DAY_US,
        ),
    )  # fmt: skip


class ToldSecrets:
    """Keeps values in memory as an engine does, and notes what was asked."""

    def __init__(self, now_us: int) -> None:
        self.now_us = now_us
        self.facts = KEYRING
        self.can_unlock = False
        self.kept = {(each.name, each.scope): each for each in entries(now_us)}
        self.values = dict(VALUES)
        self.before: dict[tuple[str, str], str] = {("OLD_TOKEN", "project"): "tok_from_before"}
        self.asked: list[tuple[Any, ...]] = []
        self.refusal = ""
        self.acks: tuple[RotationAck, ...] = ()
        self.restarted: tuple[str, ...] = ()
        self.hangs = asyncio.Event()
        self.hangs.set()

    async def state(self) -> SecretsState:
        """Return what is kept and asked for."""
        await self.hangs.wait()
        return SecretsState(self.facts, tuple(self.kept.values()))

    async def set(
        self, name: str, value: str, *, scope: str = "project", version: int | None = None
    ) -> Rotation:
        """Keep a value."""
        self._note("set", name, value, scope, version)
        return self._put(name, scope, value)

    async def rotate(
        self,
        name: str,
        value: str | None = None,
        *,
        generate: Generate | None = None,
        scope: str = "",
    ) -> Rotation:
        """Keep another value, or the one that there is."""
        self._note("rotate", name, value, generate, scope)
        if value is None and generate is None:
            return Rotation(name, "rot-2", self.acks, self.restarted)
        return self._put(name, scope, value or "made-at-random-0123")

    async def delete(self, name: str, *, scope: str = "") -> SecretEntry:
        """Forget a value, and keep it for a day."""
        self._note("delete", name, scope)
        self.before[name, scope] = self.values.pop((name, scope))
        until_us = self.now_us + DAY_US
        gone = replace(self.kept[name, scope], present=False, previous_until_us=until_us)
        self.kept[name, scope] = gone
        return gone

    async def restore(self, name: str, *, scope: str = "") -> Rotation:
        """Bring a value back."""
        self._note("restore", name, scope)
        return self._put(name, scope, self.before.get((name, scope), "the-one-before"))

    async def reveal(self, name: str, *, scope: str = "") -> str:
        """Return a value."""
        self._note("reveal", name, scope)
        return self.values[name, scope]

    async def vault(self, mode: str) -> VaultFacts:
        """Choose where secrets are kept."""
        self._note("vault", mode)
        if mode == "keyring" and not self.can_unlock:
            raise ConsoleError(self.facts.problem, exit_code=ExitCode.AUTH)
        self.facts = KEYRING if mode == "keyring" else SESSION
        return self.facts

    def _put(self, name: str, scope: str, value: str) -> Rotation:
        scope = scope or "project"
        self.kept.pop((name, ""), None)
        old = self.kept.get((name, scope), SecretEntry(name, False, scope, self.now_us))
        if old.present:
            self.before[name, scope] = self.values[name, scope]
        until_us = self.now_us + DAY_US if old.version else 0
        self.values[name, scope] = value
        self.kept[name, scope] = replace(
            old, present=True, updated_us=self.now_us, version=old.version + 1,
            previous_until_us=until_us, short=len(value) < 8,
        )  # fmt: skip
        return Rotation(name, "rot-1", self.acks, self.restarted, old.version + 1)

    def _note(self, *asked: Any) -> None:
        self.asked.append(asked)
        if self.refusal:
            raise ConsoleError(self.refusal, exit_code=ExitCode.VERIFICATION)
