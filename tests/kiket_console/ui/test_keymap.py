"""A person's own keys are taken as a whole or refused with a sentence that names the line."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from tests.snap.scene import screen_text, settled, until

from kiket_console.errors import ConsoleError, ExitCode
from kiket_console.ui import keymap
from kiket_console.ui.actions import Registry, bindings
from kiket_console.ui.command import TOGETHER, Scope

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from tests.snap import scene

    from kiket_console.ui.app import ConsoleApp


def load(folder: Path, *lines: str) -> dict[str, str]:
    file = folder / "config.toml"
    file.write_text("\n".join(["theme = 'kiket-dawn'", "[keys]", *lines]))
    return keymap.load(file)


def refusal(folder: Path, *lines: str) -> str:
    with pytest.raises(ConsoleError) as refused:
        load(folder, *lines)
    assert refused.value.exit_code is ExitCode.CONFIG
    return str(refused.value).replace(str(folder / "config.toml"), "config.toml")


def test_without_a_file_or_a_table_keys_are_as_they_come(tmp_path: Path) -> None:
    assert keymap.load(tmp_path / "config.toml") == {}


@pytest.mark.parametrize(
    ("written", "named"),
    [
        ("x", "x"), ("R", "R"), ("?", "question_mark"), ("ctrl+b", "ctrl+b"), ("Ctrl+B", "ctrl+b"),
        ("esc", "escape"), ("pgdn", "pagedown"), ("F5", "f5"), ("shift+b", "B"), ("↓", "down"),
        ("alt+x", "alt+x"), ("space", "space"), ("alt++", "alt+plus"), ("+", "plus"),
        ("x, ctrl+x", "x,ctrl+x"), ("comma", "comma"), ("control+f5", "ctrl+f5"), ("", ""),
    ],
)  # fmt: skip
def test_keys_are_written_as_people_write_them(tmp_path: Path, written: str, named: str) -> None:
    assert keymap._names(written, "", "") == (named.split(",") if named else [])


def test_ids_may_stand_in_quotes_with_dots_or_in_tables_of_their_own(tmp_path: Path) -> None:
    assert load(tmp_path, '"traffic.replay" = "f8"', 'theme = ["f9", "ctrl+y"]') == {
        "traffic.replay": "f8", "theme": "f9,ctrl+y",
    }  # fmt: skip
    assert load(tmp_path, 'traffic.replay = "f8"') == {"traffic.replay": "f8"}
    assert load(tmp_path, "[keys.traffic]", 'replay = "f8"') == {"traffic.replay": "f8"}


def test_two_commands_may_change_places(tmp_path: Path) -> None:
    assert load(tmp_path, '"traffic.replay" = "t"', '"traffic.trigger" = "r"')


@pytest.mark.parametrize(
    ("lines", "sentence"),
    [
        (['"traffic.repla" = "x"'],
         'config.toml:3: there is no command "traffic.repla". Did you mean "traffic.replay"?'),
        (['replay = "f8"'],
         'config.toml:3: there is no command "replay". Did you mean "traffic.replay"?'),
        (['"theme" = "F12"', '"traffic.replay" = "T"', 'help = "t"'],
         ('config.toml:5: "t" is the key of "traffic.trigger" too (trigger). '
         'Give "traffic.trigger" another key, or none: "".')),
        (['"traffic.replay" = "j"'],
         ('config.toml:3: "j" is the key of "list.down" too (down). '
         'Give "list.down" another key, or none: "".')),
        (['theme = "ctrl+i"'],
         ('config.toml:3: a terminal sends tab for "ctrl+i". '
         'Write "tab" if that is meant, else take another key.')),
        (['theme = "ctrl+["'],
         ('config.toml:3: a terminal sends escape for "ctrl+[". '
         'Write "escape" if that is meant, else take another key.')),
        (['theme = "ctrl+enter"'],
         'config.toml:3: few terminals can send "ctrl+enter". Give a second key beside it.'),
        (['theme = "ctrl+shift+x"'],
         'config.toml:3: few terminals can send "ctrl+shift+x". Give a second key beside it.'),
        (['theme = "escpae"'], 'config.toml:3: there is no key "escpae". Did you mean "escape"?'),
        (['theme = "hyper+x"'],
         'config.toml:3: "hyper+x" is no key. Keys are written "r", "R", "ctrl+r", "f5".'),
        (["theme = 5"], 'config.toml:3: the keys of "theme" are 5. Write them as "r, ctrl+r".'),
        (['"prompt.cancel" = "q"'],
         ('config.toml:3: "q" is needed for typing, so "prompt.cancel" cannot have it. '
         "Take one with ctrl or alt, or a function key.")),
        (['"chooser.down" = "ctrl+u"'],
         ('config.toml:3: "ctrl+u" is needed for typing, so "chooser.down" cannot have it. '
         "Take one with ctrl or alt, or a function key.")),
        (['quit = "x"'],
         ('config.toml:3: "x" is needed for typing, so "quit" cannot have it. '
         "Take one with ctrl or alt, or a function key.")),
        (['quit = ""'], 'config.toml:3: "quit" needs a key. Without one there is no way out.'),
        (["theme = "], ("config.toml cannot be understood: Invalid value (at end of document). "
         "Correct it there.")),
    ],
)  # fmt: skip
def test_a_map_with_a_mistake_is_refused_with_a_sentence(
    tmp_path: Path, lines: list[str], sentence: str
) -> None:
    assert refusal(tmp_path, *lines) == sentence


def test_a_rare_key_is_taken_beside_a_common_one(tmp_path: Path) -> None:
    assert load(tmp_path, 'theme = "ctrl+enter, f9"') == {"theme": "ctrl+enter,f9"}


def test_footer_and_lists_show_the_keys_that_a_person_has() -> None:
    registry = Registry({"traffic.replay": "f8", "open": ""})
    assert ("f8", "replay") in registry.footer(Scope.TRAFFIC)
    assert "open" not in dict(map(reversed, registry.footer(Scope.TRAFFIC)))  # type: ignore[arg-type]  # pairs
    assert registry.keymap["open"].startswith("no-key-for-")


def test_every_scope_with_bindings_is_checked_for_keys_that_are_heard_together() -> None:
    """A scope that is in no set of scopes heard together could hide a clash."""
    assert set(Scope) == {scope for scopes in TOGETHER for scope in scopes}
    assert bindings(*Scope)


async def test_a_person_s_keys_work_are_shown_and_the_usual_ones_are_free(
    console: Callable[..., ConsoleApp], engine: scene.ToldEngine
) -> None:
    keys = {"traffic.replay": "f8", "place.logs": "L", "traffic.follow": "", "theme": "r"}
    app = console(keys=keys)
    async with app.run_test(size=(100, 30), notifications=True) as pilot:
        await settled(pilot)
        assert "f8 replay" in screen_text(app)
        assert "follow" not in screen_text(app).splitlines()[-1]
        await pilot.press("f8")
        await until(pilot, lambda: any(each[0] == "replay" for each in engine.asked))
        await pilot.press("3", "f")
        assert app.place is not None
        assert app.place.TITLE == "Traffic"
        await pilot.press("r")
        await until(pilot, lambda: "─ Colours ─" in screen_text(app))
        await pilot.press("escape", "question_mark", *"logged", "space", *"show")
        await until(pilot, lambda: "L              Show what your code printed" in screen_text(app))
        await pilot.press("escape", "L")
        await until(pilot, lambda: app.place is not None and app.place.TITLE == "Logs")


async def test_a_key_that_was_taken_from_a_dialog_is_not_heard_there(
    console: Callable[..., ConsoleApp],
) -> None:
    app = console(keys={"chooser.cancel": "ctrl+y"})
    async with app.run_test(size=(100, 30)) as pilot:
        await settled(pilot)
        await pilot.press("ctrl+p", "escape")
        await until(pilot, lambda: "─ Commands ─" in screen_text(app))
        assert "ctrl+y cancel" in screen_text(app)
        await pilot.press("ctrl+y")
        await until(pilot, lambda: app.screen is app.place)
