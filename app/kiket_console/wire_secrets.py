"""What is said of secrets over the control API; values are in answers to *reveal* alone."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Final

from msgspec import Struct

PROJECT: Final = "project"
SHARED: Final = "shared"
SCOPES: Final = (PROJECT, SHARED)
"""Whose a secret is: of one project folder, or of all of this user's projects."""
SECRET_NAME: Final = r"[A-Za-z0-9_.-]{1,128}"  # noqa: S105 (a pattern for names, not a password)
"""What a secret may be called."""
OF_EXTENSIONS: Final = frozenset(("KIKET_WEBHOOK_SECRET", "KIKET_WORKSPACE_TOKEN"))
"""What each extension is given without asking."""
PREVIOUS_S = 24 * 3600
"""How long the value before the last change is kept, to be taken back."""
FORMS: Final = ("hex", "base64url", "uuid")
"""What a generated value looks like; *size* is in random bytes."""
LEAST_BYTES = 8
MOST_BYTES = 1024
"""The limits of *size*."""
VAULT_MODES = ("keyring", "session")
SHORT_CHARACTERS = 8
"""Shorter values cannot be cut out of texts: too much else looks like them."""


class VaultFacts(Struct, frozen=True):
    """Where secrets are kept."""

    name: str
    """The keyring in words, as `Secret Service`; empty: none."""
    state: str
    """`keyring`; `session` (forgotten when the engine ends); `none`: nothing can be set yet;
    `looking`: which of these is not known yet, and what needs a value waits for it."""
    problem: str = ""
    """Why it is not a keyring where that is not by choice, in one sentence."""
    locked: bool = False
    """There is a keyring, and it waits for somebody to unlock it."""
    moved: tuple[str, ...] = ()
    """What a choice of the keyring has taken into it of what was kept for the session."""


class SecretUse(Struct, frozen=True):
    """A worker that has been given a secret."""

    worker: str
    at_us: int
    how: str
    """`pipe`, `message`, `payload`; `environment`: others may read it where it runs."""
    version: int = 0
    """Of the value that it has; 0 when that is not known."""


class SecretEntry(Struct, frozen=True):
    """A secret by name, kept or asked for."""

    name: str
    present: bool
    scope: str = ""
    """One of `SCOPES`; empty when it is only asked for."""
    created_us: int = 0
    updated_us: int = 0
    version: int = 0
    """Counts the changes of its value; 0 when it has none."""
    previous_until_us: int = 0
    """Until when the value before can be brought back; 0: there is none."""
    declared_by: tuple[str, ...] = ()
    """Workers whose manifest, or code, asks for it."""
    uses: tuple[SecretUse, ...] = ()
    hides_shared: bool = False
    """A shared secret of this name has another value, which this project does not see."""
    short: bool = False
    """Too short to be cut out of texts."""
    env_file: bool = False
    """The project's `.env` gives a variable of this name, too."""


class SecretsState(Struct, frozen=True):
    """The vault, and what is in it or asked for, by name."""

    vault: VaultFacts
    entries: tuple[SecretEntry, ...] = ()


class Generate(Struct, frozen=True):
    """How a value is to be made."""

    form: str = FORMS[0]
    size: int = 32


@dataclass(frozen=True, slots=True)
class Revealed:
    """The answer to *reveal*: a value, for the eyes of who asked."""

    value: str = field(repr=False)
