"""Messages sent by command: from here to a real server, and by the control API of an engine."""

from __future__ import annotations

import asyncio
import io
import json
import sys
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import TYPE_CHECKING, Any

import pytest
import uvicorn
from msgspec.structs import replace
from starlette.applications import Starlette

from kiket_console import cli
from kiket_console.engine.control import STATUS_OF
from kiket_console.engine.control_bodies import answer
from kiket_console.engine.control_producer import producer_routes
from kiket_console.engine.private_socket import OwnPeers, bind_private
from kiket_console.errors import ConsoleError, ExitCode
from kiket_console.paths import ProjectPaths
from kiket_console.wire import Refusal
from kiket_console.wire_producer import (
    Explanation,
    ProducerMessage,
    ProducerPreview,
    ProducerResult,
    ProducerState,
    Profile,
    SinkFault,
)
from kiket_core.guard import Server

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from pathlib import Path

    from starlette.responses import Response

MESSAGE = {
    "event_type": "user.created",
    "message_channel": "email",
    "behavior": "instant",
    "payload": {"id": 1},
}
TEXT = json.dumps(MESSAGE)
SENSITIVE = json.dumps({**MESSAGE, "security_level": "sensitive"})
SINK = "http://127.0.0.1:1/producer"


class Function(BaseHTTPRequestHandler):
    """A function URL that answers what a test says."""

    status, said = 200, b'{"tracking_id": "t-1"}'
    seen: list[tuple[dict[str, str], bytes]]

    def do_POST(self) -> None:
        """Take a message."""
        body = self.rfile.read(int(self.headers["content-length"]))
        self.seen.append((dict(self.headers.items()), body))
        self.send_response(self.status)
        self.send_header("content-length", str(len(self.said)))
        self.end_headers()
        self.wfile.write(self.said)

    def log_message(self, format: str, *args: Any) -> None:  # noqa: A002 - the library's name
        """Say nothing."""


@pytest.fixture
def function() -> Iterator[tuple[str, type[Function]]]:
    """Return the URL of a function, and what it does."""
    kind = type("This", (Function,), {"seen": []})
    with ThreadingHTTPServer(("127.0.0.1", 0), kind) as server:
        thread = threading.Thread(target=server.serve_forever, args=(0.01,))
        thread.start()
        yield f"http://127.0.0.1:{server.server_port}/f", kind
        server.shutdown()
        thread.join()


@pytest.fixture
def run(
    own_places: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> Any:
    """Return what runs `produce` in a project, and gives exit status, standard output and error."""
    for name in ("ACCESS_KEY_ID", "SECRET_ACCESS_KEY", "SESSION_TOKEN", "PROFILE", "REGION"):
        monkeypatch.delenv(f"AWS_{name}", raising=False)
    monkeypatch.delenv("KINDO_MESSAGE_PRODUCER_URL", raising=False)
    monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")
    monkeypatch.setenv("AWS_CONFIG_FILE", str(own_places / "config"))
    monkeypatch.setenv("AWS_SHARED_CREDENTIALS_FILE", str(own_places / "credentials"))
    folder = own_places / "project"
    folder.mkdir()
    (folder / "message.json").write_text(TEXT)
    monkeypatch.chdir(folder)

    def run(*words: str, stdin: str = "") -> tuple[int, str, str]:
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(stdin.encode())))
            status = cli.run(["produce", *words])
        said = capsys.readouterr()
        return status, said.out, said.err

    return run


def unsent() -> list[str]:
    """Return the names of the files that wait in the project's state."""
    from pathlib import Path

    folder = ProjectPaths(Path()).unsent
    return sorted(each.name for each in folder.glob("*")) if folder.is_dir() else []


def test_without_an_engine_a_message_is_signed_and_sent_from_here(
    run: Any, function: tuple[str, type[Function]]
) -> None:
    url, its = function

    status, said, _ = run("message.json", "--url", url, "--profile", "local")

    assert (status, said.split()[:2]) == (0, ["user.created", "t-1"])
    [(headers, body)] = its.seen
    assert json.loads(body) == {**MESSAGE, "security_level": "normal"}
    assert "Credential=local/" in headers["Authorization"]
    assert headers["Host"] == url.split("/")[2]


def test_a_dry_run_needs_no_network_no_engine_and_no_credentials(run: Any) -> None:
    status, said, notes = run("message.json", "--dry-run")
    document = json.loads(run("-", "--dry-run", "--json", stdin=TEXT)[1])

    assert status == 0
    assert "\nString to sign\n  AWS4-HMAC-SHA256\n" in said
    assert notes == "Signed for ap-southeast-2/lambda by local; nothing was sent.\n"
    assert (document["dry_run"], document["access_key"]) == (True, "local")
    assert document["canonical_request"].startswith("POST\n/producer\n")


