"""Send what a person asks for: events, and recorded deliveries as they were or edited.

Each goes through the same pipeline as a webhook that comes from outside; a preview stops short
of it and says what would be sent.
"""

from __future__ import annotations

import json
from difflib import get_close_matches
from typing import TYPE_CHECKING, Any

from kiket_console.engine import bodies, judging, replay, routing
from kiket_console.engine.headers import request_head, signed
from kiket_console.engine.platform import delivery as deliveries
from kiket_console.engine.ports import named, told
from kiket_console.errors import ConsoleError, ExitCode
from kiket_console.wire import WAYS, Event, Preview, Result, Template
from kiket_sdk._signing import DIALECTS

if TYPE_CHECKING:
    from collections.abc import Sequence

    from kiket_console.engine.ports import Deliver, Delivery
    from kiket_console.engine.recorder import Recorder
    from kiket_console.engine.retries import Retries
    from kiket_console.engine.secret_uses import SecretUses
    from kiket_console.engine.secrets.vault import Vault
    from kiket_console.engine.supervisor import Supervisor
    from kiket_console.engine.terms import Terms
    from kiket_console.engine.token_judging import TokenJudge
    from kiket_console.model import Detail, Handler, Worker
    from kiket_console.store.reader import Reader
    from kiket_console.wire import Edit, Selection
    from kiket_core.secret import Redactor


