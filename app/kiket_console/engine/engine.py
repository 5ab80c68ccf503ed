"""The composition root: takes what an engine needs, runs its parts, gives everything back.

    lock ─► ports ─► vault ─► store ─► parts (see `parts`) ─► ready ─► stop ─► back up the list

Parts know each other only through `ports`; `parts` hands each what it needs.
"""

from __future__ import annotations

import asyncio
import json
import logging
from contextlib import ExitStack
from typing import TYPE_CHECKING

import msgspec

from kiket_console.engine import listeners, pauses
from kiket_console.engine.front import front_config
from kiket_console.engine.lock import engine_lock
from kiket_console.engine.parts import Parts
from kiket_console.engine.private_socket import OwnPeers, bind_private
from kiket_console.engine.secrets.vault import Vault
from kiket_console.env_file import FILE_NAME
from kiket_console.private_file import write_private
from kiket_console.producing.message import MESSAGE_BYTES
from kiket_console.store.reader import Reader
from kiket_console.store.writer import Writer
from kiket_console.text import plural
from kiket_core.guard import LOOPBACK, Limits, Server, server_config

if TYPE_CHECKING:
    import socket
    from collections.abc import Sequence
    from pathlib import Path

    import uvicorn

    from kiket_console.config import Config
    from kiket_console.engine.parts import Events
    from kiket_console.paths import ProjectPaths
    from kiket_console.project import Project

LIMITS = Limits()
"""What one connection to the gateway or the platform may cost."""
CONTROL_GRACE_S = 1
"""How long requests of clients may go on while the engine ends."""
ATTEMPTS_END_S = 2.0
"""How long other attempts at deliveries may still take; past it they are interrupted."""
WORKERS_END_S = 9.0
"""What draining and ending workers takes at most; past it their life-lines are cut."""


