"""What is posted to `/m/{module}/…` reaches the module, and its answer comes back.

    front ──► route? ──► its address, by HTTP ──┬──► answer
                  └──► else a channel, by IPC ──┘

Everything is taken down; nobody waits for that.
"""

from __future__ import annotations

import re
import uuid
from typing import TYPE_CHECKING, Final

from msgspec import Struct

from kiket_console.engine import trace
from kiket_console.engine.asgi import BODY_BYTES, JSON_TYPE, error_body
from kiket_console.engine.forward import TIMEOUT_S, NoAnswerError, NotTakenError
from kiket_console.engine.headers import (
    HOP,
    answer_headers,
    answer_length,
    from_own_page,
    value_of,
)
from kiket_console.engine.holding import HOLD_S, Holding
from kiket_console.engine.link import Answer
from kiket_console.engine.orchestrator import routes
from kiket_console.engine.orchestrator.ports import Errand, Frame
from kiket_console.engine.ports import Target
from kiket_console.ipc import Channel, Direction, Kind
from kiket_console.model import State
from kiket_console.sending.head import DROPPED
from pywatt_sdk._protocol import HttpRequest

if TYPE_CHECKING:
    from kiket_console.engine.forward import Forwarder
    from kiket_console.engine.orchestrator.peers import Peers
    from kiket_console.engine.orchestrator.ports import Peer, Tape
    from kiket_console.engine.ports import Workers
    from kiket_console.model import Headers, Worker
    from kiket_console.module_facts import ModuleEndpoint
    from pywatt_sdk._protocol import HttpResponse

REQUEST_ID: Final = "x-request-id"
_SELF: Final = "gateway"
"""The target of a request that no start of a module was asked."""
_TURNS: Final = 3
"""How many starts of a module are tried when each is replaced just then."""
_SAFE: Final = frozenset({"GET", "HEAD"})
_STATUSES: Final = range(200, 600)
_NAME: Final = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]+")
_VALUE: Final = re.compile(r"[\t\x20-\x7e\x80-\xff]*")
_RETRY: Final[Headers] = (*JSON_TYPE, ("retry-after", "1"))


class Visit(Struct):
    """An HTTP request for a module."""

    module: str
    method: str
    path: str
    """Path and query as the module is to see them."""
    headers: Headers
    raw_body: bytes
    sender: str = ""
    """The address that it came from."""
    replay_of: int | None = None
    edited: bool = False
    exchange_id: int | None = None
    """Set by who carries it out: as what it is taken down; None when that was dropped."""
    channel: str = ""
    """Likewise: by what it went."""
    error: str = ""
    """Likewise: why the module did not answer, in a sentence."""


class _Known(Struct):
    """What is known of one start of a module."""

    label: str
    endpoints: tuple[ModuleEndpoint, ...]
    is_ours: bool
    """Whether it is built with our SDK."""
    is_unversioned: bool = False
    """Whether it serves without the version what it announces with it."""


