"""The engine's parts, each handed the others it needs.

Recorder ◄── Gateway ──► Supervisor, Forwarder       commits, changes ──► Hub ──► clients
▲                                                outcomes ──► Pulse ──► status
├── Wattson, ModuleDesk ──► modules
└── Platform ──► Vault        Sender ──► Gateway.deliver         Watching ──► Supervisor
"""

from __future__ import annotations

import asyncio
import os
import time
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from msgspec import Struct

from kiket_console import __version__
from kiket_console.contract import LIMIT_S
from kiket_console.engine import soundness
from kiket_console.engine.actions import Actions
from kiket_console.engine.addresses import Addresses
from kiket_console.engine.control import control_app
from kiket_console.engine.control_listing import StoreListing
from kiket_console.engine.curator import Curator
from kiket_console.engine.engine_log import EngineLog
from kiket_console.engine.forward import Forwarder
from kiket_console.engine.gateway import Gateway
from kiket_console.engine.hub import Hub
from kiket_console.engine.inbound import Inbound
from kiket_console.engine.orchestrator.module_desk import ModuleDesk
from kiket_console.engine.orchestrator.wattson import Wattson
from kiket_console.engine.platform.api import Api
from kiket_console.engine.platform.callers import Callers
from kiket_console.engine.platform.custom_data import Modules
from kiket_console.engine.platform.desk import Desk
from kiket_console.engine.platform.settings import Settings
from kiket_console.engine.platform.state import State
from kiket_console.engine.platform.surface import Platform
from kiket_console.engine.platform.tokens import RuntimeTokens
from kiket_console.engine.producer.producer import Producer
from kiket_console.engine.producer.sink import PATH
from kiket_console.engine.pulse import Pulse
from kiket_console.engine.recorder import Recorder
from kiket_console.engine.refusals import Refusals
from kiket_console.engine.retention import Retention
from kiket_console.engine.retries import Retries
from kiket_console.engine.secret_uses import SecretUses
from kiket_console.engine.secrets.desk import SecretDesk
from kiket_console.engine.sender import Sender
from kiket_console.engine.supervisor import Supervisor
from kiket_console.engine.telemetry import otlp_receiver
from kiket_console.engine.telemetry.handlers import Handlers
from kiket_console.engine.telemetry.measuring import Measuring
from kiket_console.engine.telemetry.meter import Meter
from kiket_console.engine.telemetry.recount import Recount
from kiket_console.engine.telemetry.spans import Spans
from kiket_console.engine.terms import Terms
from kiket_console.engine.token_judging import TokenJudge
from kiket_console.engine.watching import Watching
from kiket_console.engine_status import EngineStatus
from kiket_console.errors import ConsoleError
from kiket_console.model import Notice
from kiket_console.wire import EngineInfo
from kiket_core.secret import redactor

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from pathlib import Path

    from kiket_console.config import Config
    from kiket_console.engine.ports import Outcome
    from kiket_console.engine.secrets.vault import Vault
    from kiket_console.model import Worker
    from kiket_console.paths import ProjectPaths
    from kiket_console.project import Project
    from kiket_console.store.reader import Reader
    from kiket_console.store.records import Committed
    from kiket_console.store.writer import Writer


class Events(Struct, frozen=True):
    """Whom the engine tells how it goes; all are called on its loop and must be quick."""

    on_ready: Callable[[EngineInfo], None]
    on_commit: Callable[[], None]
    on_worker: Callable[[Worker], None]
    on_note: Callable[[str], None]


