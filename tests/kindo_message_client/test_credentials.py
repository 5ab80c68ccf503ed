"""Where credentials come from: botocore's chain, asked once, and again when things change."""

from __future__ import annotations

import json
import sys
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING
from unittest.mock import patch

import pytest

from kiket_core.secret import redactor
from kindo_message_client.aio import ProducerClient
from kindo_message_client.credentials import Credentials, find_credentials, hide
from kindo_message_client.errors import CredentialsError
from kindo_message_client.producer import send_to_producer

if TYPE_CHECKING:
    from kindo_message_client.testing import FakeProducer


@pytest.fixture
def files(monkeypatch: pytest.MonkeyPatch) -> Path:
    """Return the folder of AWS files of a user who has nothing in the environment."""
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
        monkeypatch.delenv(name)
    folder = Path.home() / ".aws"
    folder.mkdir()
    return folder


def write_profile(files: Path, name: str, secret: str) -> None:
    """Write one profile, as another program than ours does: at once."""
    new = files / "new"
    new.write_text(f"[{name}]\naws_access_key_id = AKIA{name}\naws_secret_access_key = {secret}\n")
    new.replace(files / "credentials")


def test_of_the_environment() -> None:
    assert find_credentials() == Credentials("local", "local")


def test_of_a_profile(files: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write_profile(files, "dev", "first-secret")
    with pytest.raises(CredentialsError, match="No AWS credentials were found"):
        find_credentials()
    assert find_credentials("dev") == Credentials("AKIAdev", "first-secret")
    monkeypatch.setenv("AWS_PROFILE", "dev")
    assert find_credentials() == Credentials("AKIAdev", "first-secret")


def test_are_looked_for_once_while_nothing_changes(files: Path) -> None:
    import botocore.session

    write_profile(files, "default", "first-secret")
    made = botocore.session.Session
    with patch.object(botocore.session, "Session", side_effect=made) as sessions:
        assert {find_credentials().secret_key for _ in range(5)} == {"first-secret"}
        write_profile(files, "default", "a-second-secret")
        assert {find_credentials().secret_key for _ in range(5)} == {"a-second-secret"}
    assert sessions.call_count == 2


def test_threads_that_begin_together_look_for_them_once(files: Path) -> None:
    asked, answer = files / "asked", {"Version": 1, "AccessKeyId": "AKIA1", "SecretAccessKey": "s3"}
    (files / "ask").write_text(f"echo x >> {asked}; sleep 0.1; echo '{json.dumps(answer)}'\n")
    (files / "config").write_text(f"[default]\ncredential_process = sh {files}/ask\n")
    with ThreadPoolExecutor() as threads:
        found = list(threads.map(lambda _: find_credentials(), range(4)))
    assert found == [Credentials("AKIA1", "s3")] * 4
    assert asked.read_text() == "x\n"


def test_temporary_ones_are_renewed_before_they_are_over(files: Path) -> None:
    """A process gives them, as the AWS configuration may say; botocore asks it again."""
    script = files / "give.py"
    script.write_text(
        "import json, pathlib, sys\n"
        "state = pathlib.Path(sys.argv[1])\n"
        "count = int(state.read_text()) if state.exists() else 0\n"
        "state.write_text(str(count + 1))\n"
        "given = json.loads(pathlib.Path(sys.argv[2]).read_text())\n"
        "print(json.dumps({'Version': 1, 'AccessKeyId': 'ASIA', 'SecretAccessKey': 'secret',\n"
        "    'SessionToken': f'token-{count}', 'Expiration': given[min(count, 1)]}))\n"
    )
    soon = datetime.now(UTC) + timedelta(minutes=2)
    late = datetime.now(UTC) + timedelta(hours=2)
    times = files / "times.json"
    times.write_text(json.dumps([soon.isoformat(), late.isoformat()]))
    (files / "config").write_text(
        f"[default]\ncredential_process = {sys.executable} -S {script} {files / 'count'} {times}\n"
    )
    first = find_credentials()
    assert first.token.startswith("token-")
    assert find_credentials().token == "token-1"
    assert find_credentials().token == "token-1"


def test_a_broken_file_is_told(files: Path) -> None:
    (files / "credentials").write_text("[default\nwhat")
    with pytest.raises(CredentialsError, match="cannot be used: Unable to parse config file"):
        find_credentials()


def test_are_cut_out_of_texts_once_they_are_found(files: Path) -> None:
    write_profile(files, "default", "a-secret-to-be-cut-out")
    find_credentials()
    assert redactor.redact("it is a-secret-to-be-cut-out") == "it is [secret:AWS_SECRET_ACCESS_KEY]"


def test_the_documented_word_of_a_stand_in_is_no_secret() -> None:
    hide(Credentials("local", "local"))
    assert redactor.redact("http://localhost") == "http://localhost"


@pytest.mark.parametrize(
    ("what", "credentials"),
    [
        ("access key id", Credentials("AKIA1\n", "hidden-secret")),
        ("secret access key", Credentials("AKIA1", "hidden-secret\n")),
        ("session token", Credentials("ASIA1", "hidden-secret", "hidden\r\nX-Other: token")),
    ],
)
async def test_with_a_line_end_copied_along_are_refused_and_not_shown(
    what: str, credentials: Credentials, message: dict[str, str], producer: FakeProducer
) -> None:
    with pytest.raises(CredentialsError, match=what) as refused:
        send_to_producer(producer.url, message, credentials=credentials)
    with pytest.raises(CredentialsError, match=what):
        async with ProducerClient(producer.url, credentials=credentials):
            pass
    assert "hidden" not in str(refused.value)
    assert producer.calls == []


def test_are_not_shown() -> None:
    shown = repr(Credentials("AKIA1", "hidden-secret", "hidden-token"))
    assert shown == "Credentials(access_key='AKIA1')"
