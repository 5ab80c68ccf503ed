"""What a module may know: the secrets that it declares, and no others."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final, NamedTuple

from kiket_console.errors import ConsoleError
from kiket_console.wire_secrets import SECRET_NAME
from kiket_core.secret import redactor
from kiket_sdk.utils import environment_secret_name

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Mapping

    from kiket_console.engine.ports import Secrets

MOST_ASKED: Final = 64
"""Of how many names it is remembered, and said, that a module asked for them."""
_name_fits = re.compile(SECRET_NAME).fullmatch


class Found(NamedTuple):
    """What became of one question."""

    value: str
    error: str
    """Why there is no value, in a sentence; empty when there is one."""

    def __repr__(self) -> str:
        return f"Found(value=<{len(self.value)} characters>, error={self.error!r})"


class Desk:
    """Answers one module's questions for secrets.

    *given* are the values that the person set for this start, which win until one is rotated;
    *note* takes a level and a sentence for the module's log, *on_given* the name of each secret
    that it is about to be told.
    """

    def __init__(
        self,
        declared: Collection[str],
        given: Mapping[str, str],
        vault: Secrets,
        note: Callable[[str, str], None],
        on_given: Callable[[str], None] = lambda _: None,
    ) -> None:
        self._declared = frozenset(declared)
        self._given = dict(given)
        self._vault = vault
        self._note = note
        self._on_given = on_given
        self._asked: dict[str, bool] = {}
        self._stale: set[str] = set()

    @property
    def asked(self) -> tuple[tuple[str, bool], ...]:
        """Names that were asked for, and whether each was answered with a value."""
        return tuple(self._asked.items())

    async def find(self, name: str) -> Found:
        """Return the value of *name*, or why the module gets none, which its log says once."""
        if not _name_fits(name):
            return self._refused(redactor.redact(name)[:40], "is no name that a secret can have")
        if name not in self._declared:
            return self._refused(
                name,
                "is not declared for it: name it in the secrets of its [[module]] in kiket.toml",
            )
        value = self._given.get(name)
        if value is None:
            try:
                value = await self._vault.get(name)
            except ConsoleError as error:
                return self._refused(name, f"cannot be had: {error}")
        if value is None:
            variable = environment_secret_name(name)
            how = f"`kiket-console secrets set {name}`, or {variable}=… in .env, gives it one"
            return self._refused(name, f"has no value: {how}")
        self._remember(name, is_answered=True)
        self._stale.discard(name)
        self._on_given(name)
        return Found(value, "")

    def rotated(self, names: Collection[str]) -> tuple[str, ...]:
        """Take the values of *names* from the vault from now on; return those it may know."""
        known = tuple(name for name in names if name in self._declared)
        for name in known:
            self._given.pop(name, None)
        self._stale.update(known)
        return known

    def is_stale(self, name: str) -> bool:
        """Tell whether *name* was rotated, and its new value has not been found for it since."""
        return name in self._stale

    def _refused(self, name: str, why: str) -> Found:
        sentence = f"It asked for the secret {name!r}, which {why.rstrip('.')}."
        if self._remember(name, is_answered=False):
            self._note("WARNING", sentence)
        return Found("", sentence)

    def _remember(self, name: str, *, is_answered: bool) -> bool:
        """Keep what became of a question; return whether that is new."""
        is_new = self._asked.get(name) is not is_answered
        if name not in self._asked and len(self._asked) >= MOST_ASKED:
            return False
        self._asked[name] = is_answered
        return is_new
