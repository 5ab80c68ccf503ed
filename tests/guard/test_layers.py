"""Which module may load which, asked of a fresh interpreter each time."""

from __future__ import annotations

import subprocess
import sys

import pytest

OURS = ("kiket_core", "kiket_sdk", "kindo_message_client", "pywatt_sdk", "kiket_console")
HEAVY = (
    "botocore",
    "fastapi",
    "httpx",
    "keyring",
    "psutil",
    "pydantic",
    "pygments",
    "starlette",
    "textual",
    "uvicorn",
    "watchfiles",
)


def loaded_by(module: str) -> set[str]:
    """Return the names of all modules that importing *module* loads."""
    code = f"import sys, {module}; print('\\n'.join(sys.modules))"
    finished = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert finished.returncode == 0, finished.stderr
    return set(finished.stdout.split())


def under(modules: set[str], *packages: str) -> list[str]:
    """Return those of *modules* that are one of *packages* or lie inside one."""
    return sorted(
        name
        for name in modules
        if any(name == package or name.startswith(f"{package}.") for package in packages)
    )


@pytest.mark.parametrize("leaf", ["module_facts", "text", "errors", "ipc"])
def test_a_leaf_imports_nothing_of_ours(leaf: str) -> None:
    module = f"kiket_console.{leaf}"

    assert under(loaded_by(module), *OURS) == ["kiket_console", module]


def test_the_nouns_import_words_alone() -> None:
    known = [f"kiket_console.{name}" for name in ("model", "module_facts")]
    assert under(loaded_by("kiket_console.model"), *OURS) == ["kiket_console", *known]


def test_places_on_disk_know_errors_only() -> None:
    assert under(loaded_by("kiket_console.paths"), *OURS) == [
        "kiket_console",
        "kiket_console.errors",
        "kiket_console.paths",
    ]


@pytest.mark.parametrize(
    "module",
    ["kiket_core.secret", "kiket_sdk._signing", "kiket_sdk.manifest", "pywatt_sdk._lifecycle"],
)
def test_an_sdk_never_imports_the_console(module: str) -> None:
    assert under(loaded_by(module), "kiket_console") == []


@pytest.mark.parametrize(
    "module",
    [
        "kiket_console.cli",
        "kiket_console.store.reader",
        "kiket_console.engine.ports",
        "kiket_core",
        "kiket_sdk",
        "kiket_sdk.testing.plugin",
        "pywatt_sdk._running",
        "pywatt_sdk.core.state",
        "pywatt_sdk.module",
        "pywatt_sdk.testing.plugin",
    ],
)
def test_what_must_start_fast_loads_nothing_heavy(module: str) -> None:
    """`--version` answers at once; pytest loads the plugin in every run of the environment."""
    brought_by_pytest = loaded_by("pytest") if module.endswith("plugin") else set()

    assert under(loaded_by(module) - brought_by_pytest, *HEAVY) == []


def test_the_engine_has_no_screen_and_starts_without_what_it_needs_later() -> None:
    """Nothing is drawn where nobody looks; what calls others, or checks them, is for the first."""
    loaded = loaded_by("kiket_console.commands.headless")

    later = {*HEAVY} - {"psutil", "starlette", "uvicorn", "watchfiles"}
    unused = ("kiket_console.ui", "kiket_console.filters", "cryptography", "jsonschema", "jwt")
    assert under(loaded, *later, *unused) == []


def test_the_screen_has_no_engine_and_no_http_before_its_first_frame() -> None:
    loaded = loaded_by("kiket_console.ui.app")

    assert (
        under(
            loaded,
            "kiket_console.engine",
            "kiket_console.store.writer",
            "kiket_console.client",
            "kiket_core",
            "kiket_sdk",
            "httpx",
            "starlette",
            "uvicorn",
            "fastapi",
            "keyring",
            "watchfiles",
        )
        == []
    )
