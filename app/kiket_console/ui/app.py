"""The console program: theme, places, the connection to the engine, and how it is left."""

from __future__ import annotations

import asyncio
import os
import time
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar

from textual.events import Event, InputEvent, Key, Paste
from textual.notifications import Notify

from kiket_console.errors import ConsoleError, ExitCode
from kiket_console.model import Notice
from kiket_console.text import visible
from kiket_console.ui import actions, memory, moment
from kiket_console.ui.background import Background
from kiket_console.ui.deliveries import Deliveries
from kiket_console.ui.ending import Signals
from kiket_console.ui.history import History
from kiket_console.ui.journeys import Journeys
from kiket_console.ui.key_order import Followed, KeyOrder, Typed
from kiket_console.ui.leaving import Leaving
from kiket_console.ui.messages import Messages
from kiket_console.ui.own_engine import OwnEngine, after_its_end
from kiket_console.ui.paint.status import Connection
from kiket_console.ui.places import PLACES
from kiket_console.ui.requests import Requests
from kiket_console.ui.running import Runner
from kiket_console.ui.sanitiser import ControlFilter
from kiket_console.ui.screens.place import PlaceScreen
from kiket_console.ui.secret_changes import SecretChanges
from kiket_console.ui.store_view import StoreView
from kiket_console.ui.stylesheet import CalmStylesheet
from kiket_console.ui.themes import DEFAULT, fallbacks
from kiket_console.ui.toast import Sentence
from kiket_console.ui.turns import Turns, tell
from kiket_console.ui.wardrobe import Wardrobe
from kiket_console.ui.widgets.pane import Pane

if TYPE_CHECKING:
    import subprocess
    from collections.abc import Callable, Mapping, Sequence

    from textual.filter import LineFilter
    from textual.theme import Theme

    from kiket_console.comparing.bodies import Manner
    from kiket_console.engine_status import EngineStatus
    from kiket_console.paths import ProjectPaths
    from kiket_console.ui.link import Engine
    from kiket_console.ui.pages import Reader

TROUBLE_EVERY_S = 10.0


