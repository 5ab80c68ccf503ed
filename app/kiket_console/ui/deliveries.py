"""What a person sends from the screen: recorded deliveries again, edited ones, new events."""

from __future__ import annotations

import asyncio
from contextlib import closing
from functools import partial
from typing import TYPE_CHECKING

from kiket_console.errors import ConsoleError
from kiket_console.text import duration, size, visible
from kiket_console.ui.closing import close, is_open
from kiket_console.ui.key_order import OPENS
from kiket_console.ui.send_as import USUAL

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Sequence

    from kiket_console.model import Exchange
    from kiket_console.paths import ProjectPaths
    from kiket_console.sending.draft import Draft, Original
    from kiket_console.sending.keeping import Drafts
    from kiket_console.sending.repeating import Plan, Tally
    from kiket_console.ui.app import ConsoleApp
    from kiket_console.ui.journeys import Whereabouts
    from kiket_console.ui.link import Engine
    from kiket_console.ui.screens.edit import EditScreen
    from kiket_console.wire import Event, Preview, Result


class Deliveries:
    """Carry out what is to be sent, and say how it ended."""

    def __init__(self, console: ConsoleApp, paths: ProjectPaths) -> None:
        self.console = console
        self._paths = paths
        self._drafts: Drafts | None = None
        self.send_as = USUAL
        """How new events are made and signed, for as long as the console runs."""

    # Again

    def replay(self, exchanges: Sequence[Exchange]) -> None:
        """Send recorded deliveries again, signed anew; for a call, the one that caused it."""
        from kiket_console.sending.repeating import Plan

        ids = tuple(dict.fromkeys(_delivery(each) for each in exchanges))
        if len(ids) > 1:
            self.carry_out(Plan(ids))
        elif ids:
            [exchange] = exchanges[:1]
            name = exchange.name if exchange.id == ids[0] else f"Delivery {ids[0]}"
            left = self.console.whereabouts

            async def send(engine: Engine) -> None:
                self.tell(f"{visible(name)} again", await engine.replay(ids[0]), left)

            self.ask(send)

    def ways(self, exchanges: Sequence[Exchange]) -> None:
        """Let a person choose how to send recorded deliveries again, and how often."""
        from kiket_console.ui.screens.ways import DELIVERY_WAYS, Asked, WaysScreen

        if not exchanges:
            return
        ids = tuple(dict.fromkeys(_delivery(each) for each in exchanges))
        name = f"{exchanges[0].name} {exchanges[0].version}".strip()
        what = f"{ids[0]} {name}" if len(ids) == 1 else f"{len(ids):,} deliveries"

        def chosen(asked: Asked | None) -> None:
            if asked is not None:
                self.carry_out(asked.plan, asked.way, asked.version)

        title = f"Send {visible(what)} again"
        screen = WaysScreen(self.console, title, DELIVERY_WAYS, ids, has_version=True)
        self.console.push_screen(screen, chosen)

    def carry_out(self, plan: Plan, way: str = "resigned", version: str = "") -> None:
        """Send what is planned; several at once can be watched and stopped."""
        from kiket_console.ui.screens.progress import ProgressScreen

        if plan.count > 1:
            repeat = partial(self.repeat, plan, way, version)
            title = f"Sending {plan.count:,} deliveries"
            self.console.push_screen(ProgressScreen(self.console, title, repeat, self.tell_all))
            return

        left = self.console.whereabouts

        async def send(engine: Engine) -> None:
            result = await engine.replay(plan.ids[0], way, version)
            self.tell(f"{plan.ids[0]} again", result, left)

        self.ask(send)

    async def repeat(
        self, plan: Plan, way: str, version: str, on_step: Callable[[str], None]
    ) -> Tally:
        """Send what is planned, saying how it goes; raises `ConsoleError`."""
        from kiket_console.sending.repeating import carry_out

        engine = self.console.connected()

        async def send(exchange_id: int) -> Result:
            return await engine.replay(exchange_id, way, version)

        return await carry_out(plan, send, lambda tally: on_step(tally.so_far))

    def tell_all(self, tally: Tally) -> None:
        """Say how several deliveries ended, and select the one that was sent last."""
        wrong = next(
            (each.message for _, each in tally.results if isinstance(each, ConsoleError)), ""
        )
        said = ". ".join(filter(None, (str(tally), tally.trouble or wrong)))
        self.console.say(said, error=bool(tally.failed or tally.trouble))
        if tally.newest is not None:
            self.console.show_exchange(tally.newest.exchange_id)

    # Edited

    def edit(
        self, exchanges: Sequence[Exchange], *, outside: bool = False, linked: bool = True
    ) -> None:
        """Open the editor for a delivery, *outside*: the person's own one first."""
        if not exchanges:
            return
        delivery_id = _delivery(exchanges[0])

        async def open_editor(_: Engine) -> None:
            from kiket_console.ui.screens.edit import EditScreen

            original, kept = await asyncio.to_thread(self._opened, delivery_id, linked)
            screen = EditScreen(self, original, kept)
            await self.console.push_screen(screen)
            if outside:
                screen.action_external()

        self.ask(open_editor, group=OPENS)

    def _opened(self, delivery_id: int, linked: bool) -> tuple[Original, Draft | None]:
        from kiket_console.sending.draft import original_of

        with closing(self.console.another_reader()) as reader:
            detail = reader.detail(delivery_id)
        if detail is None:
            raise ConsoleError(f"Exchange {delivery_id} is not there any more.")
        original = original_of(detail, linked=linked)
        return original, self._kept.kept(original.key) if linked else None

    def send_draft(self, screen: EditScreen, original: Original, draft: Draft) -> None:
        """Send a draft; on success its editor closes and the new row is selected."""
        left = self.console.whereabouts

        async def send(engine: Engine) -> None:
            if screen.is_sending:
                return
            screen.is_sending = True
            try:
                edit = await asyncio.to_thread(original.edit, draft)
                screen.busy()
                result = await engine.send(original.exchange_id, edit, linked=original.linked)
            finally:
                screen.is_sending = False
            if original.linked:
                self._kept.forget(original.key)
            close(screen)
            what = f"{draft.event} {draft.version}".strip()
            said = f"{visible(what)}, edited" if original.linked else visible(what)
            self.tell(said, result, left)

        self._ask_from(screen, send)

    def preview_draft(self, screen: EditScreen, original: Original, draft: Draft) -> None:
        """Show what would be sent."""

        async def preview(engine: Engine) -> None:
            edit = await asyncio.to_thread(original.edit, draft)
            self.show_preview(
                await engine.preview(original.exchange_id, edit, linked=original.linked)
            )

        self._ask_from(screen, preview)

    def keep_draft(self, original: Original, draft: Draft) -> None:
        """Keep a draft until it is sent."""
        self.console.run_worker(lambda: self._keep(original.key, draft), thread=True, group="draft")

    def _keep(self, key: str, draft: Draft) -> None:
        try:
            self._kept.keep(key, draft)
        except ConsoleError as error:
            self.console.call_from_thread(self.console.say, str(error), error=True)

    @property
    def _kept(self) -> Drafts:
        if self._drafts is None:
            from kiket_console.sending.keeping import Drafts

            self._drafts = Drafts(self._paths)
        return self._drafts

    # New

    def trigger(self, event: str = "", extension: str = "") -> None:
        """Let a person choose an extension, if there are several, and an event; send it.

        *event*: what is typed of its name already; *extension*: the one that is chosen already.
        """
        from kiket_console.ui.screens.trigger import extension_dialog

        status = self.console.status
        workers = status.extensions if status is not None else ()
        if status is not None and not workers:
            self.console.say("No extension is in this project, and modules take no webhooks.")
        elif len(workers) > 1 and not extension:
            dialog = extension_dialog(workers)
            self.console.push_screen(dialog, lambda chosen: self._trigger_for(chosen, event))
        else:
            self._trigger_for(extension, event)

    def _trigger_for(self, extension: str | None, event: str) -> None:
        if extension is None:
            return

        async def choose(engine: Engine) -> None:
            from kiket_console.sending.templates import bases
            from kiket_console.ui.event_making import EventMaker
            from kiket_console.ui.screens.trigger import TriggerScreen

            templates = await engine.templates(extension)
            captures = await asyncio.to_thread(self._captures)
            found = bases(templates, captures, extension)
            console = self.console
            maker = EventMaker(extension, console.another_reader, console.history("trigger"))
            await console.push_screen(TriggerScreen(self, found, maker, event))

        self.ask(choose, group=OPENS)

    def _captures(self) -> list[Exchange]:
        with closing(self.console.another_reader()) as reader:
            return reader.captures()

    # What they have in common

    def show_preview(self, preview: Preview) -> None:
        """Show what would be sent."""
        from kiket_console.ui.paint.edits import preview_lines
        from kiket_console.ui.screens.preview import PreviewScreen

        remark = f"{size(preview.size)} to {visible(preview.extension)}"
        text = f"{preview.head}\n\n{preview.raw_body.decode('utf-8', 'backslashreplace')}"
        lines = partial(preview_lines, preview)
        self.console.push_screen(PreviewScreen(self.console, remark, lines, text))

    def send_event(self, event: Event) -> None:
        """Send a new event; its row is there as soon as it is taken in, and is selected at last."""
        left = self.console.whereabouts

        async def send(engine: Engine) -> None:
            result = await engine.send_event(event)
            self.tell(visible(f"{event.name} {event.version}".strip()), result, left)

        self.ask(send)

    def tell(self, what: str, result: Result, left: Whereabouts) -> None:
        """Say how a delivery ended; select it, unless a person has *left* for elsewhere."""
        took = "" if result.duration_us is None else f" in {duration(result.duration_us)}"
        answer = result.error or f"{result.status or result.state}{took}"
        self.console.say(f"{what}: {answer}", error=not result.ok)
        self.console.show_outcome(result.exchange_id, left)

    def ask(self, request: Callable[[Engine], Awaitable[None]], group: str = "ask") -> None:
        """Carry out a request; say what went wrong with it."""

        async def ask() -> None:
            try:
                await request(self.console.connected())
            except ConsoleError as error:
                self.console.say(str(error), error=True)

        self.console.run_worker(ask(), group=group)

    def _ask_from(self, screen: EditScreen, request: Callable[[Engine], Awaitable[None]]) -> None:
        async def ask() -> None:
            try:
                await request(self.console.connected())
            except ConsoleError as error:
                if is_open(screen):
                    screen.refused(error)
                else:
                    self.console.say(str(error), error=True)

        self.console.run_worker(ask(), group="ask")


def _delivery(exchange: Exchange) -> int:
    """Return the delivery itself or, for a call, the one that caused it."""
    if exchange.parent_id is not None and not exchange.parent_guessed:
        return exchange.parent_id
    return exchange.id