@pytest.mark.parametrize(
    ("status", "said", "code"),
    [
        (200, b"<html>", ExitCode.UNREADABLE),
        (200, b"{}", ExitCode.UNTRACKED),
        (500, b"", ExitCode.CONTRACT),
        (403, b'{"message": "Signature expired: 1 is now earlier than 2"}', ExitCode.SKEW),
        (403, b'{"message": "Credential should be scoped to a valid region"}', ExitCode.SCOPE),
        (403, b'{"message": "The security token included in the request is expired"}', 8),
    ],
)
def test_each_failure_has_its_exit_code_and_what_was_piped_is_kept_and_sent_again(
    run: Any, function: tuple[str, type[Function]], status: int, said: bytes, code: int
) -> None:
    url, its = function
    its.status, its.said = status, said

    failed = run("-", "--url", url, "--profile", "local", stdin=TEXT)
    waiting = unsent()
    its.status, its.said = 200, b'{"tracking_id": "t-2"}'
    again = run("--again")

    assert failed[0] == code
    assert failed[2].startswith("Error: ")
    assert "produce --again" in failed[2]
    assert len(waiting) == 1
    assert (again[0], again[1].split()[:2], unsent()) == (0, ["user.created", "t-2"], [])
    assert its.seen[0][1] == its.seen[1][1]


def test_what_cannot_be_sent_from_here_has_its_sentence_and_exit_code(
    run: Any, own_places: Path
) -> None:
    schema = own_places / "schema.json"
    schema.write_text("{")
    huge = json.dumps({**MESSAGE, "payload": {"x": "x" * 7_000_000}})
    to = ("--url", "http://127.0.0.1:9/", "--profile", "local")
    told = {
        "nowhere": run("message.json"),
        "no credentials": run("message.json", "--url", "https://127.0.0.1:9/"),
        "unreachable": run("message.json", *to),
        "huge": run("-", *to, stdin=huge),
        "schema": run("-", *to, "--schema", str(schema), stdin=TEXT),
        "no file": run("nothing.json"),
        "not https": run("message.json", "--url", "http://example.com/"),
        "no JSON": run("-", *to, stdin='{\n "a": }'),
        "sensitive": run("-", *to, stdin=SENSITIVE),
    }

    assert {name: status for name, (status, *_) in told.items()} == {
        "nowhere": ExitCode.USAGE,
        "no credentials": ExitCode.AUTH,
        "unreachable": ExitCode.NETWORK,
        "huge": ExitCode.TOO_LARGE,
        "schema": ExitCode.CONFIG,
        "no file": ExitCode.USAGE,
        "not https": ExitCode.USAGE,
        "no JSON": ExitCode.USAGE,
        "sensitive": ExitCode.NETWORK,
    }
    assert "stdin:2:7: " in told["no JSON"][2]
    assert "sensitive, so it was not kept" in told["sensitive"][2]
    assert len({error.split("\n")[0] for _, _, error in told.values()}) == 8, (
        "each its own sentence; the same host cannot be reached twice"
    )
    assert len(unsent()) == 2, "what is too large, and what another schema was wanted for"


def test_a_projects_file_does_not_send_signed_messages_before_the_person_says_so_once(
    run: Any, own_places: Path
) -> None:
    """Not even a clone that nobody trusts, which may have a `kiket.toml`."""
    elsewhere = "https://127.0.0.1.nip.invalid/"
    (own_places / "project" / "kiket.toml").write_text(
        f'[console]\nproducer_url = "{elsewhere}"\nproducer_profile = "local"\n'
    )

    before = run("message.json")
    shown = run("message.json", "--dry-run")
    agreed = run("message.json", "--url", elsewhere)
    after = run("message.json")

    assert before[0] == ExitCode.AUTH
    assert (
        f"kiket.toml:2 has messages signed with your credentials and sent to {elsewhere}"
        in (before[2])
    )
    assert shown[0] == 0, "it is sent nowhere"
    assert (agreed[0], after[0]) == (ExitCode.NETWORK, ExitCode.NETWORK), "there is no such host"


class Desk:
    """What an engine's desk was asked, and answers."""

    def __init__(self) -> None:
        self.asked: list[ProducerMessage] = []
        self.again: list[int] = []
        self.result = ProducerResult(12, SINK, 200, "t-1", 2500)
        self.state_now = ProducerState(
            SINK, SINK, "local", "ap-southeast-2", "lambda", (Profile("local"),)
        )

    async def state(self) -> ProducerState:
        """Return what there is."""
        return self.state_now

    async def preview(self, asked: ProducerMessage) -> ProducerPreview:
        """Return what would be sent."""
        self.asked.append(asked)
        return ProducerPreview(SINK, (("Host", "h"),), "{}", "POST", "AWS4", "local", "r", "lambda")

    async def send(self, asked: ProducerMessage) -> ProducerResult:
        """Send nothing."""
        self.asked.append(asked)
        return self.result

    async def resend(self, exchange_id: int) -> ProducerResult:
        """Send nothing."""
        self.again.append(exchange_id)
        return self.result

    async def message(self, exchange_id: int) -> ProducerMessage:
        """Return nothing."""
        raise ConsoleError(f"no {exchange_id}")

    async def set_faults(self, faults: Sequence[SinkFault]) -> ProducerState:
        """Take failures."""
        self.state_now = replace(self.state_now, faults=tuple(faults))
        return self.state_now


