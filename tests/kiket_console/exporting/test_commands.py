"""A request as a command: a real shell runs it, and a real server says what arrived."""

from __future__ import annotations

import os
import shutil
import subprocess
import tempfile
import time
from typing import TYPE_CHECKING

import pytest

from kiket_console.errors import ConsoleError
from kiket_console.exporting.commands import curl, httpie
from kiket_console.model import Body, SecretReference, Source
from kiket_sdk._signing import verify

if TYPE_CHECKING:
    from tests.kiket_console.exporting.conftest import MakeDetail, Server

SECRET = "a-secret-for-the-tests-alone-0001"
SHELLS = [shell for shell in ("sh", "bash", "zsh") if shutil.which(shell)]

pytestmark = pytest.mark.needs("curl")

HOSTILE = [
    b"",
    b"{}",
    b"@/etc/passwd",
    b"-d x",
    b'it\'s "quoted" $HOME `id` $(id) \\ \\n %s %d ! !! # ; & | > < * ? [a] {b} ~',
    b"'",
    b"''''",
    b"\n\n trailing newlines stay\n\n",
    b"\r\nHost: evil\r\n",
    b"tab\tand \xc3\xa9\xe2\x82\xac \xf0\x9f\x8e\x89",
    bytes(range(256)),
    b"\x00",
    b"\xff\xfe invalid",
    b"\x1b]0;title\x07\x1b[2J",
    "‮hidden​".encode(),
    b"a" * 300_000,
    b"END\nEND\n",
    b"%00%27",
]


def run(command: str, shell: str = "sh", **more: str) -> subprocess.CompletedProcess[str]:
    with tempfile.NamedTemporaryFile("w", suffix=".sh") as script:
        script.write(command)
        script.flush()
        return subprocess.run(
            [shell, script.name],
            capture_output=True, text=True, timeout=120, check=False,
            env={**os.environ, "no_proxy": "*", **more},
        )  # fmt: skip


@pytest.mark.parametrize("shell", SHELLS)
def test_every_byte_of_a_body_arrives(make_detail: MakeDetail, server: Server, shell: str) -> None:
    commands = [curl(make_detail(raw_body), server.url).text for raw_body in HOSTILE]
    ended = run("\n".join(commands), shell)
    assert ended.returncode == 0, ended.stderr
    assert [each.raw_body for each in server.received] == HOSTILE
    line = {(each.method, each.path) for each in server.received}
    assert line == {("POST", "/v/v2/webhooks/issue.updated?a=1")}


def test_a_command_can_be_pasted_whatever_the_body_holds(make_detail: MakeDetail) -> None:
    for raw_body in HOSTILE:
        text = curl(make_detail(raw_body), "http://127.0.0.1:1").text
        assert not [sign for sign in text if not sign.isprintable() and sign not in "\n\t"]


def test_headers_arrive_as_they_came_and_no_others(make_detail: MakeDetail, server: Server) -> None:
    sent = (
        ("Content-Type", "text/plain; charset='x'"),
        ("X-Quote", 'it\'s "a" $HOME `id` !x %s \\'),
        ("X-Latin", "caf\xe9 100%!"),
        ("X-Empty", ""),
        ("X-Twice", "1"),
        ("X-Twice", "2"),
        ("X-Kiket-Signature", "old"),
    )
    dropped = (("Host", "elsewhere"), ("Connection", "close"), ("X-Forwarded-For", "1.2.3.4"))
    ended = run(curl(make_detail(headers=(*dropped, *sent)), server.url).text)
    assert ended.returncode == 0, ended.stderr
    (received,) = server.received
    arrived = [pair for pair in received.headers if pair[0] not in ("Host", "Content-Length")]
    assert arrived == list(sent)


def test_the_method_and_a_path_of_signs_are_kept(make_detail: MakeDetail, server: Server) -> None:
    path = "/a/../b/./c%20d/[1]{2}?q='x'&r=$HOME&s=\"!\""
    methods = ["GET", "POST", "PUT", "DELETE", "HEAD", "PATCH"]
    details = [make_detail(b"", method=method, path=path) for method in methods]
    ended = run("\n".join(curl(detail, server.url).text for detail in details))
    assert ended.returncode == 0, ended.stderr
    assert [each.method for each in server.received] == methods
    assert {each.path for each in server.received} == {path}


@pytest.mark.parametrize(
    ("shell", "secret", "dialects"),
    [
        ("sh", SECRET, ("k0", "kr", "k1", "sw1")),
        ("sh", "whsec_c2VjcmV0LW9mLTI0LWJ5dGVzLWFsb25l", ("k1", "sw1")),
        *((shell, SECRET, ("sw1",)) for shell in SHELLS if shell != "sh"),
    ],
)
def test_a_good_signature_is_made_again_when_the_command_runs(
    make_detail: MakeDetail, server: Server, secret: str, shell: str, dialects: tuple[str, ...]
) -> None:
    bodies = (b'{"a": "it\'s"}\n', bytes(range(256)))
    each_way = [
        (dialect, bodies[number % 2])
        for number, dialect in enumerate((*dialects, *dialects[: len(dialects) % 2]))
    ]
    details = [
        make_detail(raw_body, dialect=dialect, headers=(("webhook-id", "msg_1"),))
        for dialect, raw_body in each_way
    ]
    commands = [curl(detail, server.url).text for detail in details]
    ended = run("\n".join(commands), shell, KIKET_WEBHOOK_SECRET=secret)
    assert ended.returncode == 0, ended.stderr
    for (dialect, raw_body), received in zip(each_way, server.received, strict=True):
        assert received.raw_body == raw_body
        verdict = verify([secret], raw_body, received.headers, accept=[dialect])
        assert verdict.ok, verdict.sentence
        later = verify([secret], raw_body, received.headers, now=time.time() + 900)
        assert not later.ok  # it was signed when it ran