class Engine:
    """Do the work for one project. `run` returns when `stop` was called and all is put away."""

    def __init__(
        self,
        paths: ProjectPaths,
        project: Project,
        config: Config,
        events: Events,
        *,
        session_secrets: bool = False,
        env_file: Path | None = None,
        options: Sequence[str] = (),
    ) -> None:
        self._paths = paths
        self._project = project
        self._config = config
        self._events = events
        self._session_secrets = session_secrets
        self._env_file = env_file or paths.folder / FILE_NAME
        self._options = options
        self._stopping = asyncio.Event()
        self._servers: list[Server] = []

    @property
    def is_stopping(self) -> bool:
        """Whether it was asked to stop."""
        return self._stopping.is_set()

    def stop(self) -> None:
        """Begin to stop: finish what is under way, end the workers, close the store."""
        self._stopping.set()

    def hurry(self) -> None:
        """Stop without waiting for requests that are under way."""
        self._stopping.set()
        for server in self._servers:
            server.force_exit = True

    async def run(self) -> None:
        """Serve until `stop`. Raises `ConsoleError` when it cannot start."""
        paths = self._paths
        paths.make()
        with ExitStack() as held:
            held.enter_context(engine_lock(paths.engine_lock, paths.folder))
            held.callback(paths.engine_info.unlink, missing_ok=True)
            gateway_socket, note = listeners.bind_gateway(self._config.port)
            held.callback(gateway_socket.close)
            platform_socket = listeners.bind_platform(gateway_socket)
            held.callback(platform_socket.close)
            control_socket = bind_private(paths.control_socket)
            held.callback(paths.control_socket.unlink, missing_ok=True)
            held.callback(control_socket.close)
            in_memory = self._session_secrets or self._config.session_secrets
            vault = Vault(paths, session=in_memory)
            writer = Writer(paths.store, self._config.durability)
            held.callback(writer.close)
            reader = Reader(paths.store)
            held.callback(reader.close)
            parts = Parts(
                paths,
                self._project,
                self._config,
                self._events,
                vault=vault,
                writer=writer,
                reader=reader,
                gateway_url=listeners.url_of(gateway_socket),
                platform_url=listeners.url_of(platform_socket),
                stop=self.stop,
                env_file=self._env_file,
                options=self._options,
            )
            await parts.recorder.recall(reader)
            if note:
                parts.note(note)
            for sentence in writer.notes:
                parts.note(sentence)
            if writer.interrupted:
                under_way = plural(writer.interrupted, "exchange")
                parts.note(f"An earlier run ended in the middle of {under_way}.")
            logging.getLogger().addHandler(parts.log)
            held.callback(logging.getLogger().removeHandler, parts.log)
            await self._serve(parts, gateway_socket, platform_socket, control_socket, held)

    async def _serve(
        self,
        parts: Parts,
        gateway_socket: socket.socket,
        platform_socket: socket.socket,
        control_socket: socket.socket,
        held: ExitStack,
    ) -> None:
        share = listeners.share(listeners.descriptors())
        gateway = Server(
            front_config(
                parts.gateway,
                LIMITS._replace(
                    connections=share.gateway, body_bytes=self._config.body_mib * 1024**2
                ),
                hosts=(*LOOPBACK, *self._config.allow_hosts),
                inbound=parts.inbound,
                modules=parts.modules.gateway,
                refusals=parts.refusals,
            )
        )
        platform = Server(
            server_config(
                parts.producer.before(
                    parts.measuring.exposition.before(parts.otlp.before(parts.platform.app))
                ),
                limits=LIMITS._replace(connections=share.platform, body_bytes=MESSAGE_BYTES),
                on_refusal=parts.refusals.told_by("platform"),
                lifespan="off",
            )
        )
        control = Server(_control_config(parts))
        self._servers = [gateway, platform, control]
        held.callback(_close_all, self._servers)
        async with asyncio.TaskGroup() as tasks:
            serving = tasks.create_task(gateway.serve([gateway_socket]))
            tasks.create_task(platform.serve([platform_socket]))
            tasks.create_task(control.serve([control_socket]))
            workers = tasks.create_task(parts.workers.run())
            watching = tasks.create_task(parts.watching.run())
            orchestrating = tasks.create_task(parts.wattson.run())
            tending = [
                tasks.create_task(parts.retention.run()),
                tasks.create_task(parts.spans.run()),
                tasks.create_task(parts.meter.run()),
                tasks.create_task(parts.recount.run()),
                tasks.create_task(parts.soundness.run()),
                tasks.create_task(parts.measuring.run()),
                tasks.create_task(parts.warm()),
                tasks.create_task(parts.find_keyring()),
                tasks.create_task(parts.secrets.tend()),
            ]
            retrying = tasks.create_task(parts.retries.run())
            pausing = tasks.create_task(pauses.watch(parts.measuring.sampler.late))
            for server in self._servers:
                await server.wait_started()
            write_private(
                self._paths.engine_info, json.dumps(msgspec.structs.asdict(parts.info)).encode()
            )
            self._events.on_ready(parts.info)
            await self._stopping.wait()
            # From here on nobody finds us, and what is under way ends before what it needs.
            self._paths.engine_info.unlink(missing_ok=True)
            watching.cancel()
            for task in tending:
                task.cancel()
            pausing.cancel()
            gateway.should_exit = True
            parts.retries.close()
            await serving
            if not (await asyncio.wait({retrying}, timeout=ATTEMPTS_END_S))[0]:
                retrying.cancel()
                await asyncio.wait({retrying})
            parts.workers.close()
            if not (await asyncio.wait({workers}, timeout=WORKERS_END_S))[0]:
                workers.cancel()
                await asyncio.wait({workers})
            orchestrating.cancel()
            parts.hub.close()
            parts.producer.desk.end()
            platform.should_exit = control.should_exit = True
        await parts.forwarder.close()
        await parts.producer.desk.close()
        await parts.spans.flush()
        parts.recorder.flush()
        parts.meter.flush(is_last=True)
        parts.state.close()


def _close_all(servers: Sequence[Server]) -> None:
    """Close what a server that was cancelled leaves open; the event loop could not end with it."""
    for server in servers:
        for listener in getattr(server, "servers", ()):  # it has them once it has started
            listener.close()


def _control_config(parts: Parts) -> uvicorn.Config:
    return server_config(
        parts.control,
        http=OwnPeers,  # with limits of its own
        lifespan="off",
        timeout_graceful_shutdown=CONTROL_GRACE_S,
    )
