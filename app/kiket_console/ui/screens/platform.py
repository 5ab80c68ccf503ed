"""Platform: what the stand-in for the Kiket platform keeps, to look at and to change.

    ─ Platform ──────────────────────────      ─ Platform / contacts ─── 12 rows ─
      collection       rows                      id  email            name
    ▌ contacts           12                   ▌   1  ada@example.com  Ada Lovelace
      Notifications       3

`enter` goes from a collection to its rows, and from a row to its JSON; `esc` goes back.
"""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Any, ClassVar, Final

from textual import work

from kiket_console.errors import ConsoleError
from kiket_console.text import plural, visible
from kiket_console.ui.actions import Mode, Scope, bindings
from kiket_console.ui.paint import platform as paint
from kiket_console.ui.paint.layout import Shape
from kiket_console.ui.paint.source import Lines
from kiket_console.ui.platform_changes import PlatformChanges
from kiket_console.ui.platform_rows import MOST_ROWS, PlatformRows
from kiket_console.ui.screens.layout import WIDE_COLUMNS, Layout
from kiket_console.ui.screens.narrowed import NarrowedScreen
from kiket_console.ui.threads import hand_over
from kiket_console.wire import PLATFORM_ROWS_LIMIT

if TYPE_CHECKING:
    from textual.geometry import Size

    from kiket_console.ui.app import ConsoleApp
    from kiket_console.ui.link import Engine
    from kiket_console.ui.paint.body import BodyView
    from kiket_console.ui.paint.line import Line
    from kiket_console.ui.paint.source import LineSource
    from kiket_console.ui.platform_rows import Row
    from kiket_console.wire import PlatformCollection


FEW_OF: Final = 3
"""A list of more rows than one in so many of the screen gets a fixed part of it."""


