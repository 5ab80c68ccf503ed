"""The bundled sample is what people copy: its own tests pass, and it runs without the console."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import time
import urllib.error
import urllib.request
from pathlib import Path

import pytest
from tests.ports import free_port

from kiket_sdk.testing import webhook_payload_factory

SAMPLE = Path(__file__).parents[2] / "assets" / "samples" / "marketing"
SECRET = "a-secret-for-the-tests-alone-0001"
STARTED_WITHIN_S = 90.0


@pytest.fixture
def sample(tmp_path: Path) -> Path:
    """Return a copy of the sample, as a person who starts from it has one."""
    ignored = shutil.ignore_patterns("__pycache__", ".*")
    return Path(shutil.copytree(SAMPLE, tmp_path / "marketing", ignore=ignored))


def test_its_own_tests_pass(sample: Path) -> None:
    finished = subprocess.run(
        [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", "-p", "no:asyncio"],
        cwd=sample,
        capture_output=True,
        text=True,
    )

    assert finished.returncode == 0, finished.stdout + finished.stderr
    assert " passed" in finished.stdout
    assert "warning" not in finished.stdout


def test_it_runs_alone(sample: Path) -> None:
    """`python main.py` serves, verifies signatures and refuses what is not signed."""
    port = free_port()
    environment = {
        **os.environ,
        "PORT": str(port),
        "KIKET_WEBHOOK_SECRET": SECRET,
        "KIKET_WORKSPACE_TOKEN": "wk_test",
        "KIKET_BASE_URL": "http://127.0.0.1:9",
    }
    with subprocess.Popen([sys.executable, "main.py"], cwd=sample, env=environment) as extension:
        try:
            health = json.loads(get(f"http://127.0.0.1:{port}/health"))
            unsigned = post(port, "{}", {})
            signed = webhook_payload_factory(SECRET)({"issue": {}}, event="issue.updated")
            answered = post(port, signed["body"], signed["headers"])
        finally:
            extension.terminate()

    assert health["extension_id"] == "com.example.marketing"
    assert health["extension_version"] == "1.4.0"
    assert health["registered_events"] == [
        "campaign.created@v1",
        "issue.created@v1",
        "issue.created@v2",
        "issue.transitioned@v1",
        "issue.updated@v1",
        "workflow.sla_breach@v1",
    ]
    assert unsigned[0] == 401
    assert answered[0] == 400
    assert "`issue.title` must be a text that is not empty" in json.loads(answered[1])["error"]


def get(url: str) -> bytes:
    """Return what *url* answers, as soon as somebody listens."""
    deadline = time.monotonic() + STARTED_WITHIN_S
    while True:
        try:
            with urllib.request.urlopen(url, timeout=120) as answer:  # noqa: S310 (our own address)
                return bytes(answer.read())
        except urllib.error.URLError:
            if time.monotonic() > deadline:
                raise
            time.sleep(0.05)


def post(port: int, body: str, headers: dict[str, str]) -> tuple[int, bytes]:
    """Return status and body of the answer to an `issue.updated` v1 delivery."""
    request = urllib.request.Request(
        f"http://127.0.0.1:{port}/v/v1/webhooks/issue.updated", body.encode(), headers
    )
    try:
        with urllib.request.urlopen(request, timeout=120) as answer:  # noqa: S310 (our own address)
            return answer.status, answer.read()
    except urllib.error.HTTPError as refused:
        with refused:
            return refused.code, refused.read()
