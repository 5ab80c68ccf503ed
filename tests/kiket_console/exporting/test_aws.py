"""A message to a producer as a command of curl's, which signs as botocore does."""

from __future__ import annotations

import os
import subprocess
import time
from typing import TYPE_CHECKING

import pytest
from msgspec.structs import replace

from kiket_console.exporting.commands import Urls, base_url, curl, httpie
from kiket_console.model import Attempt, Judgement, Source, State
from kindo_message_client._verification import Known, Received, verify

if TYPE_CHECKING:
    from tests.kiket_console.exporting.conftest import MakeDetail, Server

    from kiket_console.model import Detail

BODY = b'{"event_type": "paid", "payload": {"a": 1}}'
HEADERS = (
    ("Host", "recorded.example"),
    ("Content-Type", "application/json"),
    ("X-Amz-Date", "20261122T000000Z"),
    ("Authorization", "AWS4-HMAC-SHA256 [redacted]"),
)


def message(make: MakeDetail, sentence: str, target: str = "sink") -> Detail:
    """Return a recorded message that was signed as *sentence* says."""
    detail = make(BODY, headers=HEADERS, source=Source.PRODUCER, path="/producer")
    tried = Attempt(1, 1, target, 0, State.FORWARDED, 200, 1, "", None)
    judgement = Judgement(True, "signed", "sigv4", sentence)
    return replace(detail, judgement=judgement, attempts=(tried,))


@pytest.mark.needs("curl")
@pytest.mark.parametrize(
    ("sentence", "region", "keys"),
    [
        ("Signed for eu-west-1/lambda by AKIA…7Q, profile dev.", "eu-west-1", ("AKIA7Q", "s3c")),
        ("Signed for us-east-1/lambda by local, profile local.", "us-east-1", ("local", "local")),
        ("It is signed for us-west-2/lambda.", "us-west-2", ("AKIA7Q", "s3c")),
    ],
)
def test_curl_signs_a_message_anew_for_what_it_was_signed_for(
    make_detail: MakeDetail, server: Server, sentence: str, region: str, keys: tuple[str, str]
) -> None:
    access_key, secret_key = keys
    environ = {**os.environ, "AWS_ACCESS_KEY_ID": "AKIA7Q", "AWS_SECRET_ACCESS_KEY": "s3c"}

    command = curl(message(make_detail, sentence), server.url)
    ended = subprocess.run(
        ["sh", "-c", command.text], capture_output=True, text=True, env=environ, timeout=120
    )

    assert ended.returncode == 0, ended.stderr
    [came] = server.received
    received = Received(came.method, came.path, came.headers, came.raw_body)
    verdict = verify(
        received,
        lambda key: Known(secret_key) if key == access_key else None,
        time.time(),
        region=region,
    )
    assert (verdict.sentence, came.raw_body) == ("", BODY)


def test_temporary_credentials_bring_their_token_and_nothing_recorded_is_sent(
    make_detail: MakeDetail,
) -> None:
    detail = message(make_detail, "Signed for eu-west-1/lambda by ASIA…AB, profile leased.")
    headers = (*HEADERS, ("X-Amz-Security-Token", "[redacted]"))
    detail = replace(detail, request=replace(detail.request, headers=headers))

    command = curl(detail, "https://f.example")

    assert '"X-Amz-Security-Token: $AWS_SESSION_TOKEN"' in command.text
    assert "[redacted]" not in command.text
    assert "20261122T000000Z" not in command.text
    assert "".join(command.notes) == (
        "Set $AWS_ACCESS_KEY_ID, $AWS_SECRET_ACCESS_KEY, $AWS_SESSION_TOKEN: curl signs it when "
        "it runs."
    )
    assert "authorization" in httpie(detail, "https://f.example").notes[0]


def test_masks_are_not_to_be_sent_for_values(make_detail: MakeDetail) -> None:
    detail = message(make_detail, "Signed for eu-west-1/lambda by local, profile local.")
    body = replace(detail.request.body, raw=b'{"payload": {"card": "[masked:0f1e2d3c]"}}')
    masked = replace(detail, request=replace(detail.request, body=body))

    assert curl(masked, "https://f.example").notes[0] == (
        "Fill in what says [masked:…] first: 1 value."
    )


def test_a_message_goes_where_it_went_or_to_the_sink_that_there_is_now(
    make_detail: MakeDetail,
) -> None:
    urls = Urls("http://127.0.0.1:1", "http://127.0.0.1:2")
    away = message(make_detail, "", "https://f.example/producer?x=1")

    assert base_url(away, urls) == "https://f.example"
    assert base_url(message(make_detail, ""), urls) == "http://127.0.0.1:2"
