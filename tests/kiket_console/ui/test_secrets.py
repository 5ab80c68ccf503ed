"""Secrets on screen: added, changed, rotated, deleted and taken back; shown and copied for seconds.

The vault is one that answers as it was told (`tests.snap.secrets`).
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

from msgspec.structs import replace
from tests.snap import secrets as told
from tests.snap.scene import NOW_US, screen_text, settled, until
from textual.events import Key, Paste

from kiket_console.ui import clipboard, shown_value
from kiket_console.ui.paint import secrets as paint
from kiket_console.ui.paint.secret import about as all_of
from kiket_console.ui.plain import text_of
from kiket_console.ui.registry import usual_key
from kiket_console.ui.screens.question import QuestionScreen
from kiket_console.ui.screens.secret import SecretScreen
from kiket_console.ui.screens.secrets import SecretsScreen
from kiket_console.wire_secrets import Generate, SecretEntry, SecretUse

if TYPE_CHECKING:
    from collections.abc import Callable

    import pytest
    from tests.snap import scene
    from textual.pilot import Pilot

    from kiket_console.ui.app import ConsoleApp
    from kiket_console.ui.paint.line import Line

SMALL, TALL = (80, 24), (120, 36)
ENTRIES = {each.name: each for each in told.entries(NOW_US)}


def plain(*lines: Line) -> str:
    """Return lines as text."""
    return "\n".join("".join(text for text, _ in line).rstrip() for line in lines)


async def to_secrets(pilot: Pilot[Any], select: str = "") -> None:
    """Go to the secrets, and to one of them."""
    await settled(pilot)
    await pilot.press("6")
    await until(pilot, lambda: "WEBHOOK_SECRET" in screen_text(pilot.app))
    while select and f"▌  {select}" not in screen_text(pilot.app).replace("▌!", "▌ "):
        await pilot.press("j")


def toasts(app: ConsoleApp) -> list[str]:
    """Return what was said in passing."""
    return [each.message for each in app._notifications]


# What is seen


def test_a_row_says_where_a_value_is_and_who_was_given_it() -> None:
    def row(name: str, width: int = 118) -> str:
        return plain(paint.row(ENTRIES[name], width, NOW_US, 14, usual_key))

    assert row("WEBHOOK_SECRET") == (
        "   WEBHOOK_SECRET  project  ••••••••  2 h      marketing ✓ 12 s ago"
    )
    assert row("CRM_TOKEN").split() == (
        ["!", "CRM_TOKEN", "-", "missing", "marketing", "asks", "for", "it", "enter", "to", "add"]
    )
    assert "billing ! has the old value · reports has not asked yet" in row("DATABASE_URL")
    assert "search ✓ 17 m ago in its environment" in row("API_KEY")
    assert "billing ✓ · search ✓" in row("API_KEY", 80)
    assert "deleted" in row("OLD_TOKEN")
    asked_for = replace(ENTRIES["OLD_TOKEN"], declared_by=("search",))
    line = plain(paint.row(asked_for, 118, NOW_US, 14, usual_key))
    assert "search asks for it" in line
    assert line.endswith("U to bring back")
    delivered = replace(ENTRIES["DATABASE_URL"], uses=(SecretUse("shop", NOW_US, "payload", 1),))
    assert "old value" not in plain(paint.row(delivered, 118, NOW_US, 14, usual_key))
    gone = SecretEntry("GONE", False, "project", version=2)
    assert "gone" in plain(paint.row(gone, 80, NOW_US, 14, usual_key))


def test_rows_fit_any_width() -> None:
    for width in (24, 40, 64, 80, 200):
        rows = [paint.row(each, width, NOW_US, 14, usual_key) for each in ENTRIES.values()]
        assert all(len(plain(line)) <= width for line in (*rows, paint.header(width, 14)))


def test_details_say_what_a_person_should_know_who_relies_on_it() -> None:
    """How each worker got it, what was there before, and what cannot be kept from others."""

    def about(name: str) -> str:
        return plain(*all_of(ENTRIES[name], told.KEYRING, 118, NOW_US, usual_key))

    assert "of all your projects, in the keyring" in about("API_KEY")
    assert "in its environment, where your other programs can read it" in about("API_KEY")
    assert "! search has it in its environment" in about("API_KEY")
    assert "the value before is kept for 22 h: U brings it back" in about("WEBHOOK_SECRET")
    assert "marketing ✓ 12 s ago      version 4  through its pipe" in about("WEBHOOK_SECRET")
    assert "version 1, the old value" in about("DATABASE_URL")
    assert "The project's .env gives a variable of this name, too" in about("DATABASE_URL")
    assert "is not cut out of logs and exports" in about("SEARCH_PIN")
    assert "A shared secret has the same name" in about("SEARCH_PIN")
    assert "It is deleted, and kept for 21 h still.\n  U brings it back" in about("OLD_TOKEN")
    assert "Asked by    each extension has it" in plain(
        *all_of(SecretEntry("KIKET_WEBHOOK_SECRET", True), told.KEYRING, 118, NOW_US, usual_key)
    )
    assert "Nobody has given it a value yet.\n  enter adds it" in about("CRM_TOKEN")


def test_a_locked_keyring_is_not_an_absent_one() -> None:
    def said(vault: Any) -> str:
        return plain(*paint.vault_note(vault, 118, usual_key))

    assert plain(*paint.vault_words(told.KEYRING)) == "OS keyring (Secret Service)\nunlocked"
    assert said(told.KEYRING) == ""
    assert "is locked" in plain(*paint.vault_words(told.LOCKED))
    assert "nobody unlocked it within 3 s" in said(told.LOCKED)
    assert plain(*paint.vault_words(told.ABSENT)) == "no keyring"
    assert "no D-Bus session bus is running" in said(told.ABSENT)
    assert "K looks again · S keeps them for this session only" in said(told.ABSENT)
    assert plain(*paint.vault_words(told.SESSION)) == "this session only"
    assert plain(*paint.vault_words(told.LOOKING)) == "looking for the keyring …"
    assert paint.vault_note(told.LOOKING, 118, usual_key) == []


async def test_values_are_never_on_screen_and_words_narrow_the_list(
    console: Callable[..., ConsoleApp], engine: scene.ToldEngine
) -> None:
    app = console(empty=True)
    async with app.run_test(size=TALL) as pilot:
        await to_secrets(pilot)
        shown = screen_text(app)
        assert "4 secrets · 1 missing · OS keyring (Secret Service) · unlocked" in shown
        assert not any(value[:8] in shown for value in told.VALUES.values())
        assert "v show value" in shown
        await pilot.press("j")  # to one that is missing: there is nothing to show or delete
        await until(pilot, lambda: "v show value" not in screen_text(app))
        assert "a add" in screen_text(app)
        await pilot.press("slash", *"scope=shared", "enter")
        await until(pilot, lambda: "WEBHOOK_SECRET" not in screen_text(app))
        assert "API_KEY" in screen_text(app)
        await pilot.press("escape")
        await until(pilot, lambda: "WEBHOOK_SECRET" in screen_text(app))

        engine.secrets.kept.clear()
        app.place.read()  # type: ignore[union-attr]  # it is Secrets
        await until(pilot, lambda: "There are no secrets yet." in screen_text(app))


# What a person changes


async def test_secrets_are_typed_without_showing_them_pasted_as_they_are_and_taken_back(
    console: Callable[..., ConsoleApp], engine: scene.ToldEngine
) -> None:
    """A refusal keeps what was typed; nothing can be copied out of its field."""
    app = console(empty=True)
    async with app.run_test(size=SMALL, notifications=True) as pilot:
        await to_secrets(pilot, "CRM_TOKEN")
        for key in ("enter", *"eRK"):  # typed ahead: no letter is a command by then
            app.post_message(Key(key, key))
        await until(pilot, lambda: "3 characters" in screen_text(app))
        assert "Add CRM_TOKEN" in screen_text(app)
        await pilot.press("home", "ctrl+k", "enter")
        await until(pilot, lambda: "It needs a value." in screen_text(app))
        await pilot.press(*"tok")
        assert "3 characters: too short to be cut out of logs" in screen_text(app)
        await pilot.press(*"en_abcdef")
        assert "12 characters" in screen_text(app)
        assert "token" not in screen_text(app)
        engine.secrets.refusal = "Somebody has changed it meanwhile."
        await pilot.press("enter")
        await until(pilot, lambda: "Somebody has changed it meanwhile." in screen_text(app))
        engine.secrets.refusal = ""
        await pilot.press("enter")
        await until(pilot, lambda: "CRM_TOKEN is kept." in toasts(app))
        assert engine.secrets.asked[-1] == ("set", "CRM_TOKEN", "token_abcdef", "project", 0)
        await pilot.press("u")
        await until(pilot, lambda: "CRM_TOKEN is gone again." in toasts(app))
        assert ("delete", "CRM_TOKEN", "project") in engine.secrets.asked

        key = "-----BEGIN KEY-----\rabc\rdef\r-----END KEY-----\r"  # as terminals paste it
        await pilot.press("a", *"SIGNING_KEY", "tab", "right", *"hl")  # typed where none is typed
        await until(pilot, lambda: "2 characters" in screen_text(app))
        await pilot.press("backspace", "backspace")
        app.screen.post_message(Paste(key))
        await until(pilot, lambda: "46 characters on 4 lines" in screen_text(app))
        await pilot.press("home", "shift+end", "ctrl+c", "ctrl+x")
        assert set(app.clipboard) == {"•"}
        app.screen.post_message(Paste("x" * 5_000))  # more than a line has: it is one piece
        await until(pilot, lambda: "5,000 characters" in screen_text(app))
        app.screen.post_message(Paste("x" * 65_537))  # half a key would be no key
        refusal = "A secret has at most 65,536 characters, not 65,537; it is as it was."
        await until(pilot, lambda: refusal in " ".join(screen_text(app).split()))
        await pilot.press("backspace", "shift+tab")
        app.screen.post_message(Paste(key))  # which field has the focus is not what it is for
        await until(pilot, lambda: "46 characters on 4 lines" in screen_text(app))
        await pilot.press("enter")
        await until(pilot, lambda: "SIGNING_KEY is kept." in toasts(app))
        value = key.replace("\r", "\n")
        assert engine.secrets.asked[-1] == ("set", "SIGNING_KEY", value, "shared", 0)


async def test_a_secret_is_rotated_to_what_nobody_has_seen_and_who_took_it_is_shown(
    console: Callable[..., ConsoleApp], engine: scene.ToldEngine
) -> None:
    app = console(empty=True)
    engine.secrets.acks, engine.secrets.restarted = told.ACKS[:1], ("marketing",)
    async with app.run_test(size=TALL, notifications=True) as pilot:
        await to_secrets(pilot, "WEBHOOK_SECRET")
        await pilot.press("R")
        await until(pilot, lambda: "Rotate WEBHOOK_SECRET" in screen_text(app))
        await pilot.press("tab", "right", "tab", "backspace", "backspace", "4", "enter")
        await until(pilot, lambda: "is no number from 8 to 1,024" in screen_text(app))
        await pilot.press("8", "enter")
        await until(pilot, lambda: "WEBHOOK_SECRET is rotated" in screen_text(app))
        assert "✓ billing  success in 2.9 ms" in screen_text(app)
        assert "⟳ marketing is started anew" in screen_text(app)
        made = Generate("base64url", 48)
        assert engine.secrets.asked == [("rotate", "WEBHOOK_SECRET", None, made, "project")]
        await pilot.press("enter", "u")
        await until(pilot, lambda: "has the value from before again" in "".join(toasts(app)))
        assert ("restore", "WEBHOOK_SECRET", "project") in engine.secrets.asked


async def test_what_is_deleted_comes_back_and_so_does_what_was_changed_elsewhere(
    console: Callable[..., ConsoleApp], engine: scene.ToldEngine
) -> None:
    """Without a step of this session to take back, `u` asks for the selected secret's."""
    app = console(empty=True)
    async with app.run_test(size=TALL, notifications=True) as pilot:
        await to_secrets(pilot, "WEBHOOK_SECRET")
        await pilot.press("delete")
        await until(pilot, lambda: "It is deleted, and kept for 1 d still." in screen_text(app))
        await pilot.press("u")
        await until(pilot, lambda: "WEBHOOK_SECRET is back." in toasts(app))
        await pilot.press("u")
        await until(pilot, lambda: isinstance(app.screen, QuestionScreen))
        assert "Bring back the value of WEBHOOK_SECRET" in screen_text(app)
        await pilot.press("right", "enter")
        await until(pilot, lambda: "WEBHOOK_SECRET is as it was." in toasts(app))
        await pilot.press("g")
        await to_secrets(pilot, "OLD_TOKEN")
        await pilot.press("U")
        await until(pilot, lambda: "OLD_TOKEN is as it was." in toasts(app))
        assert [each[:2] for each in engine.secrets.asked] == [
            ("delete", "WEBHOOK_SECRET"), ("restore", "WEBHOOK_SECRET"),
            ("restore", "WEBHOOK_SECRET"), ("restore", "OLD_TOKEN"),
        ]  # fmt: skip