class PlatformScreen(NarrowedScreen):
    """The collections, the rows of one, and one row in full."""

    PLACE = Scope.PLATFORM
    TITLE = "Platform"
    HISTORY = "platform"
    _rows: PlatformRows
    BINDINGS: ClassVar[list[Any]] = [*bindings(Scope.PLACE, Scope.PLATFORM)]

    def __init__(self, console: ConsoleApp) -> None:
        self._rows = PlatformRows(lambda: console.status)
        self._rows.key_of = console.registry.key
        super().__init__(console, self._rows)
        self._changes = PlatformChanges(self)
        self._view: tuple[str, BodyView] | None = None

    # What is shown

    async def fetch(self, engine: Engine) -> None:
        """Read the collections, and the rows of the one that is entered or selected."""
        self._rows.take(await engine.platform.state())
        if (found := self._rows.selected_collection) is not None:
            rows: list[Row] = []
            more = True
            while more and len(rows) < MOST_ROWS:
                after = rows[-1]["id"] if rows else ""
                page = await engine.platform.rows(
                    found.name, limit=PLATFORM_ROWS_LIMIT, after=after
                )
                rows += page.rows
                more = page.more and bool(page.rows)
            self._rows.take_rows(found.name, rows, more=more)

    def show_read(self) -> None:
        """Draw what is known now."""
        self.list.redraw()
        self.list.sync()
        self.show_summary()
        self.show_details()

    def natural_layout(self, size: Size) -> Layout:
        """Put details beside the list where there is room for both; collections are few."""
        if size.width >= WIDE_COLUMNS:
            return Layout.SIDE
        return super().natural_layout(size) if self._rows.entered else Layout.STACKED

    @property
    def heading(self) -> str:
        """The way to what is shown."""
        found = self._rows.collection(self._rows.entered)
        return self.TITLE if found is None else f"{self.TITLE} / {paint.title(found)}"

    def show_summary(self) -> None:
        """Give the list what it needs while that is little: rows come and go, collections stay."""
        super().show_summary()
        is_many = bool(self._rows.entered) or self._rows.count > self.size.height // FEW_OF
        self.set_class(is_many, "-many")

    @property
    def is_empty(self) -> bool:
        """Whether there is nothing to show the details of."""
        return self._rows.count == 0

    @property
    def mode(self) -> Mode:
        """What the place is used for."""
        if not self._rows.count and self._rows.words is not None:
            return Mode.FILTERED
        found = super().mode
        return Mode.INSIDE if found is Mode.LIST and self._rows.entered else found

    def summary(self) -> Line:
        """Return how much there is."""
        rows = self._rows
        if rows.platform is None:
            return ()
        if not rows.entered:
            return paint.summary(rows.platform)
        said = plural(rows.count, "row")
        if rows.words is not None:
            said = f"{rows.count:,} of {plural(rows.total, 'row')}"
        more = f" · the first {MOST_ROWS:,} are shown" if rows.more else ""
        return [(said + more, "muted")]

    def show_details(self) -> None:
        """Show the selected row, or what is known of the selected collection."""
        rows = self._rows
        if rows.platform is None:
            return
        row, found = rows.selected_row, rows.selected_collection
        if row is not None and found is not None:
            self.details_rule.show(f"{paint.title(found)} {visible(str(row.get('id', '')))}")
            raw = paint.json_of(row)
            stay = self._view is not None and self._view[0] == f"{found.name}/{row.get('id')}"
            view = self._view[1] if self._view is not None else None
            if not stay or view is None or view.body.raw != raw:
                view = paint.view_of(raw)
                self._view = (f"{found.name}/{row.get('id')}", view)
                self.text.show(partial(self._json, view), stay=stay)
        elif rows.on_settings:
            self._view = None
            self.details_rule.show("Settings")
            self.text.show(self._settings, stay=True)
        elif found is not None:
            self._view = None
            self.details_rule.show(paint.title(found), [(visible(found.name), "muted")])
            self.text.show(self._about, stay=True)

    def _json(self, view: BodyView, width: int) -> LineSource:
        shape = Shape(width, self.text.wraps)
        if view.slow and not view.is_laid(shape, pretty=self.text.pretty):
            self._lay(view, shape, pretty=self.text.pretty)
            return Lines([[("  laying it out …", "muted")]])
        view.lay_at_once(shape, pretty=self.text.pretty)
        return view.source

    @work(thread=True, exclusive=True, group="body")
    def _lay(self, view: BodyView, shape: Shape, *, pretty: bool) -> None:
        """Lay a large row out without holding up the screen."""
        with view.turn:
            view.lay_at_once(shape, pretty=pretty)
        hand_over(self.app, self._laid, view)

    def _laid(self, view: BodyView) -> None:
        if self._view is not None and self._view[1] is view:
            self.text.relaid(view.source)

    def _settings(self, width: int) -> LineSource:
        platform, status = self._rows.platform, self.console.status
        if platform is None:
            return Lines()
        return Lines(paint.settings_lines(platform, status, width, self.console.registry.key))

    def _about(self, width: int) -> LineSource:
        found, status = self._rows.selected_collection, self.console.status
        if found is None:
            return Lines()
        rows = self._rows.rows_of(found.name)
        return Lines(paint.collection_lines(found, rows, status, width, self.console.registry.key))

    def cursor_moved(self) -> None:
        """Read the collection under the cursor."""
        super().cursor_moved()
        found = self._rows.selected_collection
        if found is not None and self._rows.rows_of(found.name) is None:
            self.read_soon()

    # Where a person goes

    def action_open(self) -> None:
        """Go into a collection; open a row, or the settings."""
        if self._rows.entered or self._rows.on_settings or self.opened:
            super().action_open()
        elif (found := self._rows.selected_collection) is not None:
            self._enter(found.name)

    def _enter(self, name: str) -> None:
        self._rows.enter(name)
        self.lay_out(self.size)
        self.show_bar()
        self.show_read()
        self.read()

    def action_back(self) -> None:
        """Step out of the details; show all rows again; go back to the collections."""
        if self.opened:
            super().action_back()
        elif self._rows.words is not None:
            self.use(None)
        elif self._rows.entered:
            self._rows.leave()
            self.lay_out(self.size)
            self.show_read()

    def action_close(self) -> None:
        """Step out; from the collections, ask how to leave."""
        if self.opened or self._rows.entered:
            self.action_back()
        else:
            super().action_close()

    def action_collection(self, name: str) -> None:
        """Show the rows of a collection; what stands behind its last dot will do."""
        found = self._named(name)
        self._set_opened(False)
        self.list.focus()
        self._enter(found)

    def collections(self) -> list[tuple[str, str]]:
        """Return the names of the collections, each with what it is."""
        known = self._rows.platform.collections if self._rows.platform is not None else ()
        return [(each.name, each.meaning) for each in known]

    def _named(self, name: str) -> str:
        known = self._rows.platform.collections if self._rows.platform is not None else ()
        names = [each.name for each in known]
        near = [each for each in names if each == name] or [
            each for each in names if each.rpartition(".")[2] == name
        ]
        if len(near) != 1:
            listed = ", ".join(map(visible, names))
            raise ConsoleError(f'There is no collection "{visible(name)}".', hint=f"{listed}.")
        return near[0]

    def action_settings(self) -> None:
        """Go to the settings."""
        self._rows.select("settings")
        self.lay_out(self.size)
        self.show_read()
        super().action_open()

    def action_filter(self, text: str = "") -> None:
        """Narrow the rows of a collection, which is entered for it."""
        if self._rows.on_settings:
            self.console.say("Go to a collection first.")
            return
        if not self._rows.entered:
            self.action_open()
        super().action_filter(text)

    # What a person changes

    def action_add(self) -> None:
        """Write a new row."""
        if (found := self._rows.selected_collection) is not None:
            self._changes.add(found)
        else:
            self.console.say("Go to a collection first.")

    def action_edit(self, *, outside: bool = False) -> None:
        """Change the selected row, or the settings."""
        rows = self._rows
        if rows.on_settings and rows.platform is not None:
            self._changes.edit_settings(rows.platform.settings, outside=outside)
        elif (chosen := self._chosen_row()) is not None:
            self._changes.edit(*chosen, outside=outside)

    def action_edit_outside(self) -> None:
        """Change it in the person's own editor."""
        self.action_edit(outside=True)

    def action_duplicate(self) -> None:
        """Write a new row that begins as the selected one."""
        if (chosen := self._chosen_row()) is not None:
            self._changes.add(*chosen)

    def action_remove(self) -> None:
        """Delete the selected row."""
        if (chosen := self._chosen_row()) is not None:
            self._changes.remove(*chosen)

    def action_undo(self) -> None:
        """Take back what was done last."""
        self.console.requests.undo()

    def action_fail(self, text: str = "") -> None:
        """Let the platform answer some calls with an error; without *text*, ask which."""
        from kiket_console.ui.failing import ask_for_failure, fail

        platform = self._rows.platform
        if platform is None:
            return
        if text:
            fail(self._changes, platform.settings, text)
        else:
            ask_for_failure(self, self._changes, platform.settings)

    def changed(self, collection: str = "", row_id: object = None) -> None:
        """Read again what was changed, and go to a row of it if it is shown."""
        if row_id is not None and self._rows.entered == collection:
            self._rows.select_row(row_id)
        self.read()

    def _chosen_row(self) -> tuple[PlatformCollection, Row] | None:
        found, row = self._rows.selected_collection, self._rows.selected_row
        if found is None or row is None:
            self.console.say("Go to a row first.")
            return None
        return found, row

    # Where it leads

    def action_calls(self) -> None:
        """Go to Traffic, and there to the call that wrote this row, or all to this collection."""
        found, row = self._rows.selected_collection, self._rows.selected_row
        wrote = row.get("exchange_id") if row is not None else None
        if isinstance(wrote, int) and self.console.reader.page([wrote]):
            self.console.show_exchange(wrote)
            return
        path = "" if found is None else paint.called_at(found)
        self.console.show_calls(f"src:api path:/api/v1/{path}*" if path else "src:api")

    def action_copy(self) -> None:
        """Copy a row as JSON, or where a collection is served."""
        from kiket_console.ui.clipboard import copy

        found, row = self._rows.selected_collection, self._rows.selected_row
        if row is not None:
            copy(self.console, paint.json_of(row).decode("utf-8", "surrogatepass"), "The row")
        elif found is not None and (url := paint.served_at(found, self.console.status)):
            copy(self.console, url, "Where it is served")
        elif self.console.status is not None:
            copy(self.console, self.console.status.platform_url, "The platform's URL")

    def action_copy_url(self, name: str = "") -> None:
        """Copy where others send their webhooks to."""
        from kiket_console.ui.clipboard import copy

        urls = self._rows.platform.inbound_urls if self._rows.platform is not None else {}
        if not name and len(urls) == 1:
            name = next(iter(urls))
        if name in urls:
            copy(self.console, urls[name], f"The inbound URL of {name}")
        elif urls:
            known = ", ".join(map(visible, urls))
            self.console.say(f"There are several: write :copy-url and one of {known}.")
        else:
            self.console.say("No extension has an inbound URL.", error=True)
