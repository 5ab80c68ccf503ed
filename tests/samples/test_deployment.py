"""The sample's deployment templates name what is there, and what they start serves."""

from __future__ import annotations

import configparser
import json
import os
import re
import shlex
import shutil
import socket
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest
import yaml
from tests.ports import free_port

SAMPLE = Path(__file__).parents[2] / "assets" / "samples" / "marketing"
DEPLOY = SAMPLE / "deploy"
SECRET = "a-secret-for-the-tests-alone-0001"
STARTED_WITHIN_S = 90.0


def instructions() -> list[tuple[str, str]]:
    """Return the Dockerfile's instructions with their arguments, in order."""
    text = (DEPLOY / "Dockerfile").read_text("utf-8").replace("\\\n", " ")
    lines = [line for line in text.splitlines() if line and not line.startswith("#")]
    return [(name, rest.strip()) for name, _, rest in (line.partition(" ") for line in lines)]


def command(name: str) -> list[str]:
    """Return the last command, in its JSON form, that an instruction of the Dockerfile has."""
    found = [rest for each, rest in instructions() if each == name]
    argv: list[str] = json.loads(found[-1][found[-1].index("[") :])
    return argv


def environment() -> dict[str, str]:
    """Return the variables that the last stage of the Dockerfile sets."""
    found: dict[str, str] = {}
    for name, rest in instructions():
        if name == "ENV":
            found |= dict(pair.split("=", 1) for pair in shlex.split(rest))
    return found


def unit() -> configparser.RawConfigParser:
    parser = configparser.RawConfigParser(delimiters="=", comment_prefixes="#", strict=True)
    parser.optionxform = str  # type: ignore[assignment,method-assign]  # as the documentation does
    parser.read(DEPLOY / "marketing.service")
    return parser


def compose() -> Any:
    return yaml.safe_load((DEPLOY / "compose.yaml").read_text("utf-8"))


def variables() -> dict[str, str]:
    """Return what env.example sets."""
    lines = (DEPLOY / "env.example").read_text("utf-8").splitlines()
    return dict(line.split("=", 1) for line in lines if line and not line.startswith("#"))


def test_the_image_is_made_of_files_of_the_sample() -> None:
    sources = [
        source
        for name, rest in instructions()
        if name == "COPY" and not rest.startswith("--from")
        for source in rest.split()[:-1]
    ]
    assert sources == ["requirements.txt", "extension.yaml", "main.py", "marketing"]
    assert all((SAMPLE / source).exists() for source in sources)
    let_in = re.findall(r"^!(.+)$", (DEPLOY / "Dockerfile.dockerignore").read_text(), re.MULTILINE)
    assert let_in == sources


def test_the_image_runs_as_nobody_and_serves_beyond_itself() -> None:
    assert ("USER", "65534:65534") in instructions()
    assert environment()["HOST"] == "0.0.0.0"  # noqa: S104 (of the container, behind its ports)
    assert ("EXPOSE", environment()["PORT"]) in instructions()


def test_compose_names_files_that_are_there_or_that_it_says_how_to_make() -> None:
    service = compose()["services"]["marketing"]
    context = (DEPLOY / service["build"]["context"]).resolve()
    assert context == SAMPLE
    assert (context / service["build"]["dockerfile"]).is_file()
    assert service["ports"] == [f"127.0.0.1:8080:{environment()['PORT']}"]
    comment = (DEPLOY / "compose.yaml").read_text("utf-8").partition("\nservices:")[0]
    assert f"cp {service['env_file']}.example {service['env_file']}" in comment
    for name in service["secrets"]:
        assert f"cat > {compose()['secrets'][name]['file']}" in comment


