"""Ask a person for one line, above the footer of any screen."""

from __future__ import annotations

from inspect import isawaitable
from typing import TYPE_CHECKING

from textual.screen import Screen, ScreenResultType

from kiket_console.errors import ConsoleError

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from textual.widget import Widget

    from kiket_console.ui.widgets.prompt import Prompt


class Asking(Screen[ScreenResultType]):
    """A screen that can ask for a line; it has one prompt at a time, above its footer."""

    _prompt: Prompt | None = None
    _asked_from: Widget | None = None
    _is_taking_in = False
    _done: Callable[[str], str | Awaitable[str]] | None = None
    _changed: Callable[[Prompt], None] | None = None
    _cancelled: Callable[[], None] | None = None

    @property
    def keys_wait(self) -> bool:
        """Whether a prompt is about to get the focus, or what was entered is being taken in."""
        return self._is_taking_in or (self._prompt is not None and not self._prompt.was_focused)

    def ask(
        self,
        prompt: Prompt,
        done: Callable[[str], str | Awaitable[str]],
        *,
        changed: Callable[[Prompt], None] | None = None,
        cancelled: Callable[[], None] | None = None,
        before: Widget | None = None,
    ) -> None:
        """Show *prompt* before a widget, the footer, in the place of one that is there.

        *done* gets what was entered. A sentence that it returns, or a `ConsoleError` that it
        raises, keeps the prompt open and says what is wrong, at the error's `column` if it has
        one; an empty text closes it. *changed* hears of each change of what is typed, the first
        time when the prompt is shown. *cancelled* hears that the person wants none of it.
        """
        from kiket_console.ui.widgets.bars import Footer

        self.close_prompt()
        self._asked_from = self.focused
        self._prompt, self._done, self._changed = prompt, done, changed
        self._cancelled = cancelled
        self.mount(prompt, before=before or self.query_one(Footer))
        self.prompt_changed(prompt)

    def close_prompt(self) -> bool:
        """Take the prompt away and go back to where it was asked from; False without one."""
        prompt, self._prompt = self._prompt, None
        if prompt is None:
            return False
        if self._asked_from is not None and self._asked_from.is_attached:
            self._asked_from.focus()
        prompt.remove()
        self.prompt_changed(None)
        return True

    def prompt_changed(self, prompt: Prompt | None) -> None:
        """Take in which prompt is shown now, if any."""

    def on_prompt_changed(self, event: Prompt.Changed) -> None:
        """Tell whoever asked what is typed."""
        if event.prompt is self._prompt and self._changed is not None:
            self._changed(event.prompt)

    def on_prompt_submitted(self, event: Prompt.Submitted) -> None:
        """Hand what was entered to whoever asked."""
        if event.prompt is self._prompt and self._done is not None:
            self._is_taking_in = True
            work = self._hand_over(event.prompt, event.text, self._done)
            self.run_worker(work, group="prompt", exclusive=True)

    def on_prompt_cancelled(self, event: Prompt.Cancelled) -> None:
        """Take the prompt away."""
        if event.prompt is self._prompt and self.close_prompt() and self._cancelled is not None:
            self._cancelled()

    async def _hand_over(
        self, prompt: Prompt, text: str, done: Callable[[str], str | Awaitable[str]]
    ) -> None:
        try:
            said = done(text)
            sentence = await said if isawaitable(said) else said
            if sentence:
                prompt.complain(sentence)
            elif prompt is self._prompt:  # else *done* asked something else
                self.close_prompt()
        except ConsoleError as error:
            column = getattr(error, "column", None)
            prompt.complain(str(error), column, getattr(error, "length", 1))
        finally:
            self._is_taking_in = False
