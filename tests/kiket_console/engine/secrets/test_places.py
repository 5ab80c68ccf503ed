"""Backends that keep no secret, or keep it for everybody to read, are refused by name."""

from __future__ import annotations

import socket
import subprocess
import sys
from typing import TYPE_CHECKING

import keyring
import pytest
from keyring.backends import chainer, fail, null
from tests.kiket_console.engine.secrets.keyrings import MemoryKeyring

if TYPE_CHECKING:
    from pathlib import Path

    from keyring.backend import KeyringBackend

from kiket_console.engine.secrets import places
from kiket_console.engine.secrets.calls import Calls
from kiket_console.engine.secrets.places import Found


@pytest.mark.parametrize(
    ("backend", "reason"),
    [
        (fail.Keyring, "there is no keyring here"),
        (null.Keyring, "the keyring keyring.backends.null.Keyring does not keep secrets safe"),
    ],
)
async def test_backends_that_keep_nothing_are_refused(
    backend: type[KeyringBackend], reason: str
) -> None:
    keyring.set_keyring(backend())
    assert await places.look(Calls()) == Found("", reason)


def test_no_program_is_run_to_find_a_keyring() -> None:
    """Keyring itself looks for libraries of macOS wherever it is, by running a compiler."""
    look = """
import sys
from kiket_console.engine.secrets import places
runs = []
sys.addaudithook(lambda event, _: runs.append(event) if event == "subprocess.Popen" else None)
places._look(lambda _: None)
print(runs)
"""
    found = subprocess.run(
        [sys.executable, "-c", look], capture_output=True, text=True, timeout=120
    )
    assert found.stdout == "[]\n", found.stderr


def test_a_bus_that_is_busy_is_waited_for(
    own_places: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its library waits for a second; keyring remembers that there is no Secret Service."""
    bus = pytest.importorskip("secretstorage")
    monkeypatch.setattr(bus, "open_dbus_connection", bus.open_dbus_connection)
    monkeypatch.setattr(places, "_BUS_LIMIT_S", 0.01)
    monkeypatch.setenv("DBUS_SESSION_BUS_ADDRESS", f"unix:path={own_places}/bus")
    places._wait_for_bus()
    with socket.socket(socket.AF_UNIX) as busy:
        busy.bind(f"{own_places}/bus")
        busy.listen()
        with pytest.raises(TimeoutError, match=r"0\.01 seconds"):
            bus.dbus_init()


def keyring_of(module: str, name: str) -> KeyringBackend:
    """Return a keyring as if it came from a module."""
    return type(name, (MemoryKeyring,), {"__module__": module})()  # type: ignore[no-any-return]  # just made


async def test_a_plain_text_keyring_is_refused_even_inside_a_chain(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """A chain may write into any of its parts."""
    plain = keyring_of("keyrings.alt.file", "PlaintextKeyring")
    keyring.set_keyring(plain)
    assert "keyrings.alt.file.PlaintextKeyring" in (await places.look(Calls())).problem
    chain = chainer.ChainerBackend()  # type: ignore[no-untyped-call]  # keyring's is not typed
    parts = [MemoryKeyring(), plain]
    monkeypatch.setattr(chainer.ChainerBackend, "backends", parts)
    assert "PlaintextKeyring" in places.refused(chain)
    parts.pop()
    assert places.refused(chain) == ""
    assert places.words(chain) == "Memory"
    parts.pop()
    assert places.refused(chain) == "there is no keyring here"


@pytest.mark.parametrize(
    ("module", "words"),
    [
        ("keyring.backends.SecretService", "Secret Service"),
        ("keyring.backends.macOS", "macOS Keychain"),
        ("keyring.backends.kwallet", "KWallet"),
        ("keyring.backends.Windows", "Windows Credential Manager"),
        ("somebody.elses", "Memory"),
    ],
)
def test_keyrings_are_called_as_people_call_them(module: str, words: str) -> None:
    assert places.words(keyring_of(module, "Keyring")) == words


async def test_an_error_of_a_backend_is_told_in_one_line(monkeypatch: pytest.MonkeyPatch) -> None:
    backend = MemoryKeyring()
    keyring.set_keyring(backend)

    def broken(service: str, username: str) -> str:
        raise OSError("the bus is gone!\nand much more")

    monkeypatch.setattr(backend, "get_password", broken)
    problem = "the keyring cannot be used (OSError: the bus is gone)"
    assert await places.look(Calls()) == Found("Memory", problem)