class ConsoleApp(Journeys):
    """The console of one project; its result says whether the engine is to be stopped.

    *keys* is a checked keymap. *settings* is the person's config.toml: own themes are beside it,
    and a chosen theme is written into it unless *theme_fixed_by* names what else decides on it.
    *engine* was started with *arguments*; with None, no other one can be.
    """

    TITLE = "kiket-console"
    CSS_PATH = Path(__file__).parent / "console.tcss"
    ENABLE_COMMAND_PALETTE = False
    BINDINGS: ClassVar[list[Any]] = [*actions.bindings(actions.Scope.APP)]
    DEFAULT_MODE = "traffic"
    HORIZONTAL_BREAKPOINTS = [(0, "-too-narrow"), (20, "-usable")]  # noqa: RUF012 - as in Textual
    VERTICAL_BREAKPOINTS = [  # noqa: RUF012 - as in Textual
        (0, "-too-low"), (5, "-flat"), (8, "-low"), (14, "-high"),
    ]  # fmt: skip

    def __init__(
        self,
        paths: ProjectPaths,
        *,
        engine: subprocess.Popen[bytes] | None = None,
        demo: bool = False,
        theme: str = DEFAULT,
        keys: Mapping[str, str] | None = None,
        settings: Path | None = None,
        theme_fixed_by: str = "",
        arguments: Sequence[str] | None = (),
        open_reader: Callable[[], Reader] | None = None,
        open_engine: Callable[[], Engine] | None = None,
        **options: Any,
    ) -> None:
        if "NO_COLOR" in os.environ:  # none at all; Textual alone would make greys of colours
            options["ansi_color"] = True
        self._worn: Theme | None = None
        super().__init__(**options)
        self._workers = Background(self)
        self.stylesheet = CalmStylesheet()
        self.registry = actions.Registry(keys)
        """The commands with the person's own keys."""
        self.set_keymap(self.registry.keymap)
        self.project = paths.folder.name
        self.status: EngineStatus | None = None
        self.newest = Notice(0, 0, 0, 0)
        """What the engine said last of what is recorded."""
        self.requests = Requests(self)
        self.deliveries = Deliveries(self, paths)
        self.messages = Messages(self)
        self.secrets = SecretChanges(self)
        self.link = Connection(up=False, since_us=moment.now_us(), ever=False)
        self.own_engine = OwnEngine(self, paths, engine, arguments)
        self.manner: Manner | None = None
        """How exchanges are compared in this session; None before any were."""
        self.crash: ConsoleError | None = None
        """What to tell a person when a fault of our own ended the console."""
        self.signals = Signals(self.exit)
        self._paths = paths
        self._histories: dict[str, History] = {}
        self.runner = Runner(self)
        self._open_reader = open_reader or self._store
        self._open_engine = open_engine or self._client
        self._engine: Engine | None = None
        self._trouble_at_s = -TROUBLE_EVERY_S
        self.acted_s = time.monotonic()
        """When a person pressed a key or moved the mouse last (s), or began."""
        self._leaving = Leaving(self, demo=demo)
        self._filter = ControlFilter()
        self._key_order = KeyOrder(self, self._hand_on)
        self._turns = Turns()
        self.reader = self.another_reader()
        self.wardrobe = Wardrobe(self, settings, theme_fixed_by)
        self.wardrobe.open(theme)
        for each in PLACES:
            self.add_mode(each.name, partial(each.make, self))

    @property
    def folder(self) -> Path:
        """The project's folder."""
        return self._paths.folder

    def another_reader(self) -> StoreView:
        """Return a reader of the store with a connection of its own, for use in a thread."""
        return StoreView(self._open_reader(), self._store_trouble)

    def get_theme_variable_defaults(self) -> dict[str, str]:
        """Give Textual's own themes the variables that ours have."""
        return fallbacks(self.current_theme.to_color_system().generate())

    def get_line_filters(self) -> Sequence[LineFilter]:
        """Catch what would act on the terminal, should anything slip through."""
        return [*super().get_line_filters(), self._filter]

    def refresh_css(self, animate: bool = True) -> None:
        """Read the styles again, for another theme; the first frame has those of its own already.

        Textual would read them three times before that, which takes a tenth of the start, and
        twice whenever a place is opened for the first time.
        """
        if self._worn not in (None, self.current_theme):
            self._worn = self.current_theme
            super().refresh_css(animate)

    def on_mount(self) -> None:
        """Connect once the first frame is painted."""
        loop = asyncio.get_running_loop()
        loop.set_task_factory(None)  # since Python 3.12 Textual's begins each task at once
        if not self.is_headless:
            self.signals.listen(loop)
        self.app_resume_signal.subscribe(self, self._paint_again)
        self.set_interval(1.0, self._tick)
        self.call_after_refresh(self._after_first_frame)
        for error in self.wardrobe.wrong:
            self.say(str(error), error=True)

    def on_unmount(self) -> None:
        """Give the store back."""
        self.reader.close()

    async def on_event(self, event: Event) -> None:
        """Let each key take effect before the next one is handed on."""
        if isinstance(event, InputEvent):
            self.acted_s = time.monotonic()
        if isinstance(event, Key | Paste) and not event.is_forwarded:
            await self._key_order.take(event)
        else:
            await super().on_event(event)

    async def _hand_on(self, typed: Typed) -> bool:
        """Hand a key on; return whether its action was carried out at once."""
        place, pane = self.screen, self.focused
        if (
            isinstance(typed, Key) and isinstance(place, PlaceScreen) and isinstance(pane, Pane)
            and self.app_focus
        ):  # fmt: skip
            for action, node in place.actions(pane, typed.key):
                if await self.run_action(action, node):
                    if node is pane:
                        pane.draw_now()
                    return True
        await super().on_event(typed)
        return False

    async def on_followed(self, event: Followed) -> None:
        """Take note that a key has taken effect; what it drew is on screen by then."""
        if await self._key_order.followed(event) and not self.is_headless:
            memory.sweep()

    async def run_action(self, *arguments: Any, **options: Any) -> bool:
        """Carry out an action, whoever asks for it; say why when it is refused."""
        try:
            return await super().run_action(*arguments, **options)
        except ConsoleError as error:
            self.say(str(error), error=True)
            return True

    # What the engine says

    def heard_notice(self, notice: Notice) -> None:
        """Show what was recorded."""
        self.newest = notice
        if (place := self.place) is not None:
            place.heard(notice)

    def heard_status(self, status: EngineStatus) -> None:
        """Show how things are, and say what has become of a worker."""
        self.status = status
        news = self._turns.news(status.workers)
        top = next(reversed(self.screen_stack), None)  # none once the console ends
        if not isinstance(top, PlaceScreen) or top.PLACE is not actions.Scope.PROCESSES:
            tell(self, news)  # else it is seen there
        if (place := self.place) is not None:
            place.status_changed()

    def link_changed(self, up: bool, silent_s: float = 0.0) -> None:
        """Show that the engine can, or cannot, be reached, or has been silent for a while."""
        self.own_engine.is_starting &= not up
        now = (up, silent_s > 0, self.own_engine.is_starting)
        if now != (self.link.up, self.link.silent, self.link.starting):
            since_us = moment.now_us() - round(silent_s * 1e6)
            ever, remedy = self.link.ever or up, self.own_engine.remedy
            self.link = Connection(up, since_us, ever, *now[1:], remedy)
            if self.status is not None and not (up or silent_s) and self.own_engine.has_gone:
                self.status = after_its_end(self.status, since_us)
            if (place := self.place) is not None:
                place.status_changed()

    # What a person asks for

    def say(self, text: str, *, error: bool = False) -> None:
        """Tell a person something, for a few seconds."""
        if error:
            sentence = Sentence(visible(text), severity="error", timeout=8)
        else:
            sentence = Sentence(visible(text), timeout=4)
        self.post_message(Notify(sentence))

    def on_notify(self, event: Notify) -> None:
        """Let a sentence that is said again take the place of the one before: two hide more."""
        said = event.notification.message
        for each in [each for each in self._notifications if each.message == said]:
            self._unnotify(each, refresh=False)

    def history(self, name: str) -> History:
        """Return what was entered earlier on the line called *name*."""
        if name not in self._histories:
            self._histories[name] = History(self._paths.state / f"{name}.history")
        return self._histories[name]

    def action_theme(self, name: str = "") -> None:
        """Wear the colours called *name*, or choose some with a live preview."""
        from kiket_console.ui.screens.theme import theme_dialog

        if not name:
            self.push_screen(theme_dialog(self), self.wardrobe.remember)
        else:
            self.wardrobe.wear(name)

    def action_palette(self) -> None:
        """Find a command by its name."""
        self.runner.palette()

    def action_command_line(self) -> None:
        """Type a command."""
        self.runner.line()

    def action_ask(self, id_: str) -> None:
        """Ask for what a command needs."""
        self.runner.ask(id_)

    def action_keys(self) -> None:
        """List the keys that work here and now."""
        from kiket_console.ui.screens.help import KeysScreen, keys_dialog

        if isinstance(self.screen, KeysScreen):
            self.screen.dismiss(None)
        else:
            self.push_screen(keys_dialog(self))

    def action_jump(self) -> None:
        """Show a letter over all that can be gone to, or no longer."""
        from kiket_console.ui.screens.jump import jump

        jump(self)

    def action_plain(self) -> None:
        """Show the pane that has the focus as plain text."""
        from kiket_console.ui.plain import show_plain

        if self.place is not None:
            self.place.hide_values()  # what is written then stays in the terminal
            show_plain(self, self.place)

    def action_start_engine(self) -> None:
        """Start a new engine where there is none any more."""
        self.run_worker(self.own_engine.start(), group="engine")

    def action_leave(self) -> None:
        """Ask how to leave; asked twice at once, stop all."""
        self._leaving.ask()

    def action_help_quit(self) -> None:
        """Say how to leave, and ask when it is pressed twice."""
        self._leaving.tell_how()

    # Behind the scenes

    def connected(self) -> Engine:
        """Return the engine to ask."""
        if self._engine is None:
            self._engine = self._open_engine()
        return self._engine

    def _tick(self) -> None:
        if self.own_engine.could_not_start:
            self.exit()  # `run_console` says why
        self.own_engine.look()
        if (place := self.place) is not None and place.is_current:
            place.tick()

    def _after_first_frame(self) -> None:
        self._worn = self.current_theme
        if not self.is_headless:
            memory.settle()
            self.set_interval(memory.TIDY_EVERY_S, memory.Tidying(lambda: self.acted_s).look)
        self.run_worker(self._listen(), group="link", exclusive=True)

    def exit(self, *arguments: Any, **options: Any) -> None:
        """End, and leave no secret in the clipboard."""
        self.secrets.copied.clear()
        super().exit(*arguments, **options)

    def _paint_again(self, _: object) -> None:
        """Come back from the shell: Textual would paint only what has changed since."""
        self.refresh(layout=True)

    async def _listen(self) -> None:
        from kiket_console.ui.link import keep_listening

        if self._engine is None:
            self._engine = await asyncio.to_thread(self._open_engine)
        await keep_listening(self._engine, self)

    def _store(self) -> Reader:
        from kiket_console.store.reader import Reader as StoreReader

        return StoreReader(self._paths.store)

    def _client(self) -> Engine:
        from kiket_console.client import Client

        return Client(self._paths, when_gone=f"{self.own_engine.remedy.capitalize()}.")

    def _store_trouble(self, error: ConsoleError) -> None:
        now_s = time.monotonic()
        if now_s - self._trouble_at_s > TROUBLE_EVERY_S and self.is_running:
            self._trouble_at_s = now_s
            self.say(str(error), error=True)

    def _handle_exception(self, error: Exception) -> None:
        """End because of a fault of our own, leaving a file without values behind.

        A dialog that opens while the console ends gets no widgets any more: that is none.
        """
        from textual.css.query import NoMatches
        from textual.worker import WorkerFailed

        from kiket_console.crash import record

        cause = error.error if isinstance(error, WorkerFailed) else error
        if isinstance(cause, NoMatches) and not self.is_running:
            return
        self.secrets.copied.clear()
        self._return_code = int(ExitCode.FAILURE)
        if self.crash is None:
            self.crash = record(cause)
            # What is cut short now may complain to the loop, whose complaints go to the terminal.
            asyncio.get_running_loop().set_exception_handler(lambda _loop, _context: None)
            self._exception = error
            self._exception_event.set()
        self._close_messages_no_wait()