class ModuleGateway:
    """Take requests to modules, over *forwarder* or their channels; bodies have *body_bytes*."""

    def __init__(
        self,
        workers: Workers,
        peers: Peers,
        tape: Tape,
        forwarder: Forwarder,
        *,
        hold_s: float = HOLD_S,
        timeout_s: float = TIMEOUT_S,
        body_bytes: int = BODY_BYTES,
    ) -> None:
        self._workers = workers
        self._peers = peers
        self._tape = tape
        self._forwarder = forwarder
        self._holding = Holding(workers, hold_s)
        self.timeout_s = timeout_s
        self._body_bytes = body_bytes
        self._known: dict[str, _Known] = {}

    async def take(self, visit: Visit) -> Answer:
        """Return the module's answer, or ours when there is none."""
        for _ in range(_TURNS):
            peer = await self.way(visit)
            if isinstance(peer, Answer):
                return peer
            try:
                return _named(await self._answer(peer, visit), visit)
            except NotTakenError as error:
                if self._peers.newest(peer.name) is peer:
                    return _refusal(visit, error.status, error.sentence)
            except NoAnswerError as error:
                return _refusal(visit, error.status, error.sentence)
        said = f"{visit.module} is replaced again and again; send it once more."
        return _refusal(visit, 503, said)

    # What a WebSocket asks (tunnel.Leading)

    async def way(self, visit: Visit) -> Peer | Answer:
        """Return the start that a request is for, or the answer to one that is for none."""
        if value_of(visit.headers, HOP):
            return _refusal(visit, 508, "This gateway has forwarded the request itself before.")
        worker = self._worker(visit.module)
        if isinstance(worker, str):
            return _refusal(visit, 404, worker)
        _identify(visit)
        peer = await self._peer(worker)
        if isinstance(peer, str):
            return self._rejected(visit, 503, peer)
        path = visit.path.partition("?")[0]
        none = routes.find(peer.name, self._of(peer).endpoints, visit.method, path)
        if none is None:
            return peer
        allow = (("allow", none.allow),) if none.allow else ()
        return self._rejected(visit, none.status, none.sentence, allow)

    def took(self, visit: Visit, peer: Peer) -> None:
        """Take down that a request goes to *peer*."""
        self._take_down(visit, peer.name, peer.label)

    def ended(self, visit: Visit, state: State, status: int | None, error: str = "") -> None:
        """Take down what was answered to it."""
        self._tape.reply(visit.exchange_id, None, state=state, status=status, error=error)

    def _rejected(self, visit: Visit, status: int, sentence: str, more: Headers = ()) -> Answer:
        """Take down and return an answer of our own to what no start of a module is asked."""
        self._take_down(visit, visit.module, _SELF)
        self._tape.reply(
            visit.exchange_id, None, state=State.REJECTED, status=status, error=sentence
        )
        return _refusal(visit, status, sentence, more)

    def _take_down(self, visit: Visit, module: str, label: str) -> None:
        frame = Frame(
            module,
            label,
            Channel.HTTP,
            Direction.IN,
            visit.raw_body,
            "http_request",
            Kind.REQUEST,
            visit.method,
            visit.path,
            visit.headers,
        )
        visit.channel = Channel.HTTP
        visit.exchange_id = self._tape.request(
            frame, replay_of=visit.replay_of, edited=visit.edited
        )

    def _of(self, peer: Peer) -> _Known:
        """Return what is known of a start; its routes do not change."""
        known = self._known.get(peer.name)
        if known is None or known.label != peer.label:
            facts = peer.facts
            known = _Known(peer.label, facts.endpoints, is_ours=bool(facts.sdk))
            self._known[peer.name] = known
        return known

    def _worker(self, name: str) -> Worker | str:
        """Return the module of that name, or say why there is none."""
        found = self._workers.worker(name)
        if found is not None and found.kind == "module":
            return found
        modules = [each.name for each in self._workers.workers() if each.kind == "module"]
        return f"No module is called {name!r} here; there is {', '.join(modules) or 'none'}."

    async def _peer(self, worker: Worker) -> Peer | str:
        """Return the start of a module that takes requests, soon; or say why none does."""
        name = worker.name
        if self._holding.target(name) is None:
            refusal = self._holding.refusal(worker)
            if refusal:
                return refusal
            with self._holding.place(name):
                await self._holding.wait(name)
        return self._peers.newest(name) or self._holding.why_not_yet(name)

    async def _answer(self, peer: Peer, visit: Visit) -> Answer:
        if peer.address is None:
            return await self._by_channel(peer, visit)
        known = self._of(peer)
        shorter = "" if known.is_ours else routes.unversioned(visit.path)
        if known.is_unversioned and shorter:
            visit.path = shorter
            return await self._by_http(peer, visit, peer.address)
        answer = await self._by_http(peer, visit, peer.address)
        if answer.status == 404 and shorter and visit.method in _SAFE:
            if answer.room is not None:
                answer.room.give_back()
            visit.path = shorter
            again = await self._by_http(peer, visit, peer.address)
            known.is_unversioned = again.status != 404
            return again
        return answer

    async def _by_http(self, peer: Peer, visit: Visit, address: tuple[str, int]) -> Answer:
        """Return what the module's own server answers; raises `NoAnswerError`."""
        self._take_down(visit, peer.name, peer.label)
        exchange_id = visit.exchange_id
        ip, port = address
        target = Target(peer.name, peer.label, port=port, ip=ip)
        try:
            answer = await self._forwarder.forward(
                target,
                visit.method,
                visit.path,
                from_own_page(visit.headers, target.host),
                visit.raw_body,
                traceparent=value_of(visit.headers, "traceparent"),
                sender=visit.sender,
                timeout_s=self.timeout_s,
            )
        except NoAnswerError as error:
            said = error.sentence
            self._tape.reply(exchange_id, None, state=State.FAILED, status=error.status, error=said)
            raise
        except BaseException:
            said = "The engine was stopped before an answer came."
            self._tape.reply(exchange_id, None, state=State.INTERRUPTED, error=said)
            raise
        reply = Frame(
            peer.name,
            peer.label,
            Channel.HTTP,
            Direction.OUT,
            answer.raw_body,
            "http_response",
            Kind.REQUEST,
            headers=answer.headers,
        )
        self._tape.reply(exchange_id, reply, status=answer.status)
        return answer

    async def _by_channel(self, peer: Peer, visit: Visit) -> Answer:
        """Return what the module answers over a channel; its session takes it down."""
        request = HttpRequest(
            request_id=str(uuid.uuid4()),
            method=visit.method,
            uri=visit.path,
            headers=_joined(visit),
            body=visit.raw_body or None,
        )
        errand = Errand(replay_of=visit.replay_of, edited=visit.edited)
        try:
            response = await peer.http(request, self.timeout_s, errand)
        except TimeoutError as error:
            said = f"{peer.label} did not answer within {self.timeout_s:g} s."
            raise NoAnswerError(said, 504) from error
        except ConnectionError as error:
            raise NoAnswerError(
                str(error) or f"{peer.label} ended before it answered.", 502, is_broken=True
            ) from error
        finally:
            visit.exchange_id, visit.channel = errand.exchange_id, errand.channel
        return self._checked(peer, visit.method, response)

    def _checked(self, peer: Peer, method: str, response: HttpResponse) -> Answer:
        """Return an answer that HTTP can carry; raises `NoAnswerError`."""
        raw_body = response.body or b""
        if response.status_code not in _STATUSES:
            said = f"{peer.label} answered with the status {response.status_code}."
            raise NoAnswerError(said, 502)
        if len(raw_body) > self._body_bytes:
            limit = self._body_bytes // 1024**2
            raise NoAnswerError(f"{peer.label} answered with more than {limit} MiB.", 502)
        headers = tuple(response.headers.items())
        for name, value in headers:
            if not _NAME.fullmatch(name) or not _VALUE.fullmatch(value):
                said = f"{peer.label} answered with a header that HTTP cannot carry: {name!r}."
                raise NoAnswerError(said, 502)
        length = answer_length(method, response.status_code, headers, raw_body)
        return Answer(response.status_code, answer_headers(headers, length), raw_body)


