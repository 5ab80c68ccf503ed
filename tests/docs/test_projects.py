"""The projects that quickstart, tutorial and how-to guides build pass the tests they are given."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
import time
import urllib.error
import urllib.request
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import anyio._backends._asyncio
import fastapi.testclient
import httpcore
import jwt.algorithms
import pydantic
import pytest
import yaml
from cryptography.hazmat.primitives.asymmetric import ec
from tests.docs.blocks import Block, block, write
from tests.docs.conftest import SECRET, deliver
from tests.ports import free_port

import kiket_sdk.sdk
import kiket_sdk.testing.plugin
from kiket_sdk.manifest import load_manifest, load_module_schemas

if TYPE_CHECKING:
    from kiket_sdk.testing.platform import FakePlatform

pytest_plugins = ["pytester"]

LOADED_BEFORE = (
    ec,
    jwt.algorithms,
    anyio._backends._asyncio,
    fastapi.testclient,
    httpcore,
    pydantic,
    kiket_sdk.sdk,
    kiket_sdk.testing.plugin,
)
"""What runs in this process forgets what it imports itself: these need not be loaded again.

Of some there must be no second one: httpx goes on knowing the errors of the httpcore it met first.
"""

HELLO = block("quickstart.md", "Quickstart")
HELLO_TESTS = block("quickstart.md", "Test it", 0), block("quickstart.md", "Test it", 1)
HELLO_PYTEST = block("quickstart.md", "Test it", 2)
ALONE = block("quickstart.md", "Run it", 2)
CURL = block("quickstart.md", "Run it", 3)

FOLDER = block("tutorial.md", "Tutorial: an extension that triages")
MANIFEST = block("tutorial.md", "1. Say who you are")
FIRST = block("tutorial.md", "2. Handle an event")
TYPED = block("tutorial.md", "3. Know what you get")
GUARD = block("tutorial.md", "4. Guard a transition", 0)
LOADED = block("tutorial.md", "4. Guard a transition", 1)
SECRET_USED = block("tutorial.md", "5. Use a secret")
TABLES = block("tutorial.md", "6. Remember", 0)
MEMORY = block("tutorial.md", "6. Remember", 1)
WHOLE = block("tutorial.md", "7. Put it together")
TRIAGE_TESTS = block("tutorial.md", "8. Test it", 0), block("tutorial.md", "8. Test it", 1)
TRIAGE_PYTEST = block("tutorial.md", "8. Test it", 2)
IMAGE = block("tutorial.md", "9. Ship it")

TESTED = tuple(block("how-to.md", "Test a handler", number) for number in range(3))


@pytest.fixture
def passes(pytester: pytest.Pytester, monkeypatch: pytest.MonkeyPatch) -> Any:
    """Return what runs a project's tests in this process, and tells how many passed."""
    monkeypatch.delenv("KIKET_BASE_URL", raising=False)

    def run(*parts: Block) -> int:
        write(pytester.path, *parts)
        result = pytester.runpytest_inprocess(
            *(
                "-q",
                "-p",
                "no:cacheprovider",
                "-p",
                "no:asyncio",
                "-p",
                "no:hypothesispytest",
                "-W",
                "error",
            )
        )
        outcomes = result.parseoutcomes()
        assert outcomes.keys() == {"passed"}, result.stdout.str()
        return outcomes["passed"]

    return run


def test_the_quickstarts_test_passes(passes: Any) -> None:
    assert HELLO_PYTEST.text == "python -m pytest -q\n"
    assert passes(HELLO, *HELLO_TESTS) == 1


def test_the_tutorials_tests_pass(passes: Any) -> None:
    assert TRIAGE_PYTEST.text == "python -m pytest -q\n"
    parts = MANIFEST, GUARD, SECRET_USED, TABLES, MEMORY, WHOLE
    assert passes(*parts, *TRIAGE_TESTS) == 5


def test_the_guide_to_tests_passes(passes: Any) -> None:
    assert passes(*TESTED) == 4


def test_the_guide_to_tests_passes_with_tokens_in_place_of_a_secret(
    passes: Any, pytester: pytest.Pytester, monkeypatch: pytest.MonkeyPatch
) -> None:
    """`kiket_dialect = es256`, as the page says below it."""
    monkeypatch.delenv("KIKET_WEBHOOK_SECRET")
    configuration = replace(TESTED[0], text=f"{TESTED[0].text}kiket_dialect = es256\n")
    assert passes(configuration, *TESTED[1:]) == 4