def test_the_unit_runs_what_its_comment_installs() -> None:
    service = unit()["Service"]
    comment = (DEPLOY / "marketing.service").read_text("utf-8").partition("\n[Unit]")[0]
    folder = service["WorkingDirectory"]
    python, script = service["ExecStart"].split()
    assert python == f"{folder}/.venv/bin/python"
    assert f"cd {folder}\n" in comment
    assert (SAMPLE / script).is_file()
    assert f"deploy/env.example {service['EnvironmentFile']}" in comment
    name, _, file = service["LoadCredential"].partition(":")
    assert file in comment
    for path in re.findall(r"(?:deploy/\S+|requirements\.txt)", comment):
        assert (SAMPLE / path).exists()
    assert name in (SAMPLE / "extension.yaml").read_text("utf-8")


@pytest.mark.skipif(not shutil.which("systemd-analyze"), reason="systemd is not here")
def test_systemd_understands_the_unit(tmp_path: Path) -> None:
    """All that it finds wrong is that nothing is installed here."""
    shutil.copy(DEPLOY / "marketing.service", tmp_path)
    found = subprocess.run(
        ["systemd-analyze", "verify", tmp_path / "marketing.service"],
        capture_output=True,
        text=True,
        check=False,
    )
    said = [line for line in found.stderr.splitlines() if "marketing.service" in line]
    assert all("is not executable" in line for line in said), found.stderr


def test_what_the_templates_set_is_what_the_extension_reads() -> None:
    code = "".join(
        file.read_text("utf-8") for file in (Path(__file__).parents[2] / "sdk").rglob("*.py")
    )
    code += (SAMPLE / "main.py").read_text("utf-8") + (SAMPLE / "extension.yaml").read_text("utf-8")
    text = (DEPLOY / "env.example").read_text("utf-8")
    names = {*variables(), *re.findall(r"^# ([A-Z_]+)=", text, re.MULTILINE)}
    assert len(names) == 6
    for name in {*names, "HOST", "PORT", "CREDENTIALS_DIRECTORY"}:
        assert name in code


def test_the_container_s_command_serves_and_its_health_check_sees_it(tmp_path: Path) -> None:
    """As the image would: its command, variables and copied files alone; a secret in a file."""
    for source in ("extension.yaml", "main.py", "marketing"):
        copy = shutil.copytree if (SAMPLE / source).is_dir() else shutil.copy
        copy(SAMPLE / source, tmp_path / source)
    (tmp_path / "credentials").mkdir()
    (tmp_path / "credentials" / "MAILER_TOKEN").write_text("mt_1\n")
    port = str(free_port())
    surroundings = {
        **{name: os.environ[name] for name in ("HOME", "LANG") if name in os.environ},
        **environment(),
        **variables(),
        "PATH": f"{Path(sys.executable).parent}:/usr/bin:/bin",
        "HOST": "127.0.0.1",
        "PORT": port,
        "KIKET_WEBHOOK_SECRET": SECRET,
        "CREDENTIALS_DIRECTORY": str(tmp_path / "credentials"),
    }
    argv = [sys.executable, *command("CMD")[1:]]
    check = [sys.executable, *command("HEALTHCHECK")[1:]]
    assert command("CMD")[0] == command("HEALTHCHECK")[0] == "python"
    with subprocess.Popen(
        argv, cwd=tmp_path, env=surroundings, stderr=subprocess.DEVNULL
    ) as extension:
        try:
            deadline_s = time.monotonic() + STARTED_WITHIN_S
            while not is_served(port) and time.monotonic() < deadline_s:
                assert extension.poll() is None
                time.sleep(0.02)
            while True:  # it waits 3 s, and is asked again and again
                healthy = subprocess.run(check, env=surroundings, check=False, capture_output=True)
                if not healthy.returncode or time.monotonic() > deadline_s:
                    break
            assert healthy.returncode == 0, healthy.stderr
        finally:
            extension.terminate()
    assert extension.wait(STARTED_WITHIN_S) in {0, -15}
    down = subprocess.run(check, env=surroundings, check=False, capture_output=True)
    assert down.returncode != 0


def is_served(port: str) -> bool:
    with socket.socket() as connection:
        connection.settimeout(1)
        return connection.connect_ex(("127.0.0.1", int(port))) == 0