# Where it is kept


async def test_without_a_keyring_a_person_is_asked_before_anything_is_typed(
    console: Callable[..., ConsoleApp], engine: scene.ToldEngine
) -> None:
    engine.secrets.facts = told.LOCKED
    app = console(empty=True)
    async with app.run_test(size=SMALL, notifications=True) as pilot:
        await to_secrets(pilot, "CRM_TOKEN")
        assert "nobody unlocked it within 3 s" in screen_text(app)
        await pilot.press("enter")
        await until(pilot, lambda: "The keyring is locked" in screen_text(app))
        await pilot.press("enter")  # look again: it is locked still
        await until(pilot, lambda: told.LOCKED.problem in toasts(app))
        await pilot.press("enter")
        await until(pilot, lambda: isinstance(app.screen, QuestionScreen))
        await pilot.press("right", "enter")  # this session
        await until(pilot, lambda: isinstance(app.screen, SecretScreen))
        await pilot.press("escape")
        await until(pilot, lambda: "Secrets are kept for this session only." in toasts(app))
        engine.secrets.can_unlock = True
        await pilot.press("K")
        await until(
            pilot, lambda: "Secrets are kept in the keyring (Secret Service)." in toasts(app)
        )


async def test_a_keyring_that_hangs_does_not_hold_up_the_screen(
    console: Callable[..., ConsoleApp], engine: scene.ToldEngine
) -> None:
    """Keys are answered while the engine still waits for it."""
    engine.secrets.hangs.clear()
    app = console(empty=True)
    async with app.run_test(size=SMALL) as pilot:
        await settled_but_reading(pilot)
        assert "Reading the names of the secrets" in screen_text(app)
        for _ in range(10):
            await pilot.press("j", "k")
        await pilot.press("a", "1")
        assert "Nothing has arrived yet." in screen_text(app)
        engine.secrets.hangs.set()
        await until(
            pilot, lambda: all(each.is_finished for each in app.workers if each.group == "ask")
        )
        assert app.screen is app.place  # no form comes between
        await pilot.press("6")
        await until(pilot, lambda: "WEBHOOK_SECRET" in screen_text(app))


