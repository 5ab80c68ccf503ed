"""Folding in a text: what a row holds, a level more or less, or everything."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, cast

from textual import work
from textual.widget import Widget

from kiket_console.ui.threads import hand_over

if TYPE_CHECKING:
    from kiket_console.ui.widgets.text_view import TextView

SLOW_ROWS: Final = 50_000
"""In more rows, folding by levels belongs in a thread."""


class Folding(Widget):
    """The part of a text view that folds."""

    @property
    def _text(self) -> TextView:
        return cast("TextView", self)

    def action_turn(self) -> None:
        """Follow what the cursor's row leads to, else fold or unfold it."""
        text = self._text
        if not text.source.count:
            return
        target = text.source.target(text.cursor)
        if target:
            text.post_message(text.Followed(target))
            return
        self.folded(text.source.turn(text.cursor))

    def action_fold_level(self, by: int) -> None:
        """Fold one level more (-1), or one less (1)."""
        self._fold_level(by)

    def action_fold_all(self) -> None:
        """Fold everything."""
        self._fold_level(0)

    def action_unfold_all(self) -> None:
        """Unfold everything."""
        self._fold_level(None)

    def _fold_level(self, by: int | None) -> None:
        text, count = self._text, self._text.source.count
        if count > SLOW_ROWS:
            self._fold_slowly(by)
        elif count:
            self.folded(text.source.fold_level(text.cursor, by))

    @work(thread=True, exclusive=True, group="fold", exit_on_error=False)
    def _fold_slowly(self, by: int | None) -> None:
        text = self._text
        hand_over(self.app, self.folded, text.source.fold_level(text.cursor, by))

    def folded(self, row: int) -> None:
        """Show what was folded or unfolded; *row* is the one that the cursor is on now."""
        text = self._text
        text.let_go()
        before = text.cursor - int(text.scroll_offset.y)
        text.cursor = row
        text.grown()
        top = int(text.scroll_offset.y)
        if row - top != before and not top <= row < top + text.rows_shown:
            text.scroll_to(y=max(0, row - before), animate=False)