@pytest.fixture
def triage(reader: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Be in the tutorial's folder, where its shell says it is."""
    made = subprocess.run(
        ["sh", "-euc", f"{FOLDER.text}\npwd -P"],
        cwd=reader,
        capture_output=True,
        text=True,
        check=True,
    )
    folder = Path(made.stdout.strip())
    assert folder == (reader / "triage").resolve()
    monkeypatch.chdir(folder)
    monkeypatch.syspath_prepend(folder)
    write(folder, MANIFEST)
    return folder


OUTAGE = {"issue": {"key": "TRI-1", "title": "Outage in Auckland"}}
QUESTION = {"issue": {"key": "TRI-2", "title": "How do I…"}}


@pytest.mark.parametrize("step", [FIRST, TYPED], ids=["plain", "typed"])
def test_both_ways_to_handle_an_event_triage(
    step: Block, triage: Path, platform: FakePlatform
) -> None:
    sdk = step.run()["sdk"]
    assert deliver(sdk, "issue.created", OUTAGE).json() == {"ok": True, "team": "on-call"}
    assert deliver(sdk, "issue.created", QUESTION).json() == {"ok": True, "team": "support"}
    assert [log["metadata"]["team"] for log in platform.logs] == ["on-call", "support"]


def test_what_a_typed_handler_does_not_get_is_said_with_its_place(
    triage: Path, platform: FakePlatform
) -> None:
    plain, typed = FIRST.run()["sdk"], TYPED.run()["sdk"]
    nameless = {"issue": {"key": "TRI-1", "title": 7}}
    assert deliver(plain, "issue.created", {"issue": {}}).status_code == 400
    answer = deliver(typed, "issue.created", nameless)
    assert answer.status_code == 422
    assert "$.issue.title" in answer.text
    assert "string" in answer.text


def test_a_marked_guard_is_loaded(triage: Path, platform: FakePlatform) -> None:
    write(triage, GUARD)
    try:
        sdk = LOADED.run(TYPED.text)["sdk"]
    finally:
        sys.modules.pop("guard", None)
    assert sdk.registry.event_names() == ["issue.created@v1", "workflow.before_transition@v1"]
    transition = {"issue": {"assignee": None}, "transition": {"from": "open", "to": "closed"}}
    answer = deliver(sdk, "workflow.before_transition", transition).json()
    assert (answer["status"], answer["metadata"]) == ("deny", {"missing": "assignee"})


def test_the_manifest_and_the_tables_are_what_the_prose_says(
    triage: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("KIKET_SECRET_ROUTER_TOKEN", "rt")
    write(triage, TABLES)
    manifest = load_manifest()
    assert manifest is not None
    assert manifest.secret_keys() == ("router.token",)
    assert FIRST.run()["sdk"].config.settings.get("router.token") == "rt"
    [module] = load_module_schemas(triage)
    assert [(table.name, [column.name for column in table.columns]) for table in module.tables] == [
        ("decisions", ["id", "issue_key", "team"])
    ]
    assert yaml.safe_load(TABLES.text)["module"] == "com.example.triage"


async def test_a_page_needs_a_token(reader: Path) -> None:
    page = SECRET_USED.run()["page"]

    class Without:
        settings: dict[str, str] = {}  # noqa: RUF012 (read only)

    assert await page(Without(), "TRI-1") is False


def test_the_image_starts_what_is_there() -> None:
    lines = dict(
        line.split(" ", 1) for line in IMAGE.text.splitlines() if line and not line.startswith("#")
    )
    parts = MANIFEST, GUARD, SECRET_USED, MEMORY, WHOLE
    assert lines["COPY"].split() == [*sorted(part.file for part in parts), "./"]
    assert lines["CMD"] == '["python", "main.py"]'
    assert lines["EXPOSE"] in WHOLE.text
    check = re.search(r'python -c "(.+)"$', lines["HEALTHCHECK"].removeprefix("CMD "))
    assert check is not None
    compile(check[1], "HEALTHCHECK", "exec")
    assert lines["USER"] == "nobody"


def test_the_quickstart_runs_alone_and_is_called_by_hand(
    reader: Path, platform: FakePlatform
) -> None:
    """Only the port is another one than on the page, and the token is a whole one."""
    port = str(free_port())
    (reader / "main.py").write_text(HELLO.text.replace("8080", port))
    path = os.pathsep.join([str(Path(sys.executable).parent), os.environ["PATH"]])
    environment = {**os.environ, "PATH": path}
    *exports, start = ALONE.text.replace("…", "of_the_reader").splitlines()
    program = "\n".join([*exports, f"exec {start}"])
    with subprocess.Popen(
        ["sh", "-euc", program], cwd=reader, env=environment, stderr=subprocess.PIPE
    ) as extension:
        try:
            assert _serves(extension, f"http://127.0.0.1:{port}/health")
            called = subprocess.run(
                ["sh", "-euc", "\n".join([*exports, CURL.text.replace("8080", port)])],
                env=environment,
                capture_output=True,
                text=True,
                check=True,
            )
        finally:
            extension.send_signal(signal.SIGTERM)
            extension.communicate(timeout=120)
    assert called.stdout == '{"ok":true,"greeting":"Hello, Bug!"}'
    assert platform.calls[0].headers["authorization"] == "Bearer wk_of_the_reader"


def _serves(extension: subprocess.Popen[bytes], url: str, deadline_s: float = 90.0) -> bool:
    """Wait until somebody answers at `url`; tell whether the process lived to see it."""
    until = time.monotonic() + deadline_s
    while extension.poll() is None and time.monotonic() < until:
        try:
            urllib.request.urlopen(url, timeout=120).close()  # noqa: S310 (this machine)
        except urllib.error.URLError:
            time.sleep(0.02)
        else:
            return True
    return False


def test_the_secret_of_the_pages_is_long_enough() -> None:
    assert len(SECRET) >= 24
