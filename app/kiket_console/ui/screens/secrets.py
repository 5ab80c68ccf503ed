"""Secrets: what is kept, what is missing, and who was given it; a value is shown for seconds only.

─ Secrets ──────────────────── 3 secrets · 1 missing · OS keyring (Secret Service) · unlocked ─
   name              scope      value       age     used by
▌  WEBHOOK_SECRET    project    ••••••••    3 d     marketing ✓ 12 s ago
─ WEBHOOK_SECRET ───────────────────────────────────────────────────────────────────────────────
   Value       ••••••••
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, ClassVar

from kiket_console.text import visible
from kiket_console.ui import moment
from kiket_console.ui.actions import Mode, Scope, bindings
from kiket_console.ui.paint import secrets as paint
from kiket_console.ui.paint.secret import about
from kiket_console.ui.paint.source import Lines
from kiket_console.ui.screens.layout import Layout
from kiket_console.ui.screens.narrowed import NarrowedScreen
from kiket_console.ui.secret_rows import SecretRows
from kiket_console.ui.shown_value import ShownValue
from kiket_console.ui.widgets.bars import GAP
from kiket_console.ui.widgets.wrapped import Wrapped

if TYPE_CHECKING:
    from collections.abc import Iterable

    from textual.geometry import Size
    from textual.widget import Widget

    from kiket_console.ui.app import ConsoleApp
    from kiket_console.ui.link import Engine
    from kiket_console.ui.paint.line import Line
    from kiket_console.ui.paint.source import LineSource
    from kiket_console.wire_secrets import SecretEntry, VaultFacts


NOTED_ROWS = 16
"""With fewer rows the list needs all of them; its rule says where secrets are."""


class SecretsScreen(NarrowedScreen):
    """The list of secrets, and what is known of one."""

    PLACE = Scope.SECRETS
    TITLE = "Secrets"
    HISTORY = ""  # who looks for a value may type it
    BINDINGS: ClassVar[list[Any]] = [*bindings(Scope.PLACE, Scope.SECRETS)]
    _rows: SecretRows

    def __init__(self, console: ConsoleApp) -> None:
        self._rows = SecretRows()
        self._rows.key_of = console.registry.key
        self._note = Wrapped(self._vault_note, id="vault-note")
        super().__init__(console, self._rows)
        self.changes = console.secrets
        self._value = ShownValue(self)

    # What is shown

    async def fetch(self, engine: Engine) -> None:
        """Read the names and what is known of them."""
        self._rows.take(await engine.secrets.state())

    def above_list(self) -> Iterable[Widget]:
        """Say what there is to know of the vault, above the filter."""
        return (self._note, *super().above_list())

    def natural_layout(self, size: Size) -> Layout:  # noqa: ARG002 - there are few rows
        """Show a secret below the list in any size."""
        return Layout.STACKED

    def show_read(self) -> None:
        """Draw what is known now."""
        self._note.write()
        self.list.redraw()
        self.list.sync()
        self.show_summary()
        self.show_details()

    @property
    def mode(self) -> Mode:
        """What the place is used for."""
        if not self._rows.count and self._rows.words is not None:
            return Mode.FILTERED
        found = super().mode
        return Mode.MISSING if found is Mode.LIST and self._is_missing else found

    def summary(self) -> Line:
        """Return how many there are, where, and how long what was copied can be pasted."""
        state = self._rows.state
        parts = paint.summary(state) if state is not None else []
        if left_s := self.changes.copied.seconds_left:
            parts.append([(f"clipboard is cleared in {left_s} s", "warning")])
        pieces: list[tuple[str, str]] = []
        for part in parts:
            pieces += [(GAP, "faint")] if pieces else []
            pieces += part
        return pieces

    def show_details(self) -> None:
        """Show what is known of the selected secret; its value if a person asked for it."""
        self._show_footer()
        entry = self.entry
        if entry is None:
            self._value.hide()
            return
        self._value.keep_if(entry)
        self.details_rule.show(visible(entry.name), self._value.countdown())
        self.text.show(self._about, stay=True)

    def _about(self, width: int) -> LineSource:
        entry, state = self.entry, self._rows.state
        if entry is None or state is None:
            return Lines()
        shown = self._value.lines(width)
        lines = about(entry, state.vault, width, moment.now_us(), self.console.registry.key, shown)
        return Lines(lines)

    def _vault_note(self, width: int) -> list[Line]:
        state = self._rows.state
        if state is None or self.size.height < NOTED_ROWS:
            return []
        return paint.vault_note(state.vault, width, self.console.registry.key)

    def tick(self) -> None:
        """Count seconds."""
        super().tick()
        self.list.changed(list(range(self._rows.count)))
        self.show_summary()
        self.show_details()

    @property
    def _is_missing(self) -> bool:
        """Whether the selected secret is asked for, and nobody set it."""
        entry = self.entry
        return entry is not None and not entry.scope and not entry.present

    @property
    def entry(self) -> SecretEntry | None:
        """The selected secret."""
        return self._rows.selected

    @property
    def vault(self) -> VaultFacts | None:
        """Where secrets are kept, None while that is not known."""
        return self._rows.state.vault if self._rows.state is not None else None

    def changed(self, name: str, scope: str) -> None:
        """Read again what was changed, and go to it."""
        self._value.hide()
        self._rows.select(name, scope)
        self.read()

    # Where a person goes

    def action_open(self) -> None:
        """Add what is missing; open what is known of another."""
        entry = self.entry
        if entry is not None and self._is_missing and not self.opened:
            self.changes.add(entry.name)
        else:
            super().action_open()

    def action_back(self) -> None:
        """Step out of the details; show all again."""
        if not self.opened and self._rows.words is not None:
            self.use(None)
        else:
            super().action_back()

    def on_screen_suspend(self) -> None:
        """Hide a value when something else is shown."""
        self.hide_values()

    def hide_values(self) -> None:
        """Hide the value that is shown."""
        self._value.hide()
        self.show_details()

    # What a person changes

    def action_add(self) -> None:
        """Add a secret, the one under the cursor if it is missing."""
        entry = self.entry
        self.changes.add(entry.name if entry is not None and not entry.scope else "")

    def action_edit(self) -> None:
        """Give the selected one another value."""
        if (entry := self._selected()) is not None:
            self.changes.edit(entry)

    def action_rotate(self) -> None:
        """Give the selected one a new value, and see who took it."""
        if (entry := self._selected()) is not None:
            self.changes.rotate_entry(entry)

    def action_remove(self) -> None:
        """Delete the selected one."""
        if (entry := self._kept()) is not None:
            self.changes.remove(entry)

    def action_undo(self) -> None:
        """Take back what was done last."""
        if self.console.requests.can_undo or self.entry is None:
            self.console.requests.undo()
        else:
            self.changes.restore(self.entry)

    def action_restore(self) -> None:
        """Bring back what the selected one was before its last change."""
        if (entry := self._selected()) is not None:
            self.changes.restore(entry)

    def action_reveal(self) -> None:
        """Show the value of the selected one for a while, or hide it."""
        if (entry := self._kept()) is not None:
            self._value.ask(entry)

    def action_copy(self) -> None:
        """Copy the value of the selected one."""
        if (entry := self._kept()) is not None:
            self.changes.copy(entry)

    def action_look_again(self) -> None:
        """Look for a keyring that can be used by now."""
        self.changes.look_again()

    def action_session_only(self) -> None:
        """Ask, then keep secrets for this session only."""
        self.changes.ask_for_session()

    def action_import_env(self, text: str = "") -> None:
        """Take secrets out of a file."""
        from kiket_console.ui.secret_files import take_from_file

        if (state := self._rows.state) is not None:
            take_from_file(self, state, text)

    def action_export_env(self, text: str = "") -> None:
        """Write secrets to a file."""
        from kiket_console.ui.secret_files import write_to_file

        if (state := self._rows.state) is not None:
            write_to_file(self, state, text)

    def _selected(self) -> SecretEntry | None:
        if self.entry is None:
            self.console.say("Go to a secret first.")
        return self.entry

    def _kept(self) -> SecretEntry | None:
        entry = self._selected()
        if entry is not None and not entry.present:
            self.console.say(f"{visible(entry.name)} has no value.")
            return None
        return entry
