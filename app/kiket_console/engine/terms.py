"""On which terms the platform delivers to a worker: signed how, around what, within what time.

kiket.toml (dialect, era), the code (secret, dialects), the manifest (time limit, secrets)
    ──► Terms ──► sender, retries
"""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from kiket_console.contract import LIMIT_S
from kiket_console.engine.platform import delivery as deliveries
from kiket_console.engine.platform import envelope
from kiket_console.engine.platform.scopes import of_token
from kiket_console.engine.platform.tokens import LIFETIME_S
from kiket_console.engine.replay import STALE_S, Signing
from kiket_console.wire import ERAS, ES256, WAYS
from kiket_sdk._signing import DIALECTS

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Mapping

    from kiket_console.engine.platform.envelope import Surroundings
    from kiket_console.engine.platform.tokens import RuntimeTokens
    from kiket_console.engine.ports import Secrets, Workers
    from kiket_console.model import Worker
    from kiket_console.wire import PlatformSettings

_WITHOUT_TOKEN = frozenset({"unsigned", *DIALECTS})


@dataclass(frozen=True, slots=True)
class Terms:
    """Say how deliveries to each worker are made."""

    workers: Workers
    secrets: Secrets = field(repr=False)
    tokens: RuntimeTokens = field(repr=False)
    platform_url: str
    settings: Callable[[], Awaitable[PlatformSettings]]
    """What the platform is set to: the scopes that it grants."""
    default_limit_s: float = LIMIT_S
    """How long an answer may take where no manifest says it."""

    def limit_s(self, name: str, event: str) -> float:
        """Return how long worker *name* may take to answer an event."""
        said = self.workers.contract(name).limit_for(event)
        return self.default_limit_s if said is None else said

    def may_retry(self, name: str, event: str) -> bool:
        """Tell whether an event can be tried again: nobody waits for its answer."""
        return not self.workers.contract(name).waits_for(event)

    def signing(
        self, worker: Worker, way: str = WAYS[0], dialect: str = "", era: str = ""
    ) -> Signing:
        """Return how a delivery to a worker is signed; *dialect* and *era* are asked for.

        Code without a webhook secret is signed for by a runtime token alone.
        """
        expected = self.workers.judging(worker.name)
        secret = expected.secrets[0] if expected.secrets else ""
        only = dialect or ERAS.get(era, "")
        its_own = deliveries.dialect_for(expected.accept) if secret.strip() else ES256
        is_alone = bool(only) or bool(ERAS.get(era or worker.era))
        return Signing(only or its_own, secret, way, is_alone)

    def put_in(self, worker: Worker, era: str = "") -> tuple[str, ...]:
        """Return the secrets that an event for a worker brings along, those that have a value."""
        has_secrets = "secrets" in envelope.era_of(self._era(worker, era)).keys
        return tuple(name for name, has in worker.secrets if has and has_secrets)

    async def surroundings(self, worker: Worker, way: str = WAYS[0], era: str = "") -> Surroundings:
        """Return what is put around an event for a worker; the way says how good its token is."""
        await asyncio.to_thread(self.tokens.load)  # a tenth of a second, the first time
        scopes = of_token((await self.settings()).granted_scopes, worker.handlers)

        def authenticate(
            delivery_id: str,
            payload: Mapping[str, Any],
            raw_with: Callable[[Mapping[str, Any]], bytes],
        ) -> Mapping[str, Any]:
            organization_id, project_id = deliveries.place_of(payload)
            said = self.tokens.authentication(
                raw_with,
                worker=worker.name,
                extension_id=worker.extension_id or worker.name,
                scopes=scopes,
                delivery_id=delivery_id,
                organization_id=organization_id,
                project_id=project_id,
                lifetime_s=-STALE_S if way == "stale" else LIFETIME_S,
            )
            if way == "bad-signature":
                said["runtime_token"] = envelope.forged(said["runtime_token"])
            elif way in _WITHOUT_TOKEN:
                said["runtime_token"] = ""
            return said

        return envelope.Surroundings(
            platform_url=self.platform_url,
            secrets={name: await self.secrets.get(name) for name, _ in worker.secrets},
            authenticate=authenticate,
            era=envelope.era_of(self._era(worker, era)),
        )

    def _era(self, worker: Worker, asked: str) -> str:
        return asked or worker.era or next(iter(ERAS))
