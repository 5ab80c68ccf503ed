"""What strangers may send: texts that would act on a terminal, hide, or be taken for markup.

Run with a folder it is a console that shows them in every place: `python -m … FOLDER`.
"""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING

from msgspec.structs import replace
from tests.snap import producer, scene
from tests.snap.platform import ToldPlatform
from tests.snap.secrets import ToldSecrets

from kiket_console.errors import ConsoleError
from kiket_console.model import Draining, Handler, Judgement, Problem, State, WorkerState
from kiket_console.paths import ProjectPaths
from kiket_console.store.records import NewExchange, SetNote
from kiket_console.ui import program
from kiket_console.ui.app import ConsoleApp
from kiket_console.wire import (
    ForcedFailure,
    PlatformCollection,
    PlatformColumn,
    PlatformSettings,
    PlatformState,
    RotationAck,
)
from kiket_console.wire_producer import (
    Explanation,
    ProducerMessage,
    ProducerPreview,
    ProducerResult,
    Profile,
    SinkFault,
)
from kiket_console.wire_secrets import SecretEntry, SecretUse, VaultFacts

if TYPE_CHECKING:
    from kiket_console.engine_status import EngineStatus
    from kiket_console.model import Worker
    from kiket_console.wire import Result, Selection, Template

HOSTILE = (
    "\x1b]52;c;aGFja2Vk\x07", "\x1b[2J", "\x9b2J", "\x1b]0;owned\x1b\\", "\x1b[6n", "\x1b[c",
    "\x1bP+q544e\x1b\\", "\x1b]8;;http://evil.example\x1b\\click\x1b]8;;\x1b\\", "\x90x\x9c",
    "\x07\x08\x0b\x0c\r", "a\u202eb\u2066c", "\u200b\u200d\ufeff", "\U000e0041",
    "e" + "\u0301" * 50, "\ud800", "\x00\x7f",
    "[@click=app.quit]x[/]", "x[/red]y", '{"a": [true, false]}', "[bold",
    "[link=http://evil.example]x[/link]", "\\[", "$accent", "日本語🎉", "\u2028\u2029",
)  # fmt: skip
MARK = "needle"
LONG = "x" * 1_000_000
"""A line that no terminal is wide enough for."""


def hostile_story() -> scene.Story:
    """Tell of exchanges and log lines that hold all of the corpus, everywhere."""
    story = scene.Story()
    for text in HOSTILE:
        nasty = f"{MARK}{text}"
        judgement = Judgement(False, nasty, nasty, nasty, nearest=nasty)
        raw = f'{{"key {nasty}": "{nasty}"}}'.encode("utf-8", "surrogatepass")
        clean = nasty.encode("utf-8", "replace").decode()
        number = story.webhook(
            clean, clean, raw, 500, 100, word=clean, judgement=safe(judgement), answer=raw
        )
        story.rows[-3] = replace_headers(story.rows[-3], clean)
        story.call(number, f"GET {clean}", 500, 10, after_us=5)
        story.log(clean, "ERROR", of=number)
        story.log(f"Traceback (most recent call last):\n  File {clean}\nError: {clean}", of=number)
        story.log(clean, stream="stderr")
        failed = story.webhook(
            clean, "", raw, None, 1, state=State.FAILED, error=clean, judgement=scene.STALE,
            failed_first=clean,
        )  # fmt: skip
        story.pin(failed)
        story.rows.append(SetNote(failed, clean))
        story.log(clean, of=failed)
        producer.say(story, clean, clean, {clean: clean}, sensitive=True, status=403,
                     judgement=safe(judgement), answer={"message": clean})  # fmt: skip
        producer.say(story, clean, clean, {clean: clean}, status=None, error=clean)
    story.log(LONG)
    story.webhook("long", "", f'{{"{MARK}": "{LONG}"}}'.encode(), 500, 1, answer=LONG.encode())
    return story


def safe(judgement: Judgement) -> Judgement:
    """Return a judgement that can be stored: UTF-8 has no lone surrogates."""
    clean = judgement.sentence.encode("utf-8", "replace").decode()
    return Judgement(False, clean, clean, clean, nearest=clean)


def replace_headers(row: object, text: str) -> NewExchange:
    """Return the new exchange with a hostile header name, value and path."""
    assert isinstance(row, NewExchange)
    request = scene.message(row.request.body.raw, (text, text), ("x-kiket-timestamp", text))
    return replace(row, request=request, path=f"/{text}", method=text)


def hostile_status(recording: str) -> EngineStatus:
    """Return a status whose every text is hostile."""
    workers = [
        scene.worker(
            name=f"{MARK}{text}{number}", kind=text, evidence=text, entry=text, guessed=text,
            extension_id=text, extension_version=text, interpreter=text, last_reload=text,
            handlers=(Handler(text, text, text, 1),), unhandled=(text,), dialects=(text,),
            secrets=((text, True), (text, False)), state=WorkerState.BROKEN,
            problem=Problem(text, text, 3, (f'  File "{text}", line 3', text)), note=text,
            draining=(Draining(text, 7, 1),),
        )
        for number, text in enumerate(HOSTILE)
    ]  # fmt: skip
    everything = "".join(HOSTILE)
    return scene.status(
        *workers, project=everything, notes=HOSTILE, recording=recording, durability=everything
    )


