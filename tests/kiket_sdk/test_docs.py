"""Every example of the SDK reference runs: together they are a project."""

from __future__ import annotations

import dataclasses
import inspect
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from kiket_sdk import HandlerContext, KiketSDK
from kiket_sdk.manifest import DEFAULT_MANIFEST_FILENAMES
from kiket_sdk.testing import webhook_payload_factory

REFERENCE = (Path(__file__).parents[2] / "docs" / "extensions.md").read_text("utf-8")
EXAMPLES = re.findall(r"^```\w+\n(?:# (\S+)\n)?(.*?)^```$", REFERENCE, re.DOTALL | re.MULTILINE)


@pytest.fixture
def project(tmp_path: Path) -> Path:
    """Write every example to the file that its first line names."""
    for name, text in EXAMPLES:
        file = tmp_path / name
        file.parent.mkdir(exist_ok=True)
        file.write_text(text)
    return tmp_path


def test_every_example_says_which_file_it_is() -> None:
    assert [name for name, _ in EXAMPLES] == [
        "main.py",
        "extension.yaml",
        "kiket.toml",
        "telemetry.py",
        "pytest.ini",
        "tests/test_main.py",
        "tests/test_by_hand.py",
    ]


def test_the_tests_of_the_reference_pass_without_a_warning(project: Path) -> None:
    found = subprocess.run(
        [
            *(Path(sys.executable).with_name("pytest"), "-q", "-p", "no:cacheprovider"),
            *("-p", "no:asyncio", "-W", "error"),
        ],
        cwd=project,
        capture_output=True,
        text=True,
        check=False,
    )
    assert "4 passed" in found.stdout, found.stdout + found.stderr


def test_the_manifest_says_what_is_written_beside_it(
    project: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(project)
    monkeypatch.setenv("KIKET_WEBHOOK_SECRET", "a secret of at least 24 bytes")
    monkeypatch.setenv("KIKET_SECRET_CRM_APIKEY", "key")
    sdk = _sdk_of(project / "main.py")
    assert sdk.config.webhook_secret == "a secret of at least 24 bytes"
    assert (sdk.config.extension_id, sdk.config.extension_version) == (
        "com.example.marketing",
        "1.4.0",
    )
    assert sdk.config.settings.raw == {"hot_score": 70, "crm.apiKey": "key"}


def test_the_hook_prints(project: Path, capsys: pytest.CaptureFixture[str]) -> None:
    sdk = _sdk_of(project / "telemetry.py")
    signed = webhook_payload_factory(sdk.config.webhook_secret, event="issue.created")(
        {"issue": {"title": "Hi"}}
    )
    with sdk.create_test_client() as client:
        client.post(signed["path"], content=signed["body"], headers=signed["headers"])
    assert re.fullmatch(r"issue\.created@v1: ok in \d+\.\d ms\n", capsys.readouterr().out)


def test_nothing_public_is_left_out() -> None:
    """Arguments, methods and attributes of what a developer touches are in the reference."""
    sdk = KiketSDK(allow_unsigned=True)
    names = {
        *inspect.signature(KiketSDK).parameters,
        *(name for name in {*vars(sdk), *vars(KiketSDK)} if not name.startswith("_")),
        *(field.name for field in dataclasses.fields(HandlerContext)),
        *sdk.accepted_dialects,
        *DEFAULT_MANIFEST_FILENAMES,
    }
    assert {name for name in names if not re.search(rf"`{re.escape(name)}\b", REFERENCE)} == set()


def _sdk_of(file: Path) -> KiketSDK:
    namespace: dict[str, Any] = {"__name__": file.stem}
    exec(compile(file.read_text(), file, "exec"), namespace)  # noqa: S102 (our own documentation)
    sdk = namespace["sdk"]
    assert isinstance(sdk, KiketSDK)
    return sdk
