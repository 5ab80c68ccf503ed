"""Keyrings as tests need them: one that works, one that hangs, one that takes little at once."""

from __future__ import annotations

import threading
from typing import ClassVar

from keyring.backend import KeyringBackend
from keyring.errors import PasswordDeleteError


class MemoryKeyring(KeyringBackend):
    """A keyring that works."""

    priority: ClassVar[float] = 1
    viable: ClassVar[bool] = False  # to be chosen by name alone: other tests look for a keyring
    name = "Memory"

    def __init__(self) -> None:
        super().__init__()  # type: ignore[no-untyped-call]  # keyring's is not typed
        self.kept: dict[tuple[str, str], str] = {}

    def get_password(self, service: str, username: str) -> str | None:
        return self.kept.get((service, username))

    def set_password(self, service: str, username: str, password: str) -> None:
        self.kept[service, username] = password

    def delete_password(self, service: str, username: str) -> None:
        if self.kept.pop((service, username), None) is None:
            raise PasswordDeleteError("not found")

    def at(self, place: str) -> str | None:
        """Return what is kept at a place of ours."""
        return self.kept.get(("kiket-console", place))


class HangingKeyring(MemoryKeyring):
    """A keyring whose prompt nobody sees: calls wait until `answers` is set."""

    name = "Hanging"

    def __init__(self) -> None:
        super().__init__()
        self.answers = threading.Event()

    def get_password(self, service: str, username: str) -> str | None:
        self.answers.wait(60)
        return super().get_password(service, username)

    def set_password(self, service: str, username: str, password: str) -> None:
        self.answers.wait(60)
        super().set_password(service, username, password)


class SmallKeyring(MemoryKeyring):
    """A keyring like that of Windows, which takes 2,560 bytes of UTF-16 at once."""

    __module__ = "keyring.backends.Windows"
    full_at: int | None = None
    """How many more values it takes."""

    def set_password(self, service: str, username: str, password: str) -> None:
        if len(password.encode("utf-16-le")) > 2560:
            raise OSError(1783, "CredWrite", "The stub received bad data")
        if self.full_at is not None:
            self.full_at -= 1
            if self.full_at < 0:
                raise OSError(8, "CredWrite", "Not enough memory")
        super().set_password(service, username, password)