class Sender:
    """Make deliveries and hand them to the gateway.

    *retry* is one of `settings.RETRIES`: which deliveries are tried again when they fail.
    """

    def __init__(
        self,
        *,
        deliver: Deliver,
        workers: Supervisor,
        recorder: Recorder,
        reader: Reader,
        vault: Vault,
        redactor: Redactor,
        terms: Terms,
        tokens: TokenJudge,
        retries: Retries,
        uses: SecretUses,
        retry: str = "unattended",
    ) -> None:
        self._terms = terms
        self._tokens = tokens
        self._retries = retries
        self._uses = uses
        self._retry = retry
        self._deliver = deliver
        self._workers = workers
        self._recorder = recorder
        self._reader = reader
        self._vault = vault
        self._redactor = redactor

    def templates(self, extension: str) -> tuple[Template, ...]:
        """Return the events that can be triggered, those that *extension* handles first.

        An empty name means every extension.
        """
        workers = [named(self._workers, extension)] if extension else self._workers.workers()
        handlers = [handler for worker in workers for handler in worker.handlers]
        declared = [event for worker in workers for event in worker.unhandled]
        return tuple(
            Template(each.event, each.version, each.handled, each.title, each.payload)
            for each in deliveries.templates(handlers, self._terms.platform_url, declared=declared)
        )

    async def trigger(self, event: Event) -> Result:
        """Send a signed event as the platform would.

        Raises `ConsoleError` when there is no payload for it: none was given, and no template and
        no handler knows the event.
        """
        return await self._told(event)

    async def deliver_unattended(
        self, extension: str, event: str, payload: dict[str, Any]
    ) -> Result:
        """Send an event that no person asked for, to the newest handler of it."""
        worker = await self._addressed(extension)
        version = deliveries.version_for(event, worker.handlers)
        raw_payload = deliveries.encoded({**payload, "event_version": version})
        retry = self._retry in {"unattended", "always"}
        asked = Event(event, version, extension, raw_payload, retry=retry)
        return await self._told(asked)

    async def preview_trigger(self, event: Event) -> Preview:
        """Return what `trigger` would send."""
        return await self._previewed(await self._composed(event))

    async def send(
        self,
        exchange_id: int,
        edit: Edit,
        way: str,
        *,
        linked: bool = True,
        retry: bool | None = None,
    ) -> Result:
        """Send a recorded delivery again, in one of `wire.WAYS`, with what *edit* changes of it.

        *retry*: whether it is tried again when it fails; None: as the settings say.
        """
        return await self._sent(
            await self._again(exchange_id, edit, way, linked=linked, retry=retry)
        )

    async def retry_now(self, exchange_id: int) -> Result:
        """Make the next attempt at a delivery that failed; see `Retries.now`."""
        return await self._retries.now(exchange_id)

    async def cancel_retries(self, ids: Sequence[int]) -> Selection:
        """Make no more attempts at deliveries that failed; see `Retries.cancel`."""
        return await self._retries.cancel(ids)

    async def preview(
        self, exchange_id: int, edit: Edit, way: str, *, linked: bool = True
    ) -> Preview:
        """Return what `send` would send."""
        return await self._previewed(await self._again(exchange_id, edit, way, linked=linked))

    async def _told(self, event: Event) -> Result:
        """Send an event, and note which secrets its extension is given with it."""
        delivery = await self._composed(event)
        if event.raw_body is None:
            worker = named(self._workers, delivery.extension or "")
            self._uses.note(worker.name, "payload", *self._terms.put_in(worker, event.era))
        return await self._sent(delivery)

    async def _composed(self, event: Event) -> Delivery:
        worker = await self._addressed(event.extension)
        payload: Any = None
        if event.raw_body is not None:
            payload = await self._restored(event.raw_body, event.like, worker.name)
        elif event.raw_payload is not None:
            raw = await self._restored(event.raw_payload, event.like, worker.name)
            payload = _parsed(raw)
        else:
            _refuse_unknown(event.name, worker.handlers)
        way = event.dialect if event.dialect in DIALECTS and not event.era else WAYS[0]
        found = replay.compose(
            event.name,
            event.version or deliveries.version_for(event.name, worker.handlers),
            payload,
            signing=self._terms.signing(worker, way, event.dialect, event.era),
            surroundings=await self._terms.surroundings(worker, way, event.era),
            extension=worker.name,
            headers=event.headers,
        )
        return self._agreed(found, event.retry)

    async def _again(
        self, exchange_id: int, edit: Edit, way: str, *, linked: bool, retry: bool | None = None
    ) -> Delivery:
        detail = self._reader.known(exchange_id)
        raw_body = await self._raw_body(detail, edit, way)
        name = detail.exchange.worker
        if way != "exact":  # what is not signed anew can be sent before the code has told how
            name = (await self._addressed(name)).name
        worker = named(self._workers, name)
        signing = self._terms.signing(worker, way)
        around = await self._terms.surroundings(worker, way)
        found = replay.again(detail, raw_body, signing, edit, surroundings=around, linked=linked)
        return self._agreed(found, retry)

    def _agreed(self, delivery: Delivery, retry: bool | None) -> Delivery:
        """Return a delivery with what is agreed on: the time for its answer, and other attempts."""
        wrong = routing.misnamed(delivery.event, delivery.version)
        if wrong:
            raise ConsoleError(wrong, exit_code=ExitCode.USAGE)
        name = delivery.extension or ""
        wanted = self._retry == "always" if retry is None else retry
        delivery.limit_s = self._terms.limit_s(name, delivery.event)
        delivery.is_retried = wanted and self._terms.may_retry(name, delivery.event)
        return delivery

    async def _restored(self, raw: bytes, like: int, worker: str) -> bytes:
        """Return a payload that was made from a recorded one, with its secrets put back.

        Raises `ConsoleError` when they would reach another worker than the one that had them.
        """
        if not like:
            return raw
        detail = self._reader.known(like)
        stored, had = detail.request.body, detail.exchange.worker
        if stored.references and had != worker:
            raise ConsoleError(
                f"Delivery {like} went to {had} and holds secrets, so nothing is made from it for "
                f"{worker}.",
                hint="Give the payload yourself (--data).",
                exit_code=ExitCode.USAGE,
            )
        return await bodies.edited(stored, raw, self._vault.get)

    async def _raw_body(self, detail: Detail, edit: Edit, way: str) -> bytes:
        stored = detail.request.body
        if edit.raw_payload is None or edit.raw_payload == stored.raw:
            is_exact = way == "exact"  # its signature holds for the very bytes that came
            recorder = self._recorder
            return await (recorder.original_body if is_exact else recorder.present_body)(detail)
        return await bodies.edited(stored, edit.raw_payload, self._vault.get)

    async def _sent(self, delivery: Delivery) -> Result:
        outcome = await self._deliver(delivery)
        if outcome.exchange_id is None:
            raise ConsoleError(outcome.error, exit_code=ExitCode.FAILURE)
        return told(outcome.exchange_id, outcome)

    async def _previewed(self, delivery: Delivery) -> Preview:
        worker = named(self._workers, delivery.extension or "")
        target = self._workers.serving(worker.name)
        found = judging.judge(
            delivery,
            judging.asked_version(delivery),
            self._workers.judging(worker.name),
            worker.handlers,
            self._tokens,
            worker.extension_id,
        )
        kept = await self._recorder.stored(delivery.raw_body)
        raw_head = request_head(
            "POST",
            delivery.path,
            tuple(self._redactor.redact_headers(delivery.headers)),
            host="localhost" if target is None else target.host,
            length=len(delivery.raw_body),
        )
        return Preview(
            extension=worker.name,
            head=raw_head.decode("latin-1").rstrip("\r\n").replace("\r\n", "\n"),
            raw_body=kept.raw,
            size=len(delivery.raw_body),
            signed=signed(delivery.headers),
            ok=found.ok,
            sentence=found.sentence,
            edited=delivery.edited,
            secrets=tuple(dict.fromkeys(each.name for each in kept.references)),
        )

    async def _addressed(self, extension: str) -> Worker:
        """Return the worker that is meant, once its code has told what it expects, if it will.

        An empty name means the only one.
        """
        workers = self._workers.extensions()
        if not extension and len(workers) != 1:
            names = ", ".join(worker.name for worker in workers)
            raise ConsoleError(
                "It is not said to which extension."
                if names
                else "The project has no extension that could take an event.",
                hint=f"Name one of {names}."
                if names
                else "Modules take messages: `kiket-console ipc send`.",
                exit_code=ExitCode.USAGE,
            )
        name = extension or workers[0].name
        if named(self._workers, name).kind != "extension":
            raise ConsoleError(
                f"{name} is a module, and takes no events.",
                hint=f"Send it a message: `kiket-console ipc send {name} OP`.",
                exit_code=ExitCode.USAGE,
            )
        await self._workers.wait_serving(name)
        return named(self._workers, name)


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
