"""A module as a program: its streams, its logs, its exit status (real processes)."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import textwrap
from typing import TYPE_CHECKING, Any, NamedTuple

import pytest
from tests.pywatt_sdk.living import init_line

if TYPE_CHECKING:
    from pathlib import Path

TRACE = "4bf92f3577b34da6a3ce929d0e0e4736"

STARLETTE = """
from __future__ import annotations
from starlette.applications import Starlette
from starlette.responses import PlainTextResponse
from starlette.routing import Route
from pywatt_sdk import AppState, pywatt_module
"""


class Ended(NamedTuple):
    """What came of a program."""

    status: int
    said: list[dict[str, Any]]
    """The lines of its stdout."""
    stderr: str

    @property
    def logs(self) -> list[dict[str, Any]]:
        """The lines of its stderr that are JSON."""
        return [json.loads(line) for line in self.stderr.splitlines() if line.startswith("{")]


def write(folder: Path, text: str) -> Path:
    program = folder / "main.py"
    program.write_text(STARLETTE + textwrap.dedent(text))
    return program


def start(program: Path, **environment: str) -> subprocess.Popen[bytes]:
    with (program.parent / "stderr").open("wb") as stderr:
        return subprocess.Popen(
            [sys.executable, program],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=stderr,
            env={**os.environ, **environment},
        )


def run(
    program: Path, *said: bytes, first: bytes | None = None, secret: str = "", **environment: str
) -> Ended:
    """Run a program: it gets its init line, a secret, then, announced, some lines and shutdown."""
    running = start(program, **environment)
    assert running.stdin is not None
    assert running.stdout is not None
    heard: list[dict[str, Any]] = []
    tell(running, init_line() if first is None else first)
    for line in running.stdout:
        heard.append(json.loads(line))
        if heard[-1].get("op") == "get_secret":
            value = {"op": "secret", "name": heard[-1]["name"], "value": secret}
            tell(running, json.dumps(value).encode() + b"\n")
        if heard[-1].get("op") == "announce":
            tell(running, *said, b'{"op":"shutdown"}\n')
    running.communicate(timeout=120)
    return Ended(running.returncode, heard, (program.parent / "stderr").read_text())


def tell(running: subprocess.Popen[bytes], *lines: bytes) -> None:
    assert running.stdin is not None
    running.stdin.write(b"".join(lines))
    running.stdin.flush()


@pytest.fixture(scope="module")
def chatty(tmp_path_factory: pytest.TempPathFactory) -> Ended:
    """Run a module that prints by every way there is, and reads stdin."""
    program = write(
        tmp_path_factory.mktemp("chatty"),
        """
        import ctypes, logging, os, subprocess, sys

        print("while it is imported")

        @pywatt_module
        async def create_app(state: AppState):
            for _ in range(2):
                print("by print", state.module_id)
            os.write(1, b"by descriptor\\n")
            subprocess.run(["echo", "by a child"], check=True)
            ctypes.CDLL(None).puts(b"by C code")
            try:
                input()
            except EOFError:
                logging.getLogger("mine").info("stdin is empty", extra={"rows": 3})
            return Starlette(routes=[Route("/", answer)])

        async def answer(request):
            logging.getLogger("mine").info("asked")
            return PlainTextResponse(DEFINED_BELOW)

        def described() -> Undefined:  # not looked at, by the future import of the file
            return "what is defined below is there"

        DEFINED_BELOW = described()
        """,
    )
    headers = {"traceparent": f"00-{TRACE}-{'1' * 16}-01"}
    request = {"op": "http_request", "request_id": "h", "method": "GET", "uri": "/"}
    line = json.dumps({**request, "headers": headers}).encode() + b"\n"
    return run(program, line, PYTHONUNBUFFERED="")


def test_nothing_but_the_protocol_is_on_stdout(chatty: Ended) -> None:
    assert [line.get("op", "reply") for line in chatty.said] == ["announce", "reply"]


@pytest.mark.parametrize(
    "text", ["while it is imported", "by print greeter", "by descriptor", "by a child", "by C code"]
)
def test_what_is_printed_by_whatever_way_is_on_stderr(chatty: Ended, text: str) -> None:
    assert text in chatty.stderr.splitlines()


def test_a_print_is_told_once_with_its_file_and_line(chatty: Ended) -> None:
    told = [line["message"] for line in chatty.logs if line.get("stray_output")]
    by_line = [text for text in told if "main.py:15 prints to stdout" in text]
    assert len(by_line) == 1
    assert len(told) == 2  # and once for all that is no print()


def test_what_is_defined_below_the_module_is_there_when_it_runs(chatty: Ended) -> None:
    body = bytes(chatty.said[1]["content"]["body"]).decode()
    assert body == "what is defined below is there"


def test_its_logs_are_json_with_extras(chatty: Ended) -> None:
    line, _ = [line for line in chatty.logs if line["logger"] == "mine"]
    assert line["message"] == "stdin is empty"
    assert (line["level"], line["rows"], line["function"]) == ("INFO", 3, "create_app")


def test_a_log_line_names_the_trace_of_the_request_that_it_is_about(chatty: Ended) -> None:
    lines = [line for line in chatty.logs if line["logger"] == "mine"]
    assert [line.get("trace_id") for line in lines] == [None, TRACE]


@pytest.mark.parametrize("end", ["shutdown", "SIGTERM"])
def test_it_ends_with_0_without_waiting_for_stdin(tmp_path: Path, end: str) -> None:
    program = write(tmp_path, "@pywatt_module\ndef create_app(state): return Starlette()")
    running = start(program)
    assert running.stdout is not None
    tell(running, init_line())
    assert json.loads(running.stdout.readline())["op"] == "announce"
    if end == "shutdown":
        tell(running, b'{"op":"shutdown"}\n')
    else:
        running.send_signal(signal.SIGTERM)
    assert running.wait(60) == 0
    running.communicate()
    assert end in (tmp_path / "stderr").read_text()


def test_what_its_code_raises_is_told_without_secrets_and_ends_it_with_1(tmp_path: Path) -> None:
    program = write(
        tmp_path,
        """
        @pywatt_module(secrets=["KEY"])
        async def create_app(state: AppState):
            key = await state.get_secret("KEY")
            print("the key is", key.expose_secret())
            raise RuntimeError("cannot log in with " + key.expose_secret())
        """,
    )
    ended = run(program, secret="sesame-7f3a91")
    assert (ended.status, ended.said) == (1, [{"op": "get_secret", "name": "KEY"}])
    assert "sesame-7f3a91" not in ended.stderr
    assert "the key is [secret:KEY]" in ended.stderr
    last = ended.logs[-1]
    assert last["message"] == "The module ended by an error of its own."
    assert "cannot log in with [secret:KEY]" in last["exception"]


def test_no_secret_is_on_stderr_whoever_writes_there(tmp_path: Path) -> None:
    program = write(
        tmp_path,
        """
        import logging.config, sys, threading

        own = {"class": "logging.StreamHandler"}
        ROOT = {"handlers": {"own": own}, "root": {"handlers": ["own"]}, "version": 1}
        before = logging.getLogger("before")
        before.addHandler(logging.StreamHandler())

        class Broken:
            def __del__(self):
                raise RuntimeError("deleting " + self.key)

        @pywatt_module(secrets=["KEY"])
        async def create_app(state: AppState):
            key = (await state.get_secret("KEY")).expose_secret()
            logging.config.dictConfig({**ROOT, "disable_existing_loggers": False})
            print("stderr", key, file=sys.stderr)
            print("init", state.init.auth_token, file=sys.stderr)
            logging.warning("log %s", key)
            logging.warning("no number: %d", key)
            before.warning("before %s", key)
            thread = threading.Thread(target=int, args=(key,))
            thread.start()
            thread.join()
            broken = Broken()
            broken.key = key
            del broken
            sys.exit("exit " + key)
        """,
    )
    ended = run(program, first=init_line(auth_token="open-61b04c"), secret="sesame-7f3a91")
    assert ended.status == 1
    assert "sesame-7f3a91" not in ended.stderr
    assert "init [secret:auth_token]" in ended.stderr
    for text in ("stderr ", "log ", "before ", "base 10: '", "deleting ", "exit "):
        assert f"{text}[secret:KEY]" in ended.stderr


def test_a_first_line_that_is_no_init_line_ends_it_with_one_sentence(tmp_path: Path) -> None:
    program = write(tmp_path, "@pywatt_module\ndef create_app(state): return Starlette()")
    ended = run(program, first=b"hello\n")
    assert ended.status == 1
    assert ended.said == []
    (line,) = ended.logs
    assert line["message"].startswith("The module cannot run. handshake failed: ")
    assert "exception" not in line


def test_a_file_that_runs_its_module_itself_runs_it_once(tmp_path: Path) -> None:
    program = write(
        tmp_path,
        """
        import asyncio

        @pywatt_module()
        def create_app(state): return Starlette()

        if __name__ == "__main__":
            asyncio.run(create_app())
        """,
    )
    ended = run(program)
    assert (ended.status, [line["op"] for line in ended.said]) == (0, ["announce"])


def test_a_handler_that_hangs_does_not_keep_the_process(tmp_path: Path) -> None:
    program = write(
        tmp_path,
        """
        import threading

        @pywatt_module(drain_s=0.1)
        def create_app(state):
            threading.Thread(target=threading.Event().wait).start()
            return Starlette()
        """,
    )
    ended = run(program)
    assert ended.status == 0
    assert ended.logs[-1]["message"].startswith("A thread of this module does not end")


def test_with_autorun_off_the_file_only_defines_its_module(tmp_path: Path) -> None:
    program = write(
        tmp_path,
        """
        import sys

        @pywatt_module
        def create_app(state): return Starlette()

        sys.exit(7 if create_app.__is_pywatt_module__ else 8)
        """,
    )
    assert run(program, PYWATT_AUTORUN="0").status == 7


@pytest.mark.parametrize("ends", ["< /dev/null", "<&- >&-"], ids=["nothing", "closed"])
def test_without_a_stdin_it_says_in_one_sentence_why_it_cannot_run(
    tmp_path: Path, ends: str
) -> None:
    program = write(tmp_path, "@pywatt_module\ndef create_app(state): return Starlette()")
    line = f"{sys.executable} {program} {ends}"
    ended = subprocess.run(["/bin/sh", "-c", line], capture_output=True, timeout=120, check=False)
    assert ended.returncode == 1
    assert json.loads(ended.stderr)["message"].endswith(
        "stdin closed unexpectedly during handshake"
    )
