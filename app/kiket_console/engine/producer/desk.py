"""Send messages for a person: the control API's `ProducerControls`.

    message ──read, sign──► book (pending) ──post──► function URL, or our sink ──► book (ended)

What could not be sent is in the store, or, as far as it is sensitive, in memory, and can be sent
again.
"""

from __future__ import annotations

import asyncio
import json
import re
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar
from urllib.parse import urlsplit

from msgspec.structs import replace

from kiket_console.engine import bodies
from kiket_console.engine.producer.book import Entry, ended
from kiket_console.engine.producer.sink import DIALECT, TARGET
from kiket_console.errors import ConsoleError, ExitCode
from kiket_console.model import Judgement, Source
from kiket_console.producing import answers, masking, message, offers, schema, sending, signing
from kiket_console.wire_producer import (
    MASK,
    PRODUCER_WAYS,
    ProducerMessage,
    ProducerResult,
    ProducerState,
)

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Coroutine, Mapping, Sequence

    from kiket_console.engine.producer.book import Book
    from kiket_console.engine.producer.faults import Faults
    from kiket_console.engine.producer.sink import Sink
    from kiket_console.engine.recorder import Recorded, Recorder
    from kiket_console.model import Detail, Exchange, Headers
    from kiket_console.producing.message import Message
    from kiket_console.producing.offers import Offers, Resolved, Settings
    from kiket_console.producing.sending import Answer
    from kiket_console.producing.signing import Request
    from kiket_console.store.reader import Reader
    from kiket_console.wire_producer import ProducerPreview, SinkFault

T = TypeVar("T")
LOOKED_BACK = 500
"""Among how many exchanges those are looked for that can be sent again."""
_LOOKED_INTO = 16 * 1024
"""How many bytes of a message are looked at for a mask; one has them from its first value on."""
_IN_MEMORY = "It is sensitive, so it can be sent again only until the engine ends."
_SIGNED = re.compile(
    r"(?:Signed|Would be signed) for (?P<region>[^/]+)/(?P<service>\S+) by \S+, "
    r"profile (?P<profile>.+?)\.(?: It|$)"
)
REMEMBERED = 1000
"""Of so many messages it is known with which profile they were sent, and whether in clear."""


