"""What a person sends to the producer from the screen, and what is said of how it ended."""

from __future__ import annotations

import asyncio
import json
from enum import StrEnum
from typing import TYPE_CHECKING, Any, Final

from msgspec import Struct
from msgspec.structs import replace

from kiket_console.errors import ConsoleError
from kiket_console.producing.masking import masks
from kiket_console.text import duration, visible
from kiket_console.ui.closing import is_open
from kiket_console.ui.paint import composing
from kiket_console.ui.paint import producer as paint
from kiket_console.ui.producer_choices import ProducerChoices
from kiket_console.ui.requests import Step
from kiket_console.wire import Result
from kiket_console.wire_producer import LOCAL, PRODUCER_WAYS, ProducerMessage

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from kiket_console.sending.repeating import Plan, Tally
    from kiket_console.ui.link import Engine
    from kiket_console.ui.screens.producer import ProducerScreen
    from kiket_console.ui.sent_message import Sent
    from kiket_console.wire_producer import ProducerResult, ProducerState

MOST_RESULTS: Final = 200
"""Of so many messages it is kept what sending them said."""
SIGNED: Final = PRODUCER_WAYS[0]


class Goes(StrEnum):
    """Whether messages go to where a project's file says."""

    CANCEL = "cancel"
    THERE = "send there"


class Target(Struct, frozen=True):
    """Where messages go, and whose credentials sign them; what is empty is left to the engine."""

    url: str = ""
    profile: str = ""
    region: str = ""
    access_key: str = ""
    """As it is shown."""


def _elsewhere(state: ProducerState) -> str:
    """Return whose credentials sign for another producer: as it is set, else the first ones."""
    names = [each.name for each in state.profiles if each.name != LOCAL]
    return state.elsewhere if state.elsewhere in names or not names else names[0]