def _identify(visit: Visit) -> None:
    """Let a request name itself and its trace, as far as its sender does not."""
    more: list[tuple[str, str]] = []
    if not value_of(visit.headers, REQUEST_ID):
        more.append((REQUEST_ID, str(uuid.uuid4())))
    headers = visit.headers
    if trace.sent(headers) is None:
        headers = tuple(pair for pair in headers if pair[0].lower() != "traceparent")
        more.append(("traceparent", trace.new_trace().parent(trace.new_span_id())))
    visit.headers = (*headers, *more)


def _named(answer: Answer, asked: Visit) -> Answer:
    """Return an answer that names its request, as far as the module did not."""
    if not value_of(answer.headers, REQUEST_ID):
        answer.headers = (*answer.headers, (REQUEST_ID, value_of(asked.headers, REQUEST_ID)))
    return answer


def _joined(visit: Visit) -> dict[str, str]:
    """Return headers by name in lower case, as IPC has them; those of the connection stay here."""
    found: dict[str, str] = {}
    for name, value in visit.headers:
        folded = name.lower()
        if folded in DROPPED or folded in {"connection", "content-length"}:
            continue
        between = "; " if folded == "cookie" else ", "
        found[folded] = f"{found[folded]}{between}{value}" if folded in found else value
    if visit.raw_body:
        found["content-length"] = str(len(visit.raw_body))
    return found


def _refusal(visit: Visit, status: int, sentence: str, more: Headers = ()) -> Answer:
    visit.error = sentence
    headers = _RETRY if status == 503 else JSON_TYPE
    return Answer(status, (*headers, *more), error_body(sentence))