class Parts:
    """Every part of a running engine; to be made on its event loop."""

    def __init__(
        self,
        paths: ProjectPaths,
        project: Project,
        config: Config,
        events: Events,
        *,
        vault: Vault,
        writer: Writer,
        reader: Reader,
        gateway_url: str,
        platform_url: str,
        stop: Callable[[], None],
        env_file: Path,
        options: Sequence[str],
    ) -> None:
        self._paths = paths
        self._project = project
        self._config = config
        self._events = events
        self._vault = vault
        self._writer = writer
        self._env_file = env_file
        self._options = options
        self._notes: list[str] = []
        self._pulse = Pulse()
        newest = writer.newest
        self.info = EngineInfo(
            pid=os.getpid(),
            version=__version__,
            folder=str(paths.folder),
            started_us=time.time_ns() // 1000,
            gateway_url=gateway_url,
            platform_url=platform_url,
        )
        self.hub = Hub(Notice(newest.newest_exchange, newest.newest_change, newest.newest_log, 0))
        self.meter = Meter(writer, counts=config.telemetry)
        self.recount = Recount(reader, writer, counts=config.telemetry)
        self.recorder = Recorder(writer, redactor, self._committed, vault.get, self.meter.count)
        self.refusals = Refusals(self.recorder.log)
        self.log = EngineLog(self.recorder, asyncio.get_running_loop())
        body_bytes = config.body_mib * 1024**2
        own_ports = [urlsplit(url).port or 0 for url in (gateway_url, platform_url)]
        self.uses = SecretUses(vault.version)
        self.forwarder = Forwarder(config.forward_timeout_s, body_bytes, own_ports)
        self.wattson = Wattson(
            self.recorder,
            vault,
            config,
            note=self.note,
            uses=self.uses,
            own_ports=own_ports,
            workers=lambda: self.workers.workers(),
            on_answer=lambda took_us, failed: self._pulse.ended(took_us, failing=failed),
        )
        self.workers = Supervisor(
            project,
            paths,
            vault,
            variables={
                "KIKET_BASE_URL": platform_url,
                "KIKET_SDK_TELEMETRY_URL": f"{platform_url}/api/v1/ext",
                "KIKET_SDK_DEBUG": "1",
            },
            on_change=self._workers_changed,
            on_log=self.recorder.log,
            on_reload=self.meter.reloaded,
            is_busy=self.forwarder.is_busy,
            open_session=self.wattson.open_session,
            free_port=self.wattson.free_port,
            orchestrator_api=gateway_url,
            uses=self.uses,
            env_file=env_file,
            producer_url=platform_url + PATH,
            otlp_url=platform_url + otlp_receiver.PATH if config.telemetry else "",
            shows_locals=config.locals,
            drain_limit_s=config.forward_timeout_s,
        )
        self.measuring = Measuring(
            workers=self.workers,
            forwarder=self.forwarder,
            meter=self.meter,
            config=config,
            submit=writer.submit,
            status=self.status,
            on_change=self._workers_changed,
            on_log=self.recorder.log,
            dropped=lambda: {
                "log lines": self.recorder.dropped_logs,
                "module messages": self.wattson.dropped,
                "spans": self.spans.dropped,
            },
        )
        self.modules = ModuleDesk(self.wattson, self.workers, vault, reader, self.forwarder, config)
        self.watching = Watching(project, self.workers, self.recorder.log, env_file)
        self.tokens = RuntimeTokens(paths.token_key)
        token_judge = TokenJudge(self.tokens.jwks)
        self.gateway = Gateway(
            self.workers,
            self.recorder,
            self.forwarder,
            tokens=token_judge,
            hold_s=config.held_s,
            body_bytes=body_bytes,
            retry_speed=config.retry_speed,
            on_outcome=self._ended,
        )
        self.spans = Spans(self.recorder, writer, reader, redactor, keeps=config.telemetry)
        self.otlp = otlp_receiver.OtlpReceiver(self.workers, self.refusals, self.spans.take)
        self.addresses = Addresses(paths.addresses, gateway_url)
        self.state = State(paths.platform, self.note)
        self.settings = Settings(self.state)
        modules = Modules()
        api = Api(
            state=self.state,
            settings=self.settings,
            secrets=vault,
            workers=self.workers,
            modules=modules,
            tokens=self.tokens,
            address=self.addresses.url,
            base_url=platform_url,
            handlers=Handlers(self.workers, self.spans.take),
        )
        callers = Callers(self.workers.tokens, self.tokens)
        self.platform = Platform(self.recorder, self.workers, self.refusals, callers, api)
        self.producer = Producer(
            recorder=self.recorder,
            reader=reader,
            workers=self.workers,
            refusals=self.refusals,
            config=config,
            key_file=paths.mask_key,
            agreed_file=paths.agreed,
            env_file=env_file,
            platform_url=platform_url,
            value_of=vault.get,
        )
        actions = Actions(
            status=self.status,
            stop=stop,
            workers=self.workers,
        )
        self.secrets = SecretDesk(
            vault,
            self.workers.workers,
            self.modules.hand_out,
            self.workers.restart,
            self.uses.by_name,
            env_file,
        )
        terms = Terms(
            self.workers,
            vault,
            self.tokens,
            platform_url,
            self.settings.now,
            default_limit_s=(
                config.forward_timeout_s if "forward_timeout_s" in config.sources else LIMIT_S
            ),
        )
        self.retries = Retries(
            self.gateway,
            workers=self.workers,
            terms=terms,
            recorder=self.recorder,
            reader=reader,
            writer=writer,
        )
        sender = Sender(
            deliver=api.issues.learning(self.gateway.deliver),
            workers=self.workers,
            recorder=self.recorder,
            reader=reader,
            vault=vault,
            redactor=redactor,
            terms=terms,
            tokens=token_judge,
            retries=self.retries,
            uses=self.uses,
            retry=config.retry,
        )
        self.inbound = Inbound(self.addresses, sender)
        self.retention = Retention(
            writer,
            days=config.retention_days,
            megabytes=config.retention_mb,
            on_log=self.recorder.log,
        )
        self.soundness = soundness.Soundness(
            (
                soundness.recording(writer),
                soundness.outages(writer),
                soundness.keyring(vault),
                soundness.watcher(self.watching),
                soundness.disk(paths.state),
                soundness.drops("logs", "log line", lambda: self.recorder.dropped_logs),
                soundness.drops("messages", "module message", lambda: self.wattson.dropped),
                soundness.drops(
                    "telemetry",
                    "telemetry record",
                    lambda: self.spans.dropped + self.measuring.sampler.dropped,
                ),
            ),
            self._turned,
        )
        self.control = control_app(
            actions,
            sender,
            Curator(writer, reader, redactor.redact, on_restored=self.retries.plan_waiting),
            StoreListing(paths.store, paths.folder),
            self.hub,
            Desk(
                state=self.state,
                settings=self.settings,
                modules=modules,
                workers=self.workers,
                address=self.addresses.url,
                redact=redactor.redact,
                on_change=self.hub.workers_changed,
            ),
            self.modules,
            self.secrets,
            self.producer.desk,
        )

    async def warm(self) -> None:
        """Have ready what the first delivery would else wait for."""
        try:
            await asyncio.to_thread(self.tokens.load)
            await self.settings.now()
        except ConsoleError as error:
            self.note(error.message)

    async def find_keyring(self) -> None:
        """Look for the keyring, which may take seconds."""
        await self._vault.look()
        self.soundness.look()
        self.hub.workers_changed()  # so that clients ask for the status at once

    def note(self, sentence: str) -> None:
        """Tell whoever looks something that they should know."""
        self._notes.append(sentence)
        self._events.on_note(sentence)

    def status(self) -> EngineStatus:
        """Return what runs, how sure we are and since when."""
        p95_us, error_share = self._pulse.quality()
        return EngineStatus(
            version=self.info.version,
            pid=self.info.pid,
            folder=self.info.folder,
            project=self._project.name,
            started_us=self.info.started_us,
            gateway_url=self.info.gateway_url,
            platform_url=self.info.platform_url,
            store=str(self._paths.store),
            recording=self._writer.trouble or "ok",
            recording_since_us=self._writer.trouble_since_us,
            interrupted=self._writer.interrupted,
            durability=self._config.durability,
            vault=self._vault.description,
            exchanges=self._writer.newest.exchanges,
            dropped_logs=self.recorder.dropped_logs,
            dropped_frames=self.wattson.dropped,
            rate_per_s=self._pulse.rate_per_s(),
            p95_us=p95_us,
            error_share=error_share,
            workers=self.workers.workers(),
            notes=tuple(self._notes),
            refused=self.refusals.total,
            env_file=str(self._env_file) if self._env_file.is_file() else "",
            options=tuple(self._options),
            degraded=self.soundness.degraded,
            written_us=self._writer.written_us,
            vault_us=self._vault.answered_us,
            counts=self._config.telemetry,
        )

    def _committed(self, committed: Committed) -> None:
        self.hub.committed(
            exchange=committed.newest_exchange,
            change=committed.newest_change,
            log=committed.newest_log,
            removals=committed.removals,
        )
        self._events.on_commit()

    def _turned(self, sentence: str) -> None:
        self._events.on_note(sentence)
        self.hub.workers_changed()  # so that clients ask for the status at once

    def _workers_changed(self) -> None:
        self.hub.workers_changed()
        for worker in self.workers.workers():
            self._events.on_worker(worker)

    def _ended(self, outcome: Outcome) -> None:
        self._pulse.ended(outcome.duration_us, failing=outcome.status >= 400)
        if outcome.next_try_us and outcome.exchange_id is not None:
            self.retries.plan(outcome.exchange_id, outcome.next_try_us)
