"""What others can ask of modules: requests through the gateway, and what a person wants sent."""

from __future__ import annotations

from typing import TYPE_CHECKING

from kiket_console.engine.orchestrator.by_hand import ByHand
from kiket_console.engine.orchestrator.gateway import ModuleGateway
from kiket_console.engine.orchestrator.handing_over import HandingOver
from kiket_console.wire import Service
from kiket_core.secret import redactor

if TYPE_CHECKING:
    from kiket_console.config import Config
    from kiket_console.engine.forward import Forwarder
    from kiket_console.engine.orchestrator.wattson import Wattson
    from kiket_console.engine.secrets.vault import Vault
    from kiket_console.engine.supervisor import Supervisor
    from kiket_console.module_facts import Registrations
    from kiket_console.store.reader import Reader


class ModuleDesk:
    """Carry out what is asked of the modules that *wattson* speaks with."""

    def __init__(
        self,
        wattson: Wattson,
        workers: Supervisor,
        vault: Vault,
        reader: Reader,
        forwarder: Forwarder,
        config: Config,
    ) -> None:
        orchestrator = wattson.orchestrator
        self._registry = orchestrator.registry
        self._registration = wattson.registration
        self.gateway = ModuleGateway(
            workers,
            orchestrator.peers,
            wattson.tape,
            forwarder,
            hold_s=config.held_s,
            timeout_s=config.forward_timeout_s,
            body_bytes=config.body_mib * 1024**2,
        )
        self._by_hand = ByHand(
            orchestrator.peers.newest,
            orchestrator.router,
            wattson.tape,
            self.gateway,
            recorded=reader.detail,
            value_of=vault.get,
        )
        self._handing_over = HandingOver(
            lambda: tuple(orchestrator.peers), workers.secret_changed, workers.settled
        )
        self.ops = self._by_hand.ops
        self.send = self._by_hand.send
        self.replay = self._by_hand.replay
        self.hand_out = self._handing_over.hand_out

    def registrations(self) -> Registrations:
        """Return the programs that registered themselves."""
        return self._registration.registrations

    def services(self) -> tuple[Service, ...]:
        """Return what modules offer each other."""
        return tuple(
            Service(
                each.provider_id,
                each.module_id,
                str(each.service_type),
                each.name,
                each.version or "",
                redactor.redact(each.address),
                each.is_healthy,
                {name: redactor.redact(value) for name, value in each.metadata.items()},
            )
            for each in self._registry.providers()
        )