def test_without_the_secret_it_says_so_and_sends_nothing(
    make_detail: MakeDetail, server: Server
) -> None:
    command = curl(make_detail(dialect="k0"), server.url)
    ended = run(command.text, KIKET_WEBHOOK_SECRET="")
    assert ended.returncode != 0
    assert "KIKET_WEBHOOK_SECRET" in ended.stderr
    assert server.received == []
    assert any("KIKET_WEBHOOK_SECRET" in note for note in command.notes)


def test_what_was_not_signed_well_goes_out_as_it_came(
    make_detail: MakeDetail, server: Server
) -> None:
    assert run(curl(make_detail(), server.url).text).returncode == 0
    assert dict(server.received[0].headers)["X-Kiket-Signature"] == "00" * 32


@pytest.mark.parametrize("dialect", [None, "k0"])
def test_a_secret_in_the_body_comes_from_the_environment(
    make_detail: MakeDetail, server: Server, dialect: str | None
) -> None:
    marked = b'{"key": "[secret:CRM_TOKEN]"}'
    body = Body(marked, 20, b"", references=(SecretReference(9, 6, "CRM_TOKEN"),))
    command = curl(make_detail(body=body, dialect=dialect), server.url)
    secrets = {"CRM_TOKEN": "v&l'ue", "KIKET_WEBHOOK_SECRET": SECRET}
    ended = run(command.text, **secrets)
    assert ended.returncode == 0, ended.stderr
    (received,) = server.received
    assert received.raw_body == b'{"key": "v&l\'ue"}'
    if dialect:
        assert verify([SECRET], received.raw_body, received.headers, accept=[dialect]).ok
    assert not any(secret in command.text for secret in secrets.values())


@pytest.mark.parametrize(("first", "dialect"), [(b"", "k0"), (b"\xff", None)])
def test_nothing_of_a_body_with_a_secret_is_run(
    make_detail: MakeDetail, server: Server, first: bytes, dialect: str | None
) -> None:
    marked = (
        first
        + b'{\n "key": "[secret:CRM_TOKEN]",\n "also": "[secret:PATH]; echo \'; exit 3; \'"\n}'
    )
    at = marked.index(b"[")
    body = Body(marked, len(marked), b"", references=(SecretReference(at, 6, "CRM_TOKEN"),))
    command = curl(make_detail(body=body, dialect=dialect), server.url)
    ended = run(command.text, CRM_TOKEN="value", KIKET_WEBHOOK_SECRET=SECRET)
    assert ended.returncode == 0, ended.stderr
    (received,) = server.received
    assert received.raw_body == marked.replace(b"[secret:CRM_TOKEN]", b"value")


def test_credentials_are_named_and_not_sent(make_detail: MakeDetail) -> None:
    command = curl(make_detail(headers=(("Authorization", "Bearer [redacted]"),)), "http://x")
    assert "[redacted]" not in command.text
    assert command.notes == ("Not recorded, so not sent: authorization.",)


def test_what_is_no_http_request_is_refused(make_detail: MakeDetail) -> None:
    with pytest.raises(ConsoleError):
        curl(make_detail(source=Source.IPC, path=""), "http://x")


def test_a_plain_command_reads_well(make_detail: MakeDetail) -> None:
    headers = (("content-type", "application/json"), ("user-agent", "a"), ("accept", "*/*"))
    detail = make_detail(b'{"a": 1}', headers=headers, path="/webhooks/x")
    assert curl(detail, "http://127.0.0.1:8700").text == (
        "curl -i \\\n"
        "  http://127.0.0.1:8700/webhooks/x \\\n"
        "  -H 'content-type: application/json' \\\n"
        "  -H 'user-agent: a' \\\n"
        "  -H 'accept: */*' \\\n"
        "  --data-raw '{\"a\": 1}'"
    )
    assert httpie(detail, "http://127.0.0.1:8700").text == (
        "http -v --ignore-stdin \\\n"
        "  --raw='{\"a\": 1}' \\\n"
        "  POST http://127.0.0.1:8700/webhooks/x \\\n"
        "  content-type:application/json \\\n"
        "  user-agent:a \\\n"
        "  'accept:*/*'"
    )


def test_nothing_of_a_header_acts_on_the_terminal_that_shows_the_command(
    make_detail: MakeDetail,
) -> None:
    detail = make_detail(b"{}", headers=(("X-Name", "Jos\xe9\x9b31m\t"),))
    shown = httpie(detail, "http://x").text
    assert shown.replace("\n", "").isprintable()
    assert "\"$(printf 'X-Name:Jos\\303\\251\\302\\23331m\\011')\"" in shown


def test_signs_that_mean_something_to_httpie_are_escaped(make_detail: MakeDetail) -> None:
    headers = (("X-At", "@/etc/passwd"), ("X-Json", "=1"), ("X-Back", "a\\b'c"), ("X-None", ""))
    lines = httpie(make_detail(b"-d", headers=headers), "http://x").text.split(" \\\n  ")
    assert lines[1] == "--raw=-d"
    assert lines[3:] == [
        "'X-At:\\@/etc/passwd'",
        "'X-Json:\\=1'",
        "'X-Back:a\\b'\\''c'",
        "'X-None;'",
    ]
