"""With a real Secret Service, in a session of its own that no user's keyring takes part in."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from pathlib import Path

SESSION = """
set -eu
export KEYRING_PASSWORD=$(head -c 16 /dev/urandom | od -An -tx1 | tr -d ' \\n')
printf %s "$KEYRING_PASSWORD" |
    gnome-keyring-daemon --unlock --foreground --components=secrets >/dev/null 2>&1 &
daemon=$!
trap 'kill "$daemon"' EXIT
owned="org.freedesktop.DBus.NameHasOwner string:org.freedesktop.secrets"
for _ in $(seq 2000); do
    dbus-send --session --print-reply --dest=org.freedesktop.DBus / $owned 2>/dev/null |
        grep -q "boolean true" && break
    sleep 0.05
done
"$1" -c "$2" "$4"
"$1" -c "$3" "$4"
"""
"""A keyring, unlocked by a password that is made up, for two programs one after the other."""

FIRST_ENGINE = """
import asyncio, sys
from pathlib import Path
from kiket_console.engine.secrets.vault import open_vault
from kiket_console.paths import ProjectPaths

async def main():
    paths = ProjectPaths(Path(sys.argv[1]))
    paths.make()
    vault = await open_vault(paths, call_limit_s=60)
    await vault.set("LARGE", "v" * 64 * 1024)
    await vault.set("TOKEN", "the-first")
    await vault.set("TOKEN", "line one\\nline two \\u2713")
    await vault.set("TOKEN", "of-everybody", "shared")

asyncio.run(main())
"""

SECOND_ENGINE = """
import asyncio, json, os, sys
from pathlib import Path

import secretstorage
from jeepney import DBusAddress, new_method_call
from secretstorage.util import format_secret, open_session

from kiket_console.engine.secrets.vault import open_vault
from kiket_console.errors import ConsoleError
from kiket_console.paths import ProjectPaths

SERVICE = "org.freedesktop.secrets"
INTERFACE = "org.gnome.keyring.InternalUnsupportedGuiltRiddenInterface"

def lock():
    connection = secretstorage.dbus_init()
    secretstorage.get_default_collection(connection).lock()
    connection.close()

def unlock():  # as its prompt would, which has no screen here
    connection = secretstorage.dbus_init()
    collection = secretstorage.get_default_collection(connection)
    password = os.environ["KEYRING_PASSWORD"].encode()
    secret = format_secret(open_session(connection), password, "text/plain")
    call = new_method_call(
        DBusAddress("/org/freedesktop/secrets", SERVICE, INTERFACE),
        "UnlockWithMasterPassword", "o(oayays)", (collection.collection_path, secret),
    )
    connection.send_and_get_reply(call)
    connection.close()

async def refused(asking):
    try:
        await asking
    except ConsoleError as error:
        return str(error)

async def main():
    paths = ProjectPaths(Path(sys.argv[1]))
    vault = await open_vault(paths, call_limit_s=60)
    said = {
        "large": len(await vault.get("LARGE")),
        "token": await vault.get("TOKEN"),
        "shared": await vault.get("TOKEN", "shared"),
        "names": [(each.name, each.version, each.present) for each in await vault.names()],
        "back": (await vault.restore("TOKEN")).version,
    }
    lock()
    said["locked"] = await refused(vault.get("TOKEN", anew=True)), vault.facts.locked
    said["used on"] = await vault.get("TOKEN")
    third = await open_vault(paths, call_limit_s=60)
    said["opened locked"] = third.facts.state, third.facts.locked, third.facts.problem
    said["still locked"] = await refused(third.choose_keyring())
    said["made meanwhile"] = (await third.generated("WEBHOOK", "wh_"))[:3]
    unlock()
    said["unlocked"] = (await third.choose_keyring()).state, await third.get("TOKEN")
    said["the first goes on"] = await vault.get("TOKEN", anew=True), vault.facts.problem
    said["deleted"] = [await vault.delete(name) for name in ("TOKEN", "LARGE", "LARGE")]
    said["gone"] = await vault.get("LARGE")
    print(json.dumps(said))

asyncio.run(main())
"""


@pytest.mark.needs("dbus-run-session", "dbus-send", "gnome-keyring-daemon")
def test_a_real_secret_service_keeps_secrets_and_its_lock_is_told_from_its_absence(
    own_places: Path,
) -> None:
    """One engine writes, the next one reads; then the keyring is locked, and unlocked again."""
    names = ("HOME", "XDG_DATA_HOME", "XDG_RUNTIME_DIR", "XDG_STATE_HOME")
    private = {name: own_places / f"own-{name}" for name in names}
    for place in private.values():
        place.mkdir(mode=0o700)
    (private["XDG_DATA_HOME"] / "keyrings").mkdir()
    (own_places / "shop").mkdir()
    environment = {"PATH": os.environ["PATH"], **{k: str(v) for k, v in private.items()}}
    ended = subprocess.run(
        [
            *("dbus-run-session", "--", "sh", "-c", SESSION, "sh"),
            *(sys.executable, FIRST_ENGINE, SECOND_ENGINE, str(own_places / "shop")),
        ],
        env=environment,
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )
    assert ended.returncode == 0, ended.stderr
    said = json.loads(ended.stdout)
    hint = "Unlock it and try again, or keep secrets until the engine ends: "
    assert said.pop("locked")[0].startswith(f"The keyring Secret Service is locked. {hint}")
    assert "the keyring Secret Service is locked. Unlock it" in said.pop("still locked")
    problem = "Secrets cannot be kept: the keyring Secret Service is locked."
    assert said == {
        "large": 64 * 1024,
        "token": "line one\nline two ✓",
        "shared": "of-everybody",
        "names": [["LARGE", 1, True], ["TOKEN", 2, True]],
        "back": 3,
        "used on": "the-first",
        "opened locked": ["none", True, problem],
        "made meanwhile": "wh_",
        "unlocked": ["keyring", "the-first"],
        "the first goes on": ["the-first", ""],
        "deleted": [True, True, False],
        "gone": None,
    }
    stored = b"".join(
        each.read_bytes() for each in private["XDG_STATE_HOME"].rglob("*") if each.is_file()
    )
    assert b"TOKEN" in stored
    assert b"the-first" not in stored
    assert b"of-everybody" not in stored