class ProducerDesk:
    """Preview, send and send again; *environ* returns the variables that count, and may block.

    *own* is where the sink sees the traces of what is being sent; *value_of* gives a secret's
    value.
    """

    def __init__(
        self,
        *,
        recorder: Recorder,
        reader: Reader,
        book: Book,
        sink: Sink,
        faults: Faults,
        own: set[str],
        settings: Settings,
        environ: Callable[[], Mapping[str, str]],
        value_of: Callable[[str], Awaitable[str | None]],
    ) -> None:
        self._recorder = recorder
        self._reader = reader
        self._book = book
        self._sink = sink
        self._faults = faults
        self._own = own
        self._settings = settings
        self._environ = environ
        self._value_of = value_of
        self._connections = sending.Connections()
        self._asked: dict[int, ProducerMessage] = {}
        self._untaken: set[int] = set()
        self._running: set[asyncio.Task[Any]] = set()
        self._is_ending = False
        self._whole: dict[int, bool] = {}

    async def state(self) -> ProducerState:
        """Return what there is to send with; raises `ConsoleError` for files that are wrong."""
        offered = await asyncio.to_thread(self._offered)
        return ProducerState(
            self._settings.sink_url,
            offered.to.url,
            offered.profile,
            offered.to.region,
            offered.to.service,
            offered.profiles,
            offered.regions,
            self._faults.now,
            self._sink.received,
            tuple(each.id for each in self._unsent()),
            schema.built_in(),
            offered.elsewhere,
            offered.stranger,
        )

    async def set_faults(self, faults: Sequence[SinkFault]) -> ProducerState:
        """Tell the sink what to fail with, in place of what it was told before."""
        self._faults.set(faults)
        return await self.state()

    async def preview(self, asked: ProducerMessage) -> ProducerPreview:
        """Return what `send` would send; raises `ConsoleError` when it could not be."""
        return await self._until_end(self._previewed(asked))

    async def _previewed(self, asked: ProducerMessage) -> ProducerPreview:
        checked = await self._read(asked)
        environ = await asyncio.to_thread(self._environ)
        found = await offers.resolved(asked, self._settings, environ)
        if found.problem is not None:
            raise found.problem
        request = await asyncio.to_thread(self._request, checked, found, asked.way)
        return request.preview

    async def send(self, asked: ProducerMessage) -> ProducerResult:
        """Sign, send and record a message.

        Raises `ConsoleError` for a message that does not fit, and for a URL that nothing may be
        sent to; whatever else happens is in the result.
        """
        return await self._until_end(self._sent(asked))

    async def _sent(self, asked: ProducerMessage) -> ProducerResult:
        checked = await self._read(asked)
        environ = await asyncio.to_thread(self._environ)  # once: its file may change at any time
        await asyncio.to_thread(offers.agree, asked, self._settings, environ)
        found = await offers.resolved(asked, self._settings, environ)
        if found.problem is not None:
            return await self._not_signed(asked, checked, found, found.problem)
        request = await asyncio.to_thread(self._request, checked, found, asked.way)
        client = await self._connections.to(request.url)
        recorded = await self._book.open(self._entry(asked, checked, found, request))
        self._remember(recorded.id, asked, found)
        is_sink = self._settings.is_sink(found.to.url)
        trace_id = recorded.trace.trace_id
        more: Headers = ()
        if is_sink:
            more = (("traceparent", recorded.trace.parent(recorded.span_id)),)
            self._own.add(trace_id)
        try:
            answer = await sending.post(client, request, more)
        finally:
            self._own.discard(trace_id)
        result, answer = await asyncio.to_thread(answers.result, request, answer, checked)
        is_kept = bool(result.error) and asked.way == PRODUCER_WAYS[0]
        result = replace(result, exchange_id=recorded.id, kept=is_kept)
        if is_kept and checked.is_sensitive:
            result = replace(result, hint=f"{result.hint} {_IN_MEMORY}".lstrip())
        self._count(asked, result)
        return await self._closed(recorded, answer, result, hides=checked.is_sensitive)

    async def resend(self, exchange_id: int) -> ProducerResult:
        """Send a recorded message again, as it was, to where it went."""
        return await self.send(await self.message(exchange_id))

    async def message(self, exchange_id: int) -> ProducerMessage:
        """Return a recorded message, to edit and send it again; masked where it is sensitive."""
        detail = self._reader.known(exchange_id)
        if detail.exchange.source is not Source.PRODUCER:
            raise ConsoleError(
                f"Exchange {exchange_id} is no message to a producer.",
                hint="`kiket-console traffic list --filter src:producer` lists those that are.",
                exit_code=ExitCode.USAGE,
            )
        body = detail.request.body
        if body.truncated:
            raise ConsoleError(
                f"Of the message of exchange {exchange_id} only a part is stored.",
                hint="Write it anew.",
                exit_code=ExitCode.USAGE,
            )
        before = self._asked.get(exchange_id) or self._as_recorded(detail)
        text = body.raw.decode("utf-8", "replace")
        return replace(before, message=text, way=PRODUCER_WAYS[0], like=exchange_id)

    async def _until_end(self, work: Coroutine[Any, Any, T]) -> T:
        """Return what *work* does, unless the engine ends meanwhile; then raise `ConsoleError`."""
        task = asyncio.current_task()
        assert task is not None  # noqa: S101 - this is a coroutine
        self._running.add(task)
        try:
            return await work
        except asyncio.CancelledError:
            if not self._is_ending:
                raise
            task.uncancel()
            raise ConsoleError(
                "The engine ended before an answer came.",
                hint="A message that it was sending may have been taken nevertheless.",
                exit_code=ExitCode.NETWORK,
            ) from None
        finally:
            self._running.discard(task)

    def end(self) -> None:
        """Give up what is under way: who asked for it is told."""
        self._is_ending = True
        for task in self._running:
            task.cancel()

    async def close(self) -> None:
        """Give the connections back."""
        await self._connections.close()

    async def _read(self, asked: ProducerMessage) -> Message:
        """Return the message that is asked for, with clear values where masked ones are left."""
        text = await self._clear(asked) if asked.like else asked.message
        schema_file = Path(asked.schema_path) if asked.schema_path else None
        checked = await asyncio.to_thread(message.read, text, schema_file)
        left = masking.masks(checked.fields)
        if left:
            what = "value of the message is" if left == 1 else "values of the message are"
            raise ConsoleError(
                f"{left} {what} masked, and what stood there is not known any more.",
                hint="Fill in what says [masked:…], and send it then.",
                exit_code=ExitCode.USAGE,
            )
        return checked

    async def _clear(self, asked: ProducerMessage) -> str:
        """Return the text with what the exchange that it is like had in place of its marks."""
        clear = self._book.clear(asked.like)
        if clear is not None:
            await asyncio.to_thread(message.parsed, asked.message)  # a mistake is told by line
            key = await self._book.mask_key()
            return await asyncio.to_thread(masking.unmasked, asked.message, clear, key)
        detail = self._reader.detail(asked.like)
        if detail is None or not detail.request.body.references:
            return asked.message
        body = detail.request.body
        return (await bodies.edited(body, asked.message.encode(), self._value_of)).decode()

    def _offered(self) -> Offers:
        return offers.offers(self._settings, self._environ())

    def _request(self, checked: Message, found: Resolved, way: str) -> Request:
        assert found.keys is not None  # noqa: S101 - else there is a problem, and it was told
        is_sink = self._settings.is_sink(found.to.url)
        return signing.request(checked, found.to, found.keys, way, is_sink=is_sink)

    def _entry(
        self, asked: ProducerMessage, checked: Message, found: Resolved, request: Request
    ) -> Entry:
        is_signed = asked.way == PRODUCER_WAYS[0]
        assert found.keys is not None  # noqa: S101 - else it is not signed, and not here
        scope = f"for {request.signed.region}/{request.signed.service}"
        by = f"by {found.keys.shown}, profile {found.profile}"
        done = "Would be signed" if asked.way == "unsigned" else "Signed"
        sentence = " ".join((f"{done} {scope} {by}.", *request.warnings))  # `_SIGNED` reads it
        return Entry(
            _path(request.url),
            request.headers,
            request.raw_body,
            checked.fields,
            TARGET if self._settings.is_sink(found.to.url) else found.to.url,
            signature=DIALECT if is_signed else asked.way,
            judgement=Judgement(is_signed, asked.way, DIALECT, sentence),
            replay_of=asked.like or None,
            edited=self._is_edited(asked),
        )

    def _is_edited(self, asked: ProducerMessage) -> bool:
        detail = self._reader.detail(asked.like) if asked.like else None
        if detail is None:
            return False
        try:
            return bool(json.loads(detail.request.body.raw) != json.loads(asked.message))
        except (ValueError, RecursionError):
            return True

    async def _not_signed(
        self, asked: ProducerMessage, checked: Message, found: Resolved, problem: ConsoleError
    ) -> ProducerResult:
        """Record a message that nothing signs, so that it can be sent when something does."""
        entry = Entry(
            _path(found.to.url),
            (("Host", urlsplit(found.to.url).netloc), ("Content-Type", "application/json")),
            checked.raw_body,
            checked.fields,
            found.to.url,
            replay_of=asked.like or None,
            edited=self._is_edited(asked),
        )
        recorded = await self._book.open(entry)
        self._remember(recorded.id, asked, found)
        result = ProducerResult(
            recorded.id,
            found.to.url,
            None,
            error=problem.message,
            hint=f"{problem.hint} {_IN_MEMORY}" if checked.is_sensitive else problem.hint,
            exit_code=int(problem.exit_code),
            attempts=0,
            kept=True,
        )
        return await self._closed(recorded, sending.Answer(0), result, hides=True)

    async def _closed(
        self, recorded: Recorded, answer: Answer, result: ProducerResult, *, hides: bool
    ) -> ProducerResult:
        """Record how it ended; what cannot be recorded was sent nevertheless, and is told."""
        came = answer.headers, answer.raw_body
        try:
            ending = ended(answer.status, answer.took_us, came, result.error, hides=hides)
            await self._book.close(recorded, ending)
        except ConsoleError as error:
            told = f"{result.hint} It was not recorded: {error.message}".strip()
            return replace(result, hint=told, kept=False)
        return result

    def _count(self, asked: ProducerMessage, result: ProducerResult) -> None:
        """Take note of what answered 200 and yet did not take the message: no row says so."""
        if result.kept and result.status == 200:
            self._untaken.add(result.exchange_id)
        self._untaken.discard(asked.like)

    def _remember(self, exchange_id: int, asked: ProducerMessage, found: Resolved) -> None:
        self._asked[exchange_id] = replace(
            asked,
            message="",
            url=found.to.url,
            profile=found.profile,
            region=found.to.region,
            service=found.to.service,
        )
        if len(self._asked) > REMEMBERED:
            del self._asked[next(iter(self._asked))]

    def _as_recorded(self, detail: Detail) -> ProducerMessage:
        """Return where a message went, and who signed it for what, as far as its row says."""
        target = detail.attempts[0].target if detail.attempts else ""
        url = target if target.startswith("http") else self._settings.sink_url
        judgement = detail.judgement
        found = _SIGNED.match(judgement.sentence) if judgement is not None else None
        if judgement is None or found is None:
            return ProducerMessage("", url=url)
        scope = (found["region"], found["service"]) if judgement.ok else ("", "")
        return ProducerMessage("", url, found["profile"], *scope)

    def _unsent(self) -> list[Exchange]:
        """Return the desk's messages that were not taken, the last try of each."""
        found: list[Exchange] = []
        tried_again: set[int] = set()
        for each in self._reader.recent(LOOKED_BACK):  # the newest first
            ours = each.source is Source.PRODUCER and not each.worker
            if not ours or each.signature not in {DIALECT, ""}:
                continue
            is_untaken = each.failing or each.id in self._untaken
            if is_untaken and each.id not in tried_again and self._is_whole(each.id):
                found.append(each)
            tried_again.add(each.replay_of or 0)
        return found

    def _is_whole(self, exchange_id: int) -> bool:
        """Return whether a message can be sent as it was: nobody has to fill in masked values."""
        if self._book.clear(exchange_id) is not None:
            return True
        if exchange_id not in self._whole:  # the screen asks often, and what is stored stays
            detail = self._reader.detail(exchange_id, _LOOKED_INTO)
            if detail is None:
                return False
            text = detail.request.body.raw.decode("utf-8", "replace")
            self._whole[exchange_id] = MASK.search(text) is None
            if len(self._whole) > REMEMBERED:
                del self._whole[next(iter(self._whole))]
        return self._whole[exchange_id]


def _path(url: str) -> str:
    parts = urlsplit(url)
    return f"{parts.path or '/'}?{parts.query}" if parts.query else parts.path or "/"
