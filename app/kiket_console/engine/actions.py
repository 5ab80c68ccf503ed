"""What a person can ask of a running engine: the control API's `Controls`."""

from __future__ import annotations

import json
from difflib import get_close_matches
from typing import TYPE_CHECKING, Any

from kiket_console.engine import replay
from kiket_console.engine.platform import delivery as deliveries
from kiket_console.errors import ConsoleError, ExitCode
from kiket_console.wire import Result, SecretName, Template

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from kiket_console.engine.ports import Deliver, Delivery
    from kiket_console.engine.recorder import Recorder
    from kiket_console.engine.supervisor import Supervisor
    from kiket_console.engine.vault import Vault
    from kiket_console.model import EngineStatus, Handler, Headers, Worker
    from kiket_console.store.reader import Reader


class Actions:
    """Carry out what is asked, through the same pipeline that webhooks take."""

    def __init__(
        self,
        *,
        status: Callable[[], EngineStatus],
        stop: Callable[[], None],
        deliver: Deliver,
        workers: Supervisor,
        recorder: Recorder,
        reader: Reader,
        vault: Vault,
        platform_url: str,
    ) -> None:
        self.status = status
        self.stop = stop
        self._deliver = deliver
        self._workers = workers
        self._recorder = recorder
        self._reader = reader
        self._vault = vault
        self._platform_url = platform_url

    def templates(self, extension: str) -> tuple[Template, ...]:
        """Return the events that can be triggered, those that *extension* handles first.

        An empty name means every extension.
        """
        workers = [self._named(extension)] if extension else self._workers.workers()
        handlers = [handler for worker in workers for handler in worker.handlers]
        return tuple(
            Template(each.event, each.version, each.handled, each.title, each.payload)
            for each in deliveries.templates(handlers, self._platform_url)
        )

    async def trigger(
        self,
        event: str,
        *,
        version: str,
        extension: str,
        raw_payload: bytes | None,
        headers: Headers,
        dialect: str,
    ) -> Result:
        """Send a signed event as the platform would; without a payload, a template's.

        Raises `ConsoleError` when there is none for it: no template and no handler knows it.
        """
        worker = await self._addressed(extension)
        if raw_payload is None:
            _refuse_unknown(event, worker.handlers)
        payload = None if raw_payload is None else _parsed(raw_payload)
        dialect, secret = self._signing(worker.name, dialect)
        delivery = replay.compose(
            event,
            version or deliveries.version_for(event, worker.handlers),
            payload,
            dialect=dialect,
            secret=secret,
            platform_url=self._platform_url,
            secrets={name: await self._vault.get(name) for name, _ in worker.secrets},
            extension=worker.name,
            headers=headers,
        )
        return await self._send(delivery)

    async def replay(self, exchange_id: int, way: str) -> Result:
        """Send a recorded delivery again: freshly signed, or byte for byte."""
        detail = self._reader.detail(exchange_id)
        if detail is None:
            raise ConsoleError(
                f"No exchange {exchange_id} is recorded for this project.",
                hint="`kiket-console traffic list` lists those that are.",
                exit_code=ExitCode.USAGE,
            )
        raw_body = await self._recorder.original_body(detail)
        if way == "exact":
            return await self._send(replay.exact(detail, raw_body))
        worker = await self._addressed(detail.exchange.worker)
        dialect, secret = self._signing(worker.name, "")
        return await self._send(replay.resigned(detail, raw_body, dialect, secret))

    async def worker(self, name: str, verb: str) -> Worker:
        """Restart, stop or start a worker; return how it is now."""
        match verb:
            case "restart":
                self._workers.restart(name)
            case "start":
                self._workers.start(name)
            case _:
                self._workers.stop(name)
        return self._named(name)

    async def secrets(self) -> tuple[SecretName, ...]:
        """Return the names of the secrets that are kept or asked for."""
        kept = {known.name for known in await self._vault.names()}
        asked: dict[str, list[str]] = {}
        for worker in self._workers.workers():
            for name, _ in worker.secrets:
                asked.setdefault(name, []).append(worker.name)
        return tuple(
            SecretName(name, name in kept, tuple(asked.get(name, ())))
            for name in sorted(kept | asked.keys())
        )

    async def set_secret(self, name: str, value: str) -> None:
        """Keep a secret, and start the workers anew that ask for it."""
        await self._vault.set(name, value)
        self._workers.secret_changed(name)

    async def delete_secret(self, name: str) -> None:
        """Forget a secret."""
        if not await self._vault.delete(name):
            raise ConsoleError(
                f'There is no secret "{name}".',
                hint="GET /v1/secrets lists them.",
                exit_code=ExitCode.USAGE,
            )
        self._workers.secret_changed(name)

    async def _send(self, delivery: Delivery) -> Result:
        outcome = await self._deliver(delivery)
        if outcome.exchange_id is None:
            raise ConsoleError(outcome.error, exit_code=ExitCode.FAILURE)
        return Result(
            outcome.exchange_id,
            outcome.state,
            outcome.status,
            outcome.duration_us,
            outcome.error,
        )

    async def _addressed(self, extension: str) -> Worker:
        """Return the worker that is meant, once its code has told what it expects, if it will.

        An empty name means the only one.
        """
        workers = self._workers.workers()
        if not extension and len(workers) != 1:
            names = ", ".join(worker.name for worker in workers)
            raise ConsoleError(
                "It is not said to which extension.",
                hint=f"Name one of {names}." if names else "The project has none.",
                exit_code=ExitCode.USAGE,
            )
        name = extension or workers[0].name
        self._named(name)
        await self._workers.wait_serving(name)
        return self._named(name)

    def _named(self, name: str) -> Worker:
        found = next((each for each in self._workers.workers() if each.name == name), None)
        if found is None:
            names = ", ".join(each.name for each in self._workers.workers())
            raise ConsoleError(
                f'There is no worker "{name}".',
                hint=f"There is {names or 'none'}.",
                exit_code=ExitCode.USAGE,
            )
        return found

    def _signing(self, name: str, dialect: str) -> tuple[str, str]:
        """Return the dialect and the secret to sign with for a worker."""
        judging = self._workers.judging(name)
        secret = judging.secrets[0] if judging.secrets else ""
        return dialect or deliveries.dialect_for(judging.accept), secret


def _refuse_unknown(event: str, handlers: Sequence[Handler]) -> None:
    """Raise `ConsoleError` for an event that is probably misspelt.

    Code that tells of no handlers may take anything.
    """
    handled = list(dict.fromkeys(handler.event for handler in handlers))
    known = list(dict.fromkeys([*handled, *(each.event for each in deliveries.samples())]))
    if not handled or event in known:
        return
    near = get_close_matches(event, known, n=3, cutoff=0.5) or handled[:3]
    raise ConsoleError(
        f'No handler and no template knows the event "{event}".',
        hint=f"Known are {', '.join(near)}; to send it all the same, give its payload (--data).",
        exit_code=ExitCode.USAGE,
    )


def _parsed(raw_payload: bytes) -> Any:
    try:
        return json.loads(raw_payload)
    except (ValueError, RecursionError) as error:
        raise ConsoleError(f"The payload is no JSON: {error}.", exit_code=ExitCode.USAGE) from error
