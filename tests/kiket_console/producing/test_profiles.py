from __future__ import annotations

import os
from typing import TYPE_CHECKING

import pytest

from kiket_console.errors import ConsoleError, ExitCode
from kiket_console.producing import profiles
from kiket_console.producing.profiles import Keys
from kiket_console.wire_producer import Profile

if TYPE_CHECKING:
    from pathlib import Path

CONFIG = """\
[default]
region = eu-west-1
[profile dev]
region = us-east-1
[profile signed-in]
sso_start_url = https://example.awsapps.com/start
sso_region = eu-west-1
sso_account_id = 123456789012
sso_role_name = dev
[profile script]
credential_process = {script}
[profile admin]
role_arn = arn:aws:iam::123456789012:role/admin
source_profile = dev
"""
CREDENTIALS = """\
[dev]
aws_access_key_id = AKIAEXAMPLE000007Q
aws_secret_access_key = the-secret-of-dev
[leased]
aws_access_key_id = ASIAEXAMPLE00000AB
aws_secret_access_key = the-secret-of-leased
aws_session_token = the-token-of-leased
aws_session_token_expiration = 2026-01-31T12:00:00Z
"""


@pytest.fixture(autouse=True)
def aws(own_places: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Return the folder of the AWS files, and a process that gives credentials when asked."""
    for name in ("ACCESS_KEY_ID", "SECRET_ACCESS_KEY", "SESSION_TOKEN", "PROFILE", "REGION"):
        monkeypatch.delenv(f"AWS_{name}", raising=False)
    monkeypatch.setenv("HOME", str(own_places))
    monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")
    monkeypatch.setenv("AWS_CONFIG_FILE", str(own_places / "config"))
    monkeypatch.setenv("AWS_SHARED_CREDENTIALS_FILE", str(own_places / "credentials"))
    script = own_places / "script"
    script.write_text(
        "#!/bin/sh\necho called >> " + str(own_places / "calls") + "\n"
        'echo \'{"Version": 1, "AccessKeyId": "AKIASCRIPT", "SecretAccessKey": "of-script"}\'\n'
    )
    script.chmod(0o700)
    (own_places / "config").write_text(CONFIG.format(script=script))
    (own_places / "credentials").write_text(CREDENTIALS)
    return own_places


def test_profiles_are_those_of_the_files_by_kind_and_never_their_credentials(aws: Path) -> None:
    found = profiles.profiles({})

    assert found == (
        Profile("local", "", "local", "static"),
        Profile("default", "eu-west-1"),
        Profile("dev", "us-east-1", "AKIA…7Q", "static"),
        Profile("signed-in", "", "", "sso"),
        Profile("script", "", "", "process"),
        Profile("admin", "", "", "role"),
        Profile("leased", "", "ASIA…AB", "temporary", 1769860800000000),
    )
    assert not (aws / "calls").exists(), "a process runs only when its profile signs"


def test_the_one_that_signs_by_default_is_the_one_that_aws_tools_would_take() -> None:
    known = profiles.profiles({})
    environ = {"AWS_ACCESS_KEY_ID": "AKIAENVIRONMENT", "AWS_SECRET_ACCESS_KEY": "s"}

    assert profiles.default_profile(known, {}) == "default"
    assert profiles.default_profile(known, {"AWS_PROFILE": "dev"}) == "dev"
    assert profiles.default_profile(profiles.profiles(environ), environ) == "environment"


async def test_credentials_come_from_files_processes_and_the_environment(aws: Path) -> None:
    environ = {
        "AWS_ACCESS_KEY_ID": "ASIAENVIRONMENT",
        "AWS_SECRET_ACCESS_KEY": "of-environment",
        "AWS_SESSION_TOKEN": "token-of-environment",
    }

    assert await profiles.keys_of("local", {}) == Keys("local", "local")
    assert await profiles.keys_of("dev", {}) == Keys("AKIAEXAMPLE000007Q", "the-secret-of-dev")
    assert (await profiles.keys_of("leased", {})).token == "the-token-of-leased"
    assert await profiles.keys_of("script", {}) == Keys("AKIASCRIPT", "of-script")
    assert await profiles.keys_of("script", {}) == Keys("AKIASCRIPT", "of-script")
    assert (aws / "calls").read_text() == "called\n", "botocore keeps what it found"
    assert (await profiles.keys_of("environment", environ)).token == "token-of-environment"
    assert "of-environment" not in repr(await profiles.keys_of("environment", environ))


@pytest.mark.parametrize(
    ("name", "code", "said"),
    [
        ("default", ExitCode.AUTH, 'There are no AWS credentials in the profile "default".'),
        ("environment", ExitCode.AUTH, "There are no AWS credentials in this environment."),
        ("nobody", ExitCode.AUTH, "could not be found"),
        ("signed-in", ExitCode.AUTH, 'The AWS profile "signed-in" cannot be used'),
    ],
)
async def test_a_profile_that_signs_nothing_has_a_sentence(
    name: str, code: ExitCode, said: str
) -> None:
    with pytest.raises(ConsoleError) as refused:
        await profiles.keys_of(name, {})

    assert (refused.value.exit_code, said in refused.value.message) == (code, True)
    assert refused.value.hint


async def test_credentials_that_do_not_come_are_waited_for_once_and_not_for_ever(
    aws: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    gate = aws / "gate"
    os.mkfifo(gate)
    (aws / "script").write_text(f"#!/bin/sh\necho called >> {aws}/calls\nread line < {gate}\n")
    monkeypatch.setattr(profiles, "LOOKUP_S", 0.1)

    for _ in range(2):
        with pytest.raises(ConsoleError, match=r'"script" did not come within 0\.1 s') as refused:
            await profiles.keys_of("script", {})
    gate.write_text("go on\n")

    assert refused.value.exit_code is ExitCode.AUTH
    assert (aws / "calls").read_text() == "called\n"


def test_what_the_sink_knows_is_static_and_runs_nothing(aws: Path) -> None:
    known = {each.access_key: each.secret_key for each in profiles.static_keys({})}

    assert known == {
        "local": "local",
        "AKIAEXAMPLE000007Q": "the-secret-of-dev",
        "ASIAEXAMPLE00000AB": "the-secret-of-leased",
    }
    assert not (aws / "calls").exists()


def test_files_that_cannot_be_read_have_a_sentence(aws: Path) -> None:
    (aws / "config").write_text("[default\nregion")

    with pytest.raises(ConsoleError, match="AWS configuration cannot be read") as refused:
        profiles.profiles({})

    assert refused.value.exit_code is ExitCode.CONFIG
