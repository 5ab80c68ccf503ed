"""The line to type into: offers, history, what is wrong and where, and hostile pastes."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tests.snap.scene import screen_text, settled, until
from textual import events

from kiket_console.errors import ConsoleError
from kiket_console.ui.widgets.offers import Offer
from kiket_console.ui.widgets.prompt import Prompt

if TYPE_CHECKING:
    from collections.abc import Callable

    from textual.pilot import Pilot

    from kiket_console.ui.app import ConsoleApp

SMALL = (80, 24)
OFFERS = (Offer("state:", 0, 2, "held, failed"), Offer("status:", 0, 2, "answers by number"))


class Asked:
    """What was entered, in order; *refusal* keeps the prompt open."""

    def __init__(self, app: ConsoleApp, prompt: Prompt, refusal: str | ConsoleError = "") -> None:
        self.entered: list[str] = []
        self.refusal = refusal
        self.prompt = prompt
        assert app.place is not None
        app.place.ask(prompt, self.done)

    def done(self, text: str) -> str:
        self.entered.append(text)
        if isinstance(self.refusal, ConsoleError):
            raise self.refusal
        return self.refusal


async def asked(
    pilot: Pilot[bool], prompt: Prompt, refusal: str | ConsoleError = ""
) -> tuple[ConsoleApp, Asked]:
    app = pilot.app
    await settled(pilot)
    found = Asked(app, prompt, refusal)  # type: ignore[arg-type]  # it is the console
    await until(pilot, lambda: app.screen.focused is not None and prompt in prompt_of(app))
    return app, found  # type: ignore[return-value]  # it is the console


def prompt_of(app: object) -> list[object]:
    focused = app.screen.focused  # type: ignore[attr-defined]  # it is the console
    return list(focused.ancestors) if focused is not None else []


def last_lines(app: ConsoleApp, count: int) -> list[str]:
    return screen_text(app).splitlines()[-count:]


async def test_what_is_typed_is_handed_over_or_taken_away_and_the_list_has_the_focus_again(
    console: Callable[..., ConsoleApp],
) -> None:
    """With the arrows comes back what was entered earlier, and then what was typed."""
    async with console(empty=True).run_test(size=SMALL) as pilot:
        app, found = await asked(pilot, Prompt("note", "is "))
        await pilot.press("t", "w", "i", "c", "e", "question_mark", "1", "q")
        assert last_lines(app, 2)[0] == " note is twice?1q"
        await pilot.press("enter")
        await until(pilot, lambda: app.place is not None and app.place.list.has_focus)
        assert found.entered == ["is twice?1q"]
        assert "note" not in last_lines(app, 2)[0]

        _, found = await asked(pilot, Prompt("note"))
        await pilot.press("x", "escape")
        await until(pilot, lambda: app.place is not None and app.place.list.has_focus)
        assert found.entered == []

        _, found = await asked(pilot, Prompt("filter", "new", history=("one", "two", "one")))
        texts = []
        for key in ("up", "up", "up", "down", "down", "down"):
            await pilot.press(key)
            texts.append(found.prompt.text)
        assert texts == ["one", "two", "two", "one", "new", "new"]


async def test_a_mistake_is_said_above_its_column_and_the_prompt_stays(
    console: Callable[..., ConsoleApp],
) -> None:
    wrong = ConsoleError('There is no field "stat".', hint='Did you mean "status"?')
    wrong.column, wrong.length = 5, 4  # type: ignore[attr-defined]  # as errors of filters have
    async with console(empty=True).run_test(size=SMALL) as pilot:
        app, _ = await asked(pilot, Prompt("filter", "日本 x stat"), wrong)
        await pilot.press("enter")
        await until(pilot, lambda: "no field" in screen_text(app))
        said, line, _ = last_lines(app, 3)
        assert said.strip() == '▼ There is no field "stat". Did you mean "status"?'
        before = line.partition("stat")[0]
        assert said.index("▼") == len(before) + 2  # two wide characters
        await pilot.press("x")
        await until(pilot, lambda: "no field" not in screen_text(app))


async def test_tab_goes_through_several_offers_and_back_to_what_was_typed(
    console: Callable[..., ConsoleApp],
) -> None:
    """The only one it takes at once; where the cursor is then is told."""
    async with console(empty=True).run_test(size=SMALL) as pilot:
        app, found = await asked(pilot, Prompt("filter", "st"))
        found.prompt.offer(OFFERS)
        await until(pilot, lambda: "answers by number" in screen_text(app))
        texts = []
        for key in ("tab", "tab", "tab", "shift+tab", "up", "down"):
            found.prompt.offer(OFFERS)  # as whoever asked does when the text is another
            await pilot.press(key)
            texts.append(found.prompt.text)
        assert texts == ["state:", "status:", "st", "status:", "state:", "status:"]
        await pilot.press("escape")
        assert found.prompt.text == "st"
        await pilot.press("escape")

        _, found = await asked(pilot, Prompt("filter", "st x"))
        await pilot.press("left", "left")
        found.prompt.offer(OFFERS[1:])
        await pilot.press("tab")
        assert (found.prompt.text, found.prompt.cursor) == ("status: x", 7)


async def test_a_hostile_paste_is_one_harmless_line_and_of_a_megabyte_a_part_is_taken(
    console: Callable[..., ConsoleApp],
) -> None:
    """Line ends become spaces, what would act becomes its picture, and nothing is lost."""
    async with console(empty=True).run_test(size=SMALL) as pilot:
        app, found = await asked(pilot, Prompt("note"))
        app.screen.post_message(events.Paste("a\n\x1b]52;c;aa\x07\tb\u202e\ud800[/x]\r\n"))
        await until(pilot, lambda: bool(found.prompt.text))
        assert found.prompt.text == "a \\x1b]52;c;aa\\x07 b\\u202e\\ud800[/x]"
        await pilot.press("ctrl+u")
        app.screen.post_message(events.Paste("x" * 1_000_000))
        await until(pilot, lambda: "Only a part was taken" in screen_text(app))
        assert len(found.prompt.text) == 4_000