async def settled_but_reading(pilot: Pilot[Any]) -> None:
    """Go to the secrets, whose names are still being read."""
    await settled(pilot)
    await pilot.press("6")
    await pilot.pause()


# What is seen or pasted for seconds only


async def test_a_value_is_shown_after_a_question_and_hidden_again(
    console: Callable[..., ConsoleApp], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Another row, another place and plain text hide it at once; time does by itself."""
    app = console(empty=True)
    async with app.run_test(size=TALL) as pilot:
        await to_secrets(pilot)

        async def show(*answer: str) -> None:
            await pilot.press("v")
            await until(pilot, lambda: isinstance(app.screen, QuestionScreen))
            assert "MIIEvQIBADANBgkq" not in screen_text(app)
            await pilot.press(*answer)
            await until(pilot, lambda: "MIIEvQIBADANBgkq" in screen_text(app))

        await pilot.press("v")
        await until(pilot, lambda: isinstance(app.screen, QuestionScreen))
        await pilot.press("n")
        await until(pilot, lambda: app.screen is app.place)
        await show("y")
        assert "hidden again in " in screen_text(app)
        await pilot.press("j")
        await until(pilot, lambda: "MIIEvQIBADANBgkq" not in screen_text(app))
        await pilot.press("k")
        await show("right", "enter")
        await pilot.press("1", "6")
        assert "MIIEvQIBADANBgkq" not in screen_text(app)
        await show("right", "enter")
        await pilot.press("tab", "ctrl+l")
        place = app.place
        assert isinstance(place, SecretsScreen)
        assert "MIIEvQIBADANBgkq" not in "\n".join(text_of(place))
        await show("right", "enter")
        await pilot.press("v")
        assert "MIIEvQIBADANBgkq" not in screen_text(app)
        until_s = place._value._until_s
        monkeypatch.setattr(shown_value, "SHOWN_S", 0.05)
        await pilot.press("v", "right", "enter")
        await until(pilot, lambda: place._value._until_s != until_s)
        await until(pilot, lambda: "MIIEvQIBADANBgkq" not in screen_text(app))
        assert not place._value.countdown()


async def test_a_copied_value_leaves_the_clipboard_unless_something_else_was_copied(
    console: Callable[..., ConsoleApp], monkeypatch: pytest.MonkeyPatch
) -> None:
    app = console(empty=True)
    async with app.run_test(size=TALL, notifications=True) as pilot:
        await to_secrets(pilot, "WEBHOOK_SECRET")
        await pilot.press("y")
        await until(pilot, lambda: app.clipboard == told.VALUES["WEBHOOK_SECRET", "project"])
        place = app.place
        assert isinstance(place, SecretsScreen)
        assert re.search(r"unlocked · clipboard is cleared in \d+ s$", plain(place.summary()))
        app.copy_to_clipboard("mine")
        assert not app.secrets.copied.clear()
        assert app.clipboard == "mine"
        monkeypatch.setattr(clipboard, "SECRET_FOR_S", 0.05)
        await pilot.press("y")
        await until(pilot, lambda: "The clipboard is cleared of the secret." in toasts(app))
        assert not app.clipboard.strip()
        monkeypatch.undo()
        await pilot.press("y")
        await until(pilot, lambda: "whsec" in app.clipboard)
        app.exit()
        assert not app.clipboard.strip()


# Files


async def test_secrets_are_taken_out_of_a_file_and_written_to_one_by_name(
    console: Callable[..., ConsoleApp], engine: scene.ToldEngine
) -> None:
    """What is the same or unusable cannot be chosen; a question comes before clear text."""
    app = console(empty=True)
    env = app.folder / ".env"
    env.write_text(
        "# keep me\nCRM_TOKEN=tok_0123456789\nWEBHOOK_SECRET=whsec_5f0c2b7d9e\n"
        "DATABASE_URL='postgres://app:other@127.0.0.1/app'\nEMPTY=\n"
    )
    async with app.run_test(size=TALL, notifications=True) as pilot:
        await to_secrets(pilot)
        await pilot.press("colon", *"import nope", "enter")
        await until(pilot, lambda: "There is no nope." in "".join(toasts(app)))
        await pilot.press("I")
        await until(pilot, lambda: "Take secrets out of .env" in screen_text(app))
        shown = screen_text(app)
        assert "2 of 4 chosen · into project" in shown
        assert "✓ CRM_TOKEN        new" in shown
        assert "  WEBHOOK_SECRET   same" in shown
        assert "✓ DATABASE_URL     different" in shown
        assert "unusable    it has no value" in shown
        assert "tok_0123456789" not in shown
        await pilot.press("j", "space", "space", "enter")  # not the URL after all
        await until(pilot, lambda: "Took 1 secret out of .env" in screen_text(app))
        assert engine.secrets.asked[-1] == ("set", "CRM_TOKEN", "tok_0123456789", "project", 0)
        await pilot.press("right", "enter")
        await until(pilot, lambda: "1 line of .env taken out." in toasts(app))
        assert "CRM_TOKEN" not in env.read_text()
        assert env.read_text().startswith("# keep me\nWEBHOOK_SECRET=")

        await pilot.press("x")
        await until(pilot, lambda: "Write secrets to .env" in screen_text(app))
        await pilot.press("a", "enter")  # none of them
        await until(pilot, lambda: "None is chosen: space chooses one" in "".join(toasts(app)))
        await pilot.press("space", "enter")  # the first
        await until(pilot, lambda: "1 value would stand in .env as clear text" in screen_text(app))
        assert "BEGIN KEY" not in env.read_text()
        await pilot.press("right", "enter")
        await until(pilot, lambda: "1 secret written to .env" in "".join(toasts(app)))
        assert "BEGIN KEY" in env.read_text()
        assert env.stat().st_mode & 0o777 == 0o600
