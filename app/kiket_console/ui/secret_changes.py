"""What a person changes of their secrets, and what they are told of who took it."""

from __future__ import annotations

from enum import StrEnum
from functools import partial
from typing import TYPE_CHECKING

from kiket_console.text import visible
from kiket_console.ui import moment
from kiket_console.ui.clipboard import CopiedSecret
from kiket_console.ui.requests import Step
from kiket_console.ui.rotating import show_outcome
from kiket_console.wire_secrets import PROJECT, SHARED

if TYPE_CHECKING:
    from collections.abc import Callable

    from kiket_console.ui.app import ConsoleApp
    from kiket_console.ui.link import Engine
    from kiket_console.ui.screens.secret import Draft, Task
    from kiket_console.wire_secrets import SecretEntry, VaultFacts


class Where(StrEnum):
    """What to do without a keyring that can be used."""

    AGAIN = "Look again"
    SESSION = "This session"
    CANCEL = "Cancel"


class Back(StrEnum):
    """Whether a value is to be brought back."""

    CANCEL = "Cancel"
    RESTORE = "Bring back"


class SecretChanges:
    """Carry out what is asked of the vault; all but what is made anew can be taken back."""

    def __init__(self, console: ConsoleApp) -> None:
        self._console = console
        self.copied = CopiedSecret(console)
        """What of it is in the clipboard."""

    # What is kept

    def add(self, name: str = "") -> None:
        """Open the form for a new secret, *name* if it is known what it is called."""
        from kiket_console.ui.screens.secret import Task

        self.once_kept(partial(self._open, Task.ADD, name, PROJECT, 0))

    def edit(self, entry: SecretEntry) -> None:
        """Open the form for another value of a secret."""
        from kiket_console.ui.screens.secret import Task

        if not entry.scope:
            self.add(entry.name)
            return
        self.once_kept(partial(self._open, Task.EDIT, entry.name, entry.scope, entry.version))

    def rotate(self, name: str) -> None:
        """Open the form for a new value of the secret that this project sees under *name*."""

        async def look(engine: Engine) -> None:
            state = await engine.secrets.state()
            scopes = {each.scope: each for each in state.entries if each.name == name}
            found = scopes.get(PROJECT) or scopes.get(SHARED)
            if found is None:
                self.add(name)
            else:
                self.rotate_entry(found)

        self._console.requests.carry_out(look)

    def rotate_entry(self, entry: SecretEntry) -> None:
        """Open the form for a new value of a secret, to be made or typed."""
        from kiket_console.ui.screens.secret import Task

        if not entry.scope:
            self.add(entry.name)
            return
        self.once_kept(partial(self._open, Task.ROTATE, entry.name, entry.scope, entry.version))

    def remove(self, entry: SecretEntry) -> None:
        """Delete a secret; it can be brought back."""
        name, scope = entry.name, entry.scope

        async def take_back(engine: Engine) -> str:
            await engine.secrets.restore(name, scope=scope)
            self._changed(name, scope)
            return f"{visible(name)} is back."

        async def remove(engine: Engine) -> None:
            await engine.secrets.delete(name, scope=scope)
            self._console.requests.remember(Step(take_back))
            self._changed(name, scope)
            self._console.say(f"Deleted {visible(name)}; u brings it back, for a day.")

        self._console.requests.change(remove)

    def restore(self, entry: SecretEntry) -> None:
        """Bring back the value before the last change; ask when that replaces one."""
        if entry.previous_until_us <= moment.now_us():
            self._console.say(f"No value of {visible(entry.name)} from before is kept.")
            return
        if not entry.present:
            self._console.requests.change(partial(self._restore, entry))
            return

        def answered(answer: Back | None) -> None:
            if answer is Back.RESTORE:
                self._console.requests.change(partial(self._restore, entry))

        from kiket_console.ui.screens.question import QuestionScreen

        question = QuestionScreen[Back](
            f"Bring back the value of {visible(entry.name)} from before?",
            ["Workers that have the present one are given the older one again."],
            (Back.CANCEL, Back.RESTORE),
            Back.CANCEL,
        )
        self._console.push_screen(question, answered)

    def copy(self, entry: SecretEntry) -> None:
        """Copy a value for a while."""

        async def copy(engine: Engine) -> None:
            value = await engine.secrets.reveal(entry.name, scope=entry.scope)
            self.copied.copy(value, entry.name)

        self._console.requests.carry_out(copy)

    # Where it is kept

    def look_again(self) -> None:
        """Look for a keyring that can be used by now, and say what was found."""

        async def look(engine: Engine) -> None:
            self._console.say("Looking for the keyring …")
            self._tell_where(await engine.secrets.vault("keyring"))
            self._changed()

        self._console.requests.carry_out(look)

    def ask_for_session(self) -> None:
        """Ask whether secrets are to be kept for this session only."""
        said = ["What is set from now on is forgotten when the engine ends."]
        self._ask_where("Keep secrets for this session only?", said, lambda: None, again=False)

    def once_kept(self, go_on: Callable[[], None]) -> None:
        """Go on if something can be set now; else ask where to, and then go on.

        Nothing is asked, or opened, that would come between a person who has gone on meanwhile.
        """
        asked_from = self._console.screen

        def decide(vault: VaultFacts) -> None:
            if vault.state == "none":
                why = vault.problem or "There is no keyring here that can be used."
                said = [why, "Secrets can be kept in memory instead, until the engine ends."]
                title = "The keyring is locked" if vault.locked else "No keyring to keep it in"
                self._ask_where(title, said, go_on, again=True)
            else:
                go_on()

        async def look(engine: Engine) -> None:
            vault = (await engine.secrets.state()).vault
            if self._console.screen is asked_from:
                decide(vault)

        if (known := self._known_vault()) is not None:
            decide(known)
        else:
            self._console.requests.carry_out(look)

    def _known_vault(self) -> VaultFacts | None:
        from kiket_console.ui.screens.secrets import SecretsScreen

        place = self._console.place
        return place.vault if isinstance(place, SecretsScreen) else None

    def _ask_where(
        self, title: str, said: list[str], go_on: Callable[[], None], *, again: bool
    ) -> None:
        from kiket_console.ui.screens.question import QuestionScreen

        def answered(answer: Where | None) -> None:
            if answer is Where.SESSION:
                self._console.requests.carry_out(partial(choose, "session"))
            elif answer is Where.AGAIN:
                self._console.requests.carry_out(partial(choose, "keyring"))

        async def choose(mode: str, engine: Engine) -> None:
            vault = await engine.secrets.vault(mode)
            self._tell_where(vault)
            self._changed()
            if vault.state != "none":
                go_on()

        answers = (Where.AGAIN, Where.SESSION, Where.CANCEL)
        if not again:
            answers = (Where.CANCEL, Where.SESSION)  # type: ignore[assignment]
        question = QuestionScreen[Where](title, said, answers, Where.CANCEL)
        self._console.push_screen(question, answered)

    def _tell_where(self, vault: VaultFacts) -> None:
        if vault.state == "keyring" and not vault.locked:
            moved = f"; so are now {', '.join(map(visible, vault.moved))}" if vault.moved else ""
            self._console.say(f"Secrets are kept in the keyring ({visible(vault.name)}){moved}.")
        elif vault.state == "session":
            self._console.say("Secrets are kept for this session only.")
        else:
            why = vault.problem or "There is no keyring that can be used."
            self._console.say(why, error=True)

    # How it is done

    def _open(self, task: Task, name: str, scope: str, version: int) -> None:
        from kiket_console.ui.screens.secret import SecretScreen

        save = partial(self._save, task, version)
        self._console.push_screen(SecretScreen(self._console, task, name, scope, save))

    async def _save(self, task: Task, version: int, draft: Draft) -> Callable[[], None]:
        """Keep what was typed; return what shows who took it."""
        from kiket_console.ui.screens.secret import Task

        secrets = self._console.connected().secrets
        name, scope = draft.name, draft.scope
        if draft.value is not None and task is not Task.ROTATE:
            done = await secrets.set(name, draft.value, scope=scope, version=version)
        else:
            done = await secrets.rotate(name, draft.value, generate=draft.generate, scope=scope)
        is_other = draft.value is not None or draft.generate is not None
        if is_other:
            self._remember(name, scope, is_new=version == 0)
        self._changed(name, scope)
        rotates = task is Task.ROTATE
        became = "kept" if not rotates else "rotated" if is_other else "handed out again"
        said = f"{visible(name)} is {became}"
        return partial(show_outcome, self._console, done, said, in_passing=not rotates)

    def _remember(self, name: str, scope: str, *, is_new: bool) -> None:
        async def take_back(engine: Engine) -> str:
            if is_new:
                await engine.secrets.delete(name, scope=scope)
                self._changed(name, scope)
                return f"{visible(name)} is gone again."
            await engine.secrets.restore(name, scope=scope)
            self._changed(name, scope)
            return f"{visible(name)} has the value from before again."

        self._console.requests.remember(Step(take_back))

    async def _restore(self, entry: SecretEntry, engine: Engine) -> None:
        done = await engine.secrets.restore(entry.name, scope=entry.scope)
        self._changed(entry.name, entry.scope)
        said = f"{visible(entry.name)} is as it was"
        show_outcome(self._console, done, said, in_passing=True)

    def _changed(self, name: str = "", scope: str = "") -> None:
        from kiket_console.ui.screens.secrets import SecretsScreen

        place = self._console.place
        if isinstance(place, SecretsScreen):
            place.changed(name, scope)
