"""What one process of a module and we say to each other, from its init line to its end.

    stdin, stdout ◄─► Wires ─► Session: the steps of the handshake ─► Orchestrating: what concerns
    TCP, UDS      ◄─►             │                                   others
                                  └─► Tape: every message, as it went; Desk: its secrets

Modules of the Rust SDK have quirks that decide whether they run at all (pywatt wire specification
§0). A module of ours says `hello` in its first line, and needs none of what is done about them.
"""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections import Counter
from typing import TYPE_CHECKING, Final

from kiket_console.engine.orchestrator.announced import Reach, reach
from kiket_console.engine.orchestrator.http_over_ipc import RESEND_S, HttpOverIpc
from kiket_console.engine.orchestrator.notebook import Heard, Notebook
from kiket_console.engine.orchestrator.ports import Errand
from kiket_console.engine.orchestrator.questions import Questions
from kiket_console.engine.orchestrator.rotation import Rotations
from kiket_console.engine.orchestrator.secrets import Desk
from kiket_console.engine.orchestrator.wires import BODY_BYTES, Wires
from kiket_console.engine.process import StartFailed
from kiket_console.errors import ConsoleError
from kiket_console.ipc import Channel
from kiket_console.model import Problem
from kiket_console.module_facts import ModuleEndpoint, ModuleFacts
from kiket_core.secret import redactor
from pywatt_sdk import _protocol as p

if TYPE_CHECKING:
    from collections.abc import Callable, Coroutine, Sequence
    from typing import Any, BinaryIO

    from kiket_console.engine.orchestrator.ports import Orchestrating, Tape
    from kiket_console.engine.orchestrator.stdio import Repeated
    from kiket_console.engine.ports import Secrets
    from kiket_console.engine.surroundings import Surroundings
    from kiket_console.worker_spec import ModuleSpec
    from pywatt_sdk._channels import Invalid

MOST_ENDPOINTS: Final = 1_000
PATH_LIMIT: Final = 2_000
"""Characters of a route, and of its methods and `auth` together."""
SHOWN_LIMIT: Final = 200
"""Characters of the address that it says it listens on."""
LOOKED_AT_BYTES: Final = 8192
"""Of what is no message, for secrets, before its beginning is shown."""
ROUTED_S: Final = 30.0
"""For how long a message to a module counts as under way."""
MOST_ROUTED: Final = 4_096
_REMARKS: Final = frozenset({1, 10, 100, 1_000, 10_000})
"""Which of many remarks of one kind are made."""


