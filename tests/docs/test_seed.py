"""Every example of the documentation that the project began with runs, word for word."""

from __future__ import annotations

import os
import shlex
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from tests.docs.blocks import SEED, block

from kiket_sdk.testing import webhook_payload_factory

if TYPE_CHECKING:
    from kiket_sdk import KiketSDK
    from kiket_sdk.testing.platform import FakePlatform

INSTALL = block(SEED, "Quickstart", 0)
QUICKSTART = block(SEED, "Quickstart", 1)
TELEMETRY = block(SEED, "Telemetry & Feedback Hooks", 0)
BUILD = block(SEED, "Publishing to PyPI", 0)
PUBLISH = block(SEED, "Publishing to PyPI", 1)


def deliver(sdk: KiketSDK, secret: str, version: str = "v1") -> Any:
    """Post a signed issue to an extension while it runs; return the answer."""
    signed = webhook_payload_factory(secret, event="issue.created")(
        {"issue": {"title": "Bug"}}, version=version
    )
    with sdk.create_test_client() as client:
        return client.post(signed["path"], content=signed["body"], headers=signed["headers"])


def test_the_quickstart_logs_stores_and_answers_by_version(platform: FakePlatform) -> None:
    sdk = QUICKSTART.run()["sdk"]
    assert deliver(sdk, "sh_123").json() == {"ok": True}
    assert deliver(sdk, "sh_123", "v2").json() == {"ok": True, "version": "v2"}
    assert platform.bodies("/api/v1/extensions/logs") == [
        {"message": "issue.created", "metadata": {"summary": "Bug"}},
        {"message": "issue.created", "metadata": {"summary": "Bug", "schema": "v2"}},
    ]
    assert platform.secrets == {"WEBHOOK_TOKEN": "abc123"}
    assert deliver(sdk, "another secret").status_code == 401


def test_telemetry_reaches_hook_and_endpoint(
    platform: FakePlatform, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("KIKET_SDK_TELEMETRY_URL", f"{platform.url}/telemetry")
    sdk = TELEMETRY.run("import os")["sdk"]
    sdk.register("issue.created", lambda payload, _: payload["issue"], version="v1")
    assert deliver(sdk, "secret").json() == {"title": "Bug"}
    assert capsys.readouterr().out.startswith("[telemetry] issue.created@v1 -> ok (")
    [posted] = platform.bodies("/telemetry")
    assert (posted["event"], posted["version"], posted["status"]) == ("issue.created", "v1", "ok")


def test_telemetry_is_opted_out_of_by_the_environment(
    platform: FakePlatform, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("KIKET_SDK_TELEMETRY_URL", f"{platform.url}/telemetry")
    monkeypatch.setenv("KIKET_SDK_TELEMETRY_OPTOUT", "1")
    sdk = TELEMETRY.run("import os")["sdk"]
    sdk.register("issue.created", lambda payload, _: payload["issue"], version="v1")
    assert deliver(sdk, "secret").status_code == 200
    assert capsys.readouterr().out == ""
    assert platform.bodies("/telemetry") == []


TEST_OF_THE_QUICKSTART = """\
from main import sdk

from kiket_sdk.testing import webhook_payload_factory


def test_the_health_of_it():
    assert sdk.create_test_client().get("/health").json()["extension_id"] == "com.example.marketing"
"""
UV = """\
#!/bin/sh
printf '%s\\n' "$*" >> "$UV_WAS_ASKED"
"""
"""An installer that writes down what it is asked for: tests install and publish nothing."""


@pytest.fixture
def shell(tmp_path: Path) -> Any:
    """Run shell in a project of the quickstart; return output, and what uv was asked so far."""
    tools = tmp_path / "tools"
    tools.mkdir()
    (tools / "uv").write_text(UV)
    (tools / "uv").chmod(0o755)
    project = tmp_path / "project"
    project.mkdir()
    (project / "main.py").write_text(QUICKSTART.text)
    (project / "test_main.py").write_text(TEST_OF_THE_QUICKSTART)
    asked = tmp_path / "asked"
    asked.touch()
    path = os.pathsep.join([str(tools), str(Path(sys.executable).parent), os.environ["PATH"]])

    def run(text: str) -> tuple[str, list[list[str]]]:
        done = subprocess.run(
            ["sh", "-euc", text],
            cwd=project,
            env={**os.environ, "PATH": path, "UV_WAS_ASKED": str(asked), "PYTHONPATH": "."},
            capture_output=True,
            text=True,
            check=False,
        )
        assert done.returncode == 0, done.stdout + done.stderr
        return done.stdout, [shlex.split(line) for line in asked.read_text().splitlines()]

    return run


def test_installing_and_testing(shell: Any) -> None:
    output, asked = shell(INSTALL.text)
    assert asked == [["add", "kiket-sdk"]]
    assert "1 passed" in output


def test_publishing(shell: Any) -> None:
    """The address is the reader's own, and is the only thing put in."""
    _, asked = shell(BUILD.text)
    assert asked == [["build"]]
    _, asked = shell(PUBLISH.text.replace("<upload-url>", "https://packages.test/upload"))
    assert asked[1:] == [["publish", "--publish-url", "https://packages.test/upload"]]
