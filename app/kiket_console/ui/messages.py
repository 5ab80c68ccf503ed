"""What a person sends to modules from the screen: recorded messages again, edited, or new ones."""

from __future__ import annotations

import asyncio
from contextlib import closing
from typing import TYPE_CHECKING

from kiket_console.errors import ConsoleError
from kiket_console.text import duration, plural, visible
from kiket_console.ui.choices import Choice
from kiket_console.ui.closing import close, is_open
from kiket_console.ui.key_order import OPENS

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Sequence

    from kiket_console.model import Exchange, Worker
    from kiket_console.sending.message import Written
    from kiket_console.ui.app import ConsoleApp
    from kiket_console.ui.journeys import Whereabouts
    from kiket_console.ui.link import Engine
    from kiket_console.ui.screens.message import MessageScreen
    from kiket_console.wire import IpcOp, IpcResult


class Messages:
    """Carry out what is to be sent to modules, and say how it ended."""

    def __init__(self, console: ConsoleApp) -> None:
        self.console = console

    def replay(self, exchanges: Sequence[Exchange]) -> None:
        """Send recorded messages to their modules again, one after the other."""
        left = self.console.whereabouts

        async def send(engine: Engine) -> None:
            if len(exchanges) == 1:
                [exchange] = exchanges
                result = await engine.modules.replay(exchange.id)
                self.tell(f"{visible(exchange.name)} again", result, left)
            else:
                await self._replay_all(engine, exchanges, left)

        self._ask(send)

    async def _replay_all(
        self, engine: Engine, exchanges: Sequence[Exchange], left: Whereabouts
    ) -> None:
        """Send several, going on after one that cannot be sent; say how many went well."""
        well, newest, trouble = 0, 0, ""
        for exchange in exchanges:
            try:
                result = await engine.modules.replay(exchange.id)
            except ConsoleError as error:
                trouble = trouble or str(error)
                continue
            newest = result.exchange_id or newest
            well += result.ok
            trouble = trouble or result.error
        said = f"{well} of {plural(len(exchanges), 'message')} sent again"
        self.console.say(f"{said}. {trouble}".rstrip(), error=well < len(exchanges))
        if newest:
            self.console.show_outcome(newest, left)

    def edit(self, exchange: Exchange, *, outside: bool = False, linked: bool = True) -> None:
        """Open the editor for a recorded message, *outside*: the person's own one first."""

        async def open_editor(engine: Engine) -> None:
            written = await asyncio.to_thread(self._written, exchange.id, linked)
            screen = await self._open(engine, written)
            if outside:
                screen.action_external()

        self._ask(open_editor, group=OPENS)

    def write(self, module: str = "") -> None:
        """Let a person choose a module, if there are several, and a message; send it."""
        from kiket_console.ui.screens.chooser import Chooser

        modules = self._modules()
        if not module and len(modules) > 1:
            choices = [
                Choice(each.name, each.module.handshake if each.module else "", "", each.name)
                for each in modules
            ]
            dialog = Chooser("A message to", choices, empty="No such module.")
            self.console.push_screen(dialog, self._write_to)
        elif module or modules:
            self._write_to(module or modules[0].name)
        else:
            self.console.say("There is no module that a message could go to.")

    def _write_to(self, module: str | None) -> None:
        if not module:
            return
        from kiket_console.sending.message import sample_of
        from kiket_console.ui.screens.chooser import Chooser

        async def choose(engine: Engine) -> None:
            ops = await engine.modules.ops()
            choices = [Choice(each.op, each.meaning, each.answer, each, "muted") for each in ops]

            def chosen(op: IpcOp | None) -> None:
                if op is not None:
                    written = sample_of(op, module)
                    self._ask(lambda engine: self._open(engine, written, ops), group=OPENS)

            dialog = Chooser(f"A message to {visible(module)}", choices, empty="No such message.")
            await self.console.push_screen(dialog, chosen)

        self._ask(choose, group=OPENS)

    def send(self, screen: MessageScreen, written: Written, text: str) -> None:
        """Send a message; on success its editor closes and the new row is selected."""
        left = self.console.whereabouts

        async def send(engine: Engine) -> None:
            if screen.is_sending:
                return
            screen.is_sending = True
            try:
                message = await asyncio.to_thread(written.message, text)
                screen.busy()
                unchanged = text == written.text and written.like
                result = await (
                    engine.modules.replay(written.like)
                    if unchanged
                    else engine.modules.send(message)
                )
            finally:
                screen.is_sending = False
            close(screen)
            self.tell(f"{visible(result.op)}{'' if unchanged or not written.like else ', edited'}",
                      result, left)  # fmt: skip

        self._ask(send, screen)

    def tell(self, what: str, result: IpcResult, left: Whereabouts) -> None:
        """Say how a message ended; select it, unless a person has *left* for elsewhere."""
        took = "" if result.duration_us is None else f" in {duration(result.duration_us)}"
        word = str(result.status) if result.status is not None else "answered"
        if result.reply is None and result.status is None:
            word = "sent"
        by = f" over {visible(result.channel)}" if result.channel else ""
        self.console.say(f"{what}: {result.error or f'{word}{took}{by}.'}", error=not result.ok)
        if result.exchange_id:
            self.console.show_outcome(result.exchange_id, left)

    async def _open(
        self, engine: Engine, written: Written, ops: Sequence[IpcOp] = ()
    ) -> MessageScreen:
        from kiket_console.ui.screens.message import MessageScreen

        screen = MessageScreen(self, written, ops or await engine.modules.ops())
        await self.console.push_screen(screen)
        return screen

    def _written(self, exchange_id: int, linked: bool) -> Written:
        from kiket_console.sending.message import message_of

        with closing(self.console.another_reader()) as reader:
            detail = reader.detail(exchange_id)
        if detail is None:
            raise ConsoleError(f"Exchange {exchange_id} is not there any more.")
        return message_of(detail, linked=linked)

    def _modules(self) -> list[Worker]:
        status = self.console.status
        return [] if status is None else [each for each in status.workers if each.kind == "module"]

    def _ask(
        self,
        request: Callable[[Engine], Awaitable[object]],
        screen: MessageScreen | None = None,
        group: str = "ask",
    ) -> None:
        """Carry out a request; say what went wrong with it, in *screen* while that is open."""

        async def ask() -> None:
            try:
                await request(self.console.connected())
            except ConsoleError as error:
                if screen is not None and is_open(screen):
                    screen.refused(error)
                else:
                    self.console.say(str(error), error=True)

        self.console.run_worker(ask(), group=group)