class ProducerSending:
    """Carry out what is to be sent."""

    def __init__(self, screen: ProducerScreen) -> None:
        self.screen = screen
        self.console = screen.console
        self.choices = ProducerChoices(self)
        self.chosen = Target()
        """What a person chose in this session."""
        self.results: dict[int, ProducerResult] = {}
        """What sending said, by the exchange."""
        self._like = 0
        self._is_sending = False

    @property
    def target(self) -> Target:
        """Where messages go as things stand."""
        from kiket_console.producing.offers import Settings
        from kindo_message_client._url import region_of

        state, chosen = self.screen.state, self.chosen
        if state is None:
            return chosen
        url = chosen.url or state.url
        is_sink = Settings(sink_url=state.sink_url).is_sink(url)
        name = chosen.profile or (LOCAL if is_sink else _elsewhere(state))
        profile = next((each for each in state.profiles if each.name == name), None)
        region = chosen.region
        if chosen.url or chosen.profile:  # else the engine has said it
            region = region or region_of(url) or (profile.region if profile else "")
        key = profile.access_key if profile is not None else ""
        return Target(url, name, region or state.region, key)

    def message(self, text: str, way: str = SIGNED) -> ProducerMessage:
        """Return a text as a message to send."""
        chosen, target = self.chosen, self.target
        profile = chosen.profile or (target.profile if chosen.url else "")
        return ProducerMessage(text, chosen.url, profile, chosen.region, way=way, like=self._like)

    @staticmethod
    def fields_of(text: str) -> dict[str, Any]:
        """Return the members of a message; none when its text is none."""
        try:
            found = json.loads(text)
        except (ValueError, RecursionError):
            return {}
        return found if isinstance(found, dict) else {}

    # The message that is written

    def send(self, way: str = SIGNED) -> None:
        """Send the message, if nothing is wrong with it."""

        async def send(engine: Engine) -> None:
            if (text := await self._looked_at()) is None or not await self._is_agreed():
                return
            self.screen.composer.say("Sending, and waiting for the answer …", "muted")
            self.tell(await engine.producer.send(self.message(text, way)))

        self._ask(send)

    def dry_run(self) -> None:
        """Show what would be sent."""

        async def preview(engine: Engine) -> None:
            from kiket_console.ui.screens.preview import PreviewScreen

            if (text := await self._looked_at()) is None:
                return
            found = await engine.producer.preview(self.message(text))
            self.screen.composer.say("", "")
            remark = (
                f"to {visible(composing.host(found.url))} · signs as {visible(found.access_key)}"
            )
            lines = lambda width: paint.preview_lines(found, width)  # noqa: E731 - it is handed on
            self.console.push_screen(
                PreviewScreen(self.console, remark, lines, paint.preview_text(found))
            )

        self._ask(preview)

    def ways(self) -> None:
        """Send it several times, or with a signature that is broken on purpose."""
        from kiket_console.ui.screens.ways import MESSAGE_WAYS, Asked, WaysScreen

        def chosen(asked: Asked | None) -> None:
            if asked is None:
                return
            if asked.plan.count == 1:
                self.send(asked.way)
            else:
                self._several(asked.plan, asked.way)

        note = "Every way but the first is to be refused: read why."
        self.console.push_screen(
            WaysScreen(self.console, "Send it", MESSAGE_WAYS, note=note), chosen
        )

    def _several(self, plan: Plan, way: str) -> None:
        async def begin(_: Engine) -> None:
            from kiket_console.sending.repeating import carry_out
            from kiket_console.ui.screens.progress import ProgressScreen

            if (text := await self._looked_at()) is None or not await self._is_agreed():
                return
            message = self.message(text, way)

            async def send(_: int) -> Result:
                result = await self.console.connected().producer.send(message)
                self._keep(result)
                status = None if result.error else result.status
                return Result(result.exchange_id, "forwarded", status, result.took_us, result.error)

            async def repeat(step: Callable[[str], None]) -> Tally:
                return await carry_out(plan, send, lambda tally: step(tally.so_far))

            title = f"Sending {plan.count:,} messages"
            self.console.push_screen(ProgressScreen(self.console, title, repeat, self._told))

        self._ask(begin)

    def _told(self, tally: Tally) -> None:
        newest = tally.newest
        trouble = tally.trouble or next(
            (each.error if isinstance(each, Result) else str(each)
             for _, each in tally.results if not isinstance(each, Result) or each.error), ""
        )  # fmt: skip
        said = ". ".join(filter(None, (str(tally), trouble)))
        self.screen.composer.say(said, "error" if tally.failed or tally.trouble else "ok")
        self.screen.sent(newest.exchange_id if newest is not None else 0)

    async def _looked_at(self) -> str | None:
        """Return the message; None after saying what is wrong with it."""
        composer = self.screen.composer
        text = composer.text
        wrong = await asyncio.to_thread(composer.look)
        if not wrong:
            return text
        composer.check()
        composer.go_to(wrong[0])
        composer.say(f"Nothing was sent. {composer.sentence(wrong[0])}", "error")
        return None

    async def _is_agreed(self) -> bool:
        """Return whether messages may go where they would; ask once when only a file says it."""
        from kiket_console.ui.screens.question import QuestionScreen

        state, target = self.screen.state, self.target
        if state is None or self.chosen.url or not state.stranger:
            return True
        key = f" ({visible(target.access_key)})" if target.access_key else ""
        file, url = visible(state.stranger), visible(state.url)
        scope = f"{visible(target.region)}/{visible(state.service)}"
        profile = f"profile {visible(target.profile)}{key}"
        question = QuestionScreen[Goes](
            f"Send messages to {visible(composing.host(state.url))}?",
            [
                f"{file} of this project says that they go to {url}.",
                f"They would be signed for {scope} with your credentials: {profile}.",
                "You are asked once for each address.",
            ],
            (Goes.CANCEL, Goes.THERE),
            Goes.CANCEL,
        )
        if await self.console.push_screen_wait(question) is not Goes.THERE:
            self.screen.composer.say("Nothing was sent.", "muted")
            return False
        self.choose(url=state.url)
        return True

    # One that was sent

    def edit(self, exchange_id: int) -> None:
        """Write a message that begins as another one."""

        async def edit(engine: Engine) -> None:
            found = await engine.producer.message(exchange_id)
            self.begin(found.message, like=exchange_id)
            self.screen.action_write()
            if masks(self.fields_of(found.message)):
                said = "Masked values are sent as they were; type over what is to be another."
                self.screen.composer.say(said, "accent")

        self._ask(edit)

    def resend(self, each: Sent) -> None:
        """Send a recorded message again."""

        async def resend(engine: Engine) -> None:
            self.screen.composer.say(f"Sending {each.id} again …", "muted")
            self.tell(await engine.producer.resend(each.id))

        self._ask(resend)

    def tell(self, result: ProducerResult) -> None:
        """Say how a message ended, and go to it."""
        self._keep(result)
        took = f" in {duration(result.took_us)}" if result.took_us else ""
        tries = f", at attempt {result.attempts}" if result.attempts > 1 else ""
        if not result.error:
            self._say(f"Taken{took}{tries}. Tracking id {result.tracking_id}", "ok")
        else:
            why = result.explanation
            said = why.sentence if why is not None else result.error
            number = str(result.status or "")
            status = f"{number}: " if number not in said else ""
            kept = " It is kept." if result.kept and why is None else ""
            self._say(f"{status}{said}{kept}", "error")
        self.screen.sent(result.exchange_id)

    def _keep(self, result: ProducerResult) -> None:
        if result.exchange_id:
            self.results[result.exchange_id] = result
            while len(self.results) > MOST_RESULTS:
                del self.results[next(iter(self.results))]

    # What is written

    def begin(self, text: str, *, like: int = 0) -> None:
        """Write another message; the one before can be brought back."""
        before, like_before = self.screen.composer.text, self._like

        async def take_back(_: Engine) -> str:
            self._like = like_before
            self.screen.composer.load(before)
            return "The message is as it was before."

        self.console.requests.remember(Step(take_back))
        self._like = like
        self.screen.composer.load(text)

    def undo(self) -> None:
        """Bring back the message that was written before."""
        self.console.requests.undo()

    def choose(self, **changes: str) -> None:
        """Take in what a person chose."""
        self.chosen = replace(self.chosen, **changes)
        self.screen.show_summary()

    def _say(self, text: str, role: str) -> None:
        if is_open(self.screen) and self.screen.is_current:
            self.screen.composer.say(text, role)
        else:
            self.console.say(text, error=role == "error")

    def _ask(self, request: Callable[[Engine], Awaitable[None]]) -> None:
        """Carry out a request, one at a time; say what went wrong with it."""
        if self._is_sending:
            return
        self._is_sending = True

        async def ask() -> None:
            try:
                await request(self.console.connected())
            except ConsoleError as error:
                self._say(str(error), "error")
            finally:
                self._is_sending = False

        self.console.run_worker(ask(), group="ask")