class ModuleSession:
    """One start of a module, as its process and others see it; see `ports.Session`.

    *pid* gives the root of its process tree, *given* what the person set for it, *on_change* is
    called when its facts should be looked at, *note* takes a level and a sentence for its log, and
    *on_given* the name of each secret that it is told.
    """

    def __init__(
        self,
        spec: ModuleSpec,
        label: str,
        init: p.Init,
        given: Surroundings,
        *,
        tape: Tape,
        orchestrating: Orchestrating,
        vault: Secrets,
        on_change: Callable[[], None],
        note: Callable[[str, str], None],
        pid: Callable[[], int | None],
        on_given: Callable[[str], None] = lambda _: None,
        records_heartbeats: bool = False,
        body_bytes: int = BODY_BYTES,
        beat_s: float = 1.0,
    ) -> None:
        self.name = spec.name
        self.label = label
        self.announced: asyncio.Future[p.Announce] = asyncio.get_running_loop().create_future()
        self._spec = spec
        self._init = init
        self._folder = given.run_folder
        self._orchestrating = orchestrating
        self._on_change = on_change
        self._note = note
        self._book = Notebook(tape, spec.name, label, records_heartbeats=records_heartbeats)
        self._wires = Wires(
            init,
            label,
            heard=self._heard,
            misheard=self._misheard,
            beaten=self._book.beaten,
            ended=lambda: self._ended.set(),
            on_change=on_change,
            note=note,
            spawn=self._spawn,
            pid=pid,
            body_bytes=body_bytes,
            beat_s=beat_s,
        )
        self._desk = Desk(spec.declared.secrets, given.answers, vault, note, on_given)
        self._http = HttpOverIpc(
            tape, send=self._pass, repeat=self._repeat_http, is_ours=lambda: self._wires.is_ours
        )
        self._rotations = Rotations(
            tape,
            self._desk,
            send=self._pass,
            again=self._wires.send,
            is_ours=lambda: self._wires.is_ours,
        )
        self._questions = Questions(
            self._desk,
            self._wires,
            self._book,
            empties=spec.empties,
            is_running=self.announced.done,
            fail=self._fail,
            on_change=on_change,
        )
        self._routed: dict[str, float] = {}
        self._remarks: Counter[str] = Counter()
        self._ended = asyncio.Event()
        self._tasks: asyncio.TaskGroup | None = None
        self._work: set[asyncio.Task[None]] = set()
        self._reach = Reach(None, "")
        self._endpoints: tuple[ModuleEndpoint, ...] = ()
        self._sdk = ""
        self._is_ready = self._is_stopping = self._is_over = False

    # What its process does with it

    async def run(self, stdin: BinaryIO, stdout: BinaryIO) -> None:
        """Speak with the module until its output ends; nothing is raised for what it does."""
        try:
            async with asyncio.TaskGroup() as self._tasks:
                try:
                    init = await self._wires.open(self._spec.channels, self._folder)
                    await self._wires.connect(stdin, stdout)
                    with contextlib.suppress(ConnectionError):  # it has ended: its end says more
                        self._book.sent(init, self._wires.say_init(init))
                except (OSError, ConsoleError) as error:
                    self._fail(f"Its channels cannot be opened: {error}")
                    for stream in (stdin, stdout):
                        stream.close()
                    return
                self._spawn(self._questions.run())
                await self._ended.wait()
                for work in self._work:
                    work.cancel()
        finally:
            self._close()

    def became_ready(self) -> None:
        """Take note that its address answers: others may send to it now."""
        if not self._is_over:
            self._is_ready = True
            self._orchestrating.joined(self)
            self._on_change()

    def shut_down(self) -> None:
        """Send `shutdown` on every channel that may carry it now; not before it has announced."""
        self._is_stopping = True
        if self.address_is_known and not self._is_over:
            for sent in self._wires.everywhere(p.Shutdown()):
                self._book.sent(p.Shutdown(), sent)
        self._on_change()

    def close_stdin(self) -> None:
        """Close the module's standard input, once what was sent has gone."""
        self._is_stopping = True
        self._wires.close_stdin()

    @property
    def under_way(self) -> int:
        """How many requests it has not answered yet."""
        now_s = time.monotonic()
        self._routed = {each: due_s for each, due_s in self._routed.items() if due_s > now_s}
        return len(self._http) + len(self._routed)

    # What others do with it

    @property
    def address_is_known(self) -> bool:
        """Whether it has announced."""
        return self.announced.done() and self.announced.exception() is None

    @property
    def address(self) -> tuple[str, int] | None:
        """Host and port where it serves HTTP; None when its requests go over a channel."""
        return self._reach.address

    @property
    def facts(self) -> ModuleFacts:
        """How it is now."""
        said = self.announced.result() if self.address_is_known else None
        return ModuleFacts(
            handshake=self._word,
            sdk=self._sdk,
            listen=said.listen[:SHOWN_LIMIT] if said else self._init.listen,
            channels=self._wires.facts,
            endpoints=self._endpoints,
            services=self._orchestrating.services_of(self.label),
            asked=self._desk.asked,
            heartbeat_us=self._wires.heartbeat_us,
            heartbeats=self._wires.heartbeats,
            heartbeat_took_us=self._wires.heartbeat_took_us,
            frames_in=self._book.frames_in,
            frames_out=self._book.frames_out,
            stray=self._book.stray,
            dropped=self._book.dropped,
        )

    def send(self, message: p.ToModule, errand: Errand | None = None) -> None:
        """Send *message*; raises ConnectionError when the module takes nothing any more."""
        errand = errand or Errand()
        self._pass(message, errand)
        match message:
            case p.HttpRequest():
                self._http.expect(message.request_id, errand.exchange_id)
            case p.Rotated():
                self._rotations.expect(message.rotation_id, errand.exchange_id)
            case p.RoutedModuleMessage() if self._wires.is_ours and message.expects_reply:
                self._routed[message.original_request_id] = time.monotonic() + ROUTED_S
                if len(self._routed) > MOST_ROUTED:
                    del self._routed[next(iter(self._routed))]

    async def http(
        self, request: p.HttpRequest, timeout_s: float, errand: Errand | None = None
    ) -> p.HttpResponse:
        """Return the answer to *request*; raises TimeoutError, ConnectionError."""
        return await self._http.ask(request, timeout_s, errand)

    async def rotate(
        self, keys: Sequence[str], rotation_id: str, timeout_s: float
    ) -> p.RotationAck | None:
        """Tell that *keys* have new values; return what it says, None for silence."""
        return await self._rotations.rotate(keys, rotation_id, timeout_s)

    # Sending

    def _pass(self, message: p.ToModule, errand: Errand) -> None:
        """Send a message and take it down."""
        if self._is_over:
            raise ConnectionError(f"{self.label} has ended.")
        self._book.sent(message, self._wires.send(message, errand.channel), errand)

    def _repeat_http(self, request: p.HttpRequest, limit_s: float) -> Repeated:
        return self._wires.repeat(request, limit_s, every_s=RESEND_S)

    # Hearing

    def _heard(self, raw: bytes, channel: Channel) -> None:
        try:
            message = p.decode_to_orchestrator(raw)
        except p.ProtocolError as error:
            self._not_a_message(raw, channel, error)
            return
        if isinstance(message, p.HeartbeatAck):
            self._wires.acknowledged(channel)
            self._book.beaten(raw, channel, is_ack=True)
            return
        is_first = self._book.frames_out == 0
        if channel is Channel.STDIO:
            self._wires.stdin.heard(
                asks=isinstance(message, p.GetSecret), is_settled=self.address_is_known
            )
        self._take(message, self._book.heard(message, raw, channel), is_first=is_first)

    def _take(self, message: p.ToOrchestrator, told: Heard, *, is_first: bool) -> None:
        """Do what a message asks for; those that concern others are theirs."""
        match message:
            case p.Hello():
                told.lone()
                if is_first and told.channel is Channel.STDIO:
                    self._sdk = f"{message.sdk[:40]} {message.version[:40]}".strip()
                    self._wires.become_ours(base64="body_base64" in message.accepts)
            case p.Announce():
                told.lone()
                self._announce(message)
            case p.GetSecret():
                self._questions.ask(message.name, told.request(), told.channel)
            case p.HttpResponse():
                told.is_wrong(self._http.answer(message, told.frame))
            case p.RotationAck():
                told.is_wrong(self._rotations.acknowledged(message, told.frame))
            case p.Identify():
                told.lone()
            case p.RouteToModule():
                self._routed.pop(message.request_id, None)
                answered = self._orchestrating.answered(self, message)
                exchange_id = told.routed(message, answered)
                self._orchestrating.heard(self, message, exchange_id, told.channel)
            case _:
                if isinstance(message, p.ServiceOperation):
                    self._wires.result_heard(message.connection_id)
                self._orchestrating.heard(self, message, told.request(), told.channel)

    def _announce(self, message: p.Announce) -> None:
        if self.announced.done():
            self._remark("announced", "WARNING", "It announced itself again; the first one counts.")
            return
        self._reach = reach(message.listen)
        if self._reach.remark:
            self._note("WARNING", self._reach.remark)
        fitting = [each for each in message.endpoints if _fits(each)]
        if len(fitting) > MOST_ENDPOINTS:
            self._note("WARNING", f"Of its routes the first {MOST_ENDPOINTS:,} are taken.")
        if len(fitting) < len(message.endpoints):
            said = f"A route of it is longer than {PATH_LIMIT:,} characters, and is not taken."
            self._note("WARNING", said)
        self._endpoints = tuple(
            ModuleEndpoint(each.path, each.methods, each.auth or "")
            for each in fitting[:MOST_ENDPOINTS]
        )
        self.announced.set_result(message)
        self._wires.stdin.open()
        self._on_change()

    def _not_a_message(self, raw: bytes, channel: Channel, error: p.ProtocolError) -> None:
        is_object = raw.lstrip()[:1] == b"{"
        what = "bad message" if is_object or channel is not Channel.STDIO else "stray output"
        if what == "bad message":
            said = f"It sent what is no message of the protocol: {error}"
            why = str(error)
        else:
            why = "What is printed there is no message; print to standard error."
            said = "It printed to its standard output, which is for the protocol alone: print to "
            begin = redactor.redact(raw[:LOOKED_AT_BYTES].decode(errors="replace"))[:60]
            said += f"standard error. It begins {begin!r}."
        self._book.invalid(raw, channel, what, why)
        self._http.unreadable(raw, f"{self.label} gave an answer that cannot be read: {why}")
        self._remark(what, "WARNING", said)

    def _misheard(self, invalid: Invalid, channel: Channel) -> None:
        what = "too long" if channel is Channel.STDIO else "bad frame"
        self._book.invalid(invalid.excerpt, channel, what, invalid.reason)
        self._remark(what, "WARNING", f"Over {channel}: {invalid.reason}")

    # The end, and what is about it

    @property
    def _word(self) -> str:
        if self._is_stopping or self._is_over:
            return "stopping"
        if not self.address_is_known:
            return "asking for secrets" if self._questions.asked else "starting"
        return self._wires.health or ("ready" if self._is_ready else "announced")

    def _remark(self, kind: str, level: str, sentence: str) -> None:
        """Say something the first time, and then ever more seldom."""
        self._remarks[kind] += 1
        if (count := self._remarks[kind]) in _REMARKS:
            self._note(level, sentence if count == 1 else f"{sentence} ({count:,} times by now)")

    def _fail(self, sentence: str) -> None:
        if not self.announced.done():
            self.announced.set_exception(StartFailed(Problem(sentence)))
            self.announced.exception()  # nobody need wait for it
        self._on_change()

    def _spawn(self, work: Coroutine[Any, Any, None]) -> None:
        if self._tasks is None or self._ended.is_set():
            work.close()
            return
        task = self._tasks.create_task(work)
        self._work.add(task)
        task.add_done_callback(self._work.discard)

    def _close(self) -> None:
        self._is_over = True
        why = f"{self.label} ended."
        self._wires.close()
        self._http.fail(why)
        self._rotations.fail(why)
        self._questions.close(why)
        if not self.announced.done():
            self.announced.set_exception(ConnectionError(why))
            self.announced.exception()  # nobody need wait for it
        self._orchestrating.gone(self)
        self._on_change()


def _fits(endpoint: p.Endpoint) -> bool:
    """Tell whether a route is no longer than one may be."""
    said = sum(map(len, endpoint.methods)) + len(endpoint.auth or "")
    return len(endpoint.path) <= PATH_LIMIT and max(said, len(endpoint.methods)) <= PATH_LIMIT