@pytest.fixture
def desk(run: Any, own_places: Path) -> Iterator[Desk]:
    """Return the desk of the project's engine, which serves the producer's part alone."""
    del run  # the project's folder is there
    desk = Desk()
    paths = ProjectPaths(own_places / "project")
    paths.make()

    async def refused(_: object, error: Exception) -> Response:
        assert isinstance(error, ConsoleError)
        refusal = Refusal(error.message, error.hint, int(error.exit_code))
        return answer(refusal, STATUS_OF.get(error.exit_code, 500))

    app = Starlette(routes=producer_routes(desk), exception_handlers={ConsoleError: refused})
    listener = bind_private(paths.control_socket)
    listener.listen()
    config = uvicorn.Config(app, http=OwnPeers, lifespan="off", log_config=None, ws="none")
    server = Server(config)
    thread = threading.Thread(target=lambda: asyncio.run(server.serve([listener])))
    thread.start()
    yield desk
    server.should_exit = True
    thread.join()


def test_an_engine_sends_and_records_what_a_command_asks(
    run: Any, desk: Desk, function: tuple[str, type[Function]], monkeypatch: pytest.MonkeyPatch
) -> None:
    plain = run("message.json")
    counted = run("-", "--count", "3", "--every", "1ms", "--json", stdin=TEXT)
    run("--template", "notification", "--dry-run")
    monkeypatch.setenv("KINDO_MESSAGE_PRODUCER_URL", "https://f.example/")
    monkeypatch.setenv("AWS_PROFILE", "dev")
    run("message.json")
    url, its = function
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "AKIAOFTHISSHELL")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "secret-of-this-shell")
    monkeypatch.delenv("AWS_PROFILE")
    here = run("message.json", "--url", url)
    run("message.json", "--url", SINK)
    chosen = run("message.json", "--url", SINK, "--profile", "environment")

    assert plain == (0, "#12  user.created  t-1  2.5 ms\n", "")
    assert [json.loads(line)["exchange_id"] for line in counted[1].splitlines()] == [12] * 3
    assert desk.asked[0] == ProducerMessage(TEXT)
    assert json.loads(desk.asked[4].message)["event_type"] == "user.notification"
    assert (desk.asked[5].url, desk.asked[5].profile) == ("https://f.example/", "dev")
    assert len(desk.asked) == 7, "to the sink its own credentials are good, unless it is said"
    said = "Sent from here, not by the engine: it does not have AWS_ACCESS_KEY_ID of this shell."
    assert here[2].splitlines()[0] == said
    assert chosen[2].splitlines()[0] == said
    assert "Credential=AKIAOFTHISSHELL/" in its.seen[0][0]["Authorization"]


def test_why_a_signature_was_refused_is_told_with_what_was_compared(run: Any, desk: Desk) -> None:
    evidence = (("region", "us-east-1", "eu-west-1"), ("canonical request", "8ab8", "8ab8"))
    explanation = Explanation("wrong region", "Another region.", "Sign for it.", evidence)
    desk.result = ProducerResult(
        13,
        SINK,
        403,
        error="Another region.",
        hint="Sign for it.",
        exit_code=9,
        kept=True,
        explanation=explanation,
    )

    status, said, error = run("-", stdin=TEXT)

    assert (status, said) == (ExitCode.SCOPE, "#13  user.created  403 ✗\n")
    assert error == (
        "Error: Another region.\n  Sign for it.\n  region: us-east-1 here, eu-west-1 there\n"
        "  canonical request: 8ab8 here and there\n"
        "Kept in Traffic; `kiket-console produce --again` sends it.\n"
    )
    assert unsent() == [], "the engine has it"


def test_what_the_engine_keeps_is_sent_again_and_its_sink_is_told_to_fail(
    run: Any, desk: Desk
) -> None:
    desk.state_now = replace(desk.state_now, kept=(9, 7))

    again = run("--again")
    told = run("--sink-fault", "throttle:3", "--sink-fault", "slow:0:1.5")
    none = run("--sink-fault", "none")

    assert (again[0], desk.again) == (0, [7, 9])
    assert "It is told to fail: throttle for 3 more." in told[2]
    assert "slow until it is turned off" in told[2]
    assert (none[0], desk.state_now.faults) == (0, ())
    assert run("--sink-fault", "slow:x")[0] == ExitCode.USAGE
    assert run("--profiles")[1] == "● local\n"


def test_a_command_says_one_thing_to_send(run: Any) -> None:
    assert run()[0] == ExitCode.USAGE
    assert run("message.json", "--again")[0] == ExitCode.USAGE
    assert "There is no template" in run("--template", "nothing")[2]