class HostilePlatform(ToldPlatform):
    """A platform whose every collection, row and setting holds what a stranger sent."""

    def __init__(self) -> None:
        super().__init__()
        nasty = [f"{MARK}{text}" for text in HOSTILE]
        self.everything = "".join(nasty)
        columns = tuple(
            PlatformColumn(text, text, choices=(text,), default=text, required=True)
            for text in nasty
        )
        self.collections = tuple(
            PlatformCollection(text, text, text, 3, columns, writable=True) for text in nasty[:4]
        )
        rows = [
            {"id": text, **{each: each for each in nasty}, "nested": {text: [text]}}
            for text in nasty
        ]
        self.kept = {
            each.name: [*rows, {"id": LONG[:9000], LONG[:9000]: LONG[:9000]}]
            for each in self.collections
        }
        self.settings = PlatformSettings(
            5, tuple(nasty), failures=(ForcedFailure(self.everything, 500),)
        )
        self.inbound = dict.fromkeys(nasty, self.everything)
        self.problems = tuple(nasty)
        self.refusal = self.everything

    async def state(self) -> PlatformState:
        """Return them."""
        return PlatformState(self.collections, self.settings, self.inbound, self.problems)


class HostileSecrets(ToldSecrets):
    """A vault whose names, workers and sentences are a stranger's."""

    def __init__(self) -> None:
        super().__init__(scene.NOW_US)
        nasty = [f"{MARK}{text}" for text in HOSTILE]
        self.kept = {
            (text, "project"): SecretEntry(
                text, True, "project", 1, 1, 2, scene.NOW_US + 1, (text, nasty[0]),
                (SecretUse(text, scene.NOW_US, text, 1),), short=True,
            )
            for text in nasty
        }  # fmt: skip
        self.values = {(text, "project"): "\n".join(nasty) for text in nasty}
        self.facts = VaultFacts(nasty[0], "keyring", "".join(nasty), locked=True)
        self.acks = tuple(RotationAck(text, text, text) for text in nasty)


class HostileProducer(producer.ToldProducer):
    """A producer whose profiles, faults, answers and reasons are a stranger's."""

    def __init__(self) -> None:
        super().__init__()
        nasty = [f"{MARK}{text}" for text in HOSTILE]
        everything = "".join(nasty)
        self.told = replace(
            producer.STATE,
            profile=everything,
            region=everything,
            profiles=tuple(Profile(text, text, text, text, 1) for text in nasty),
            regions=tuple(nasty),
            faults=(SinkFault(everything, 3),),
            kept=(1,),
        )
        evidence = tuple((text, text, text) for text in nasty)
        self.answers = [
            ProducerResult(
                0, everything, 403, everything, 5, error=everything, hint=everything,
                explanation=Explanation(everything, everything, everything, evidence),
            )
        ] * 9  # fmt: skip
        self.messages = dict.fromkeys(range(5000), ProducerMessage(everything))
        self.shown = replace(
            producer.PREVIEW, headers=tuple((text, text) for text in nasty), body=everything,
            canonical_request="\n".join(nasty), string_to_sign=everything, warnings=tuple(nasty),
        )  # fmt: skip

    async def preview(self, message: ProducerMessage) -> ProducerPreview:
        """Say it in a stranger's words."""
        del message
        return self.shown


class HostileEngine(scene.ToldEngine):
    """An engine whose every answer holds what a stranger sent."""

    def __init__(self, said: EngineStatus | None = None) -> None:
        super().__init__(said)
        self.platform = HostilePlatform()
        self.secrets = HostileSecrets()
        self.producer = HostileProducer()

    async def templates(self, extension: str = "") -> tuple[Template, ...]:
        """Return samples of hostile events."""
        del extension
        known = (await super().templates())[0]
        return tuple(replace(known, event=f"{MARK}{text}", title=text) for text in HOSTILE)

    async def replay(self, exchange_id: int, way: str = "resigned", version: str = "") -> Result:
        """Refuse with a hostile sentence."""
        raise ConsoleError("".join(HOSTILE), hint=f"{exchange_id}{way}{version}")

    async def worker(self, name: str, verb: str) -> Worker:
        """Refuse with a hostile sentence."""
        raise ConsoleError(f"{name}{verb}".join(HOSTILE))

    async def note(self, ids: object, text: str) -> Selection:
        """Refuse with a hostile sentence."""
        raise ConsoleError(f"{ids}{text}".join(HOSTILE))


def main() -> int:
    """Show the hostile story until the console is left."""
    paths = ProjectPaths(Path(sys.argv[1]))
    paths.make()
    scene.write_store(paths.store, hostile_story())
    engine = HostileEngine(hostile_status("ok"))
    ConsoleApp._client = lambda _: engine  # type: ignore[assignment, method-assign]  # nobody else answers
    return program.run_console(paths)


if __name__ == "__main__":
    sys.exit(main())
