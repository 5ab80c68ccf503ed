from __future__ import annotations

import asyncio
import json
import socket
from typing import TYPE_CHECKING, Any

import pytest
from msgspec.structs import replace
from tests.kiket_console.engine.producer.conftest import MESSAGE, bytes_below

from kiket_console.errors import ConsoleError, ExitCode
from kiket_console.model import State
from kiket_console.wire_producer import PRODUCER_WAYS, ProducerMessage, SinkFault

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable
    from pathlib import Path

    from tests.kiket_console.engine.conftest import Values

    from kiket_console.engine.producer.producer import Producer
    from kiket_console.store.reader import Reader
    from kiket_core.secret import Redactor


@pytest.fixture
async def producer(opened: Any) -> AsyncIterator[Producer]:
    """Return a producer's parts, served, with the settings as they are by default."""
    async with opened() as found:
        yield found


@pytest.fixture
async def quiet(made: Callable[..., Producer]) -> AsyncIterator[Producer]:
    """Return a producer's parts that nothing is sent to."""
    producer = made()
    yield producer
    await producer.desk.close()


TEXT = json.dumps(MESSAGE, indent=2)
SENSITIVE = json.dumps(
    {**MESSAGE, "security_level": "sensitive", "payload": {"card": "4111", "amount": 9.5}}
)
ASKED = ProducerMessage(TEXT)


async def test_who_has_no_aws_account_sends_to_the_sink_and_sees_one_exchange(
    producer: Producer, reader: Reader
) -> None:
    result = await producer.desk.send(ASKED)

    assert (result.status, result.error, result.exit_code) == (200, "", 0)
    assert len(result.tracking_id) == 36
    assert list(reader.ids()) == [result.exchange_id], "the sink does not record it again"
    detail = reader.known(result.exchange_id)
    exchange, [attempt] = detail.exchange, detail.attempts
    assert (exchange.name, exchange.signature, exchange.state) == (
        "user.created",
        "sigv4",
        State.FORWARDED,
    )
    assert (attempt.target, attempt.status) == ("sink", 200)
    assert attempt.answer is not None
    assert json.loads(attempt.answer.body.raw)["tracking_id"] == result.tracking_id
    assert detail.judgement is not None
    assert detail.judgement.sentence == "Signed for ap-southeast-2/lambda by local, profile local."


async def test_a_preview_shows_what_would_be_signed_and_sends_nothing(
    quiet: Producer, reader: Reader
) -> None:
    preview = await quiet.desk.preview(ASKED)

    lines = preview.canonical_request.split("\n")
    assert lines[:2] == ["POST", "/producer"]
    assert preview.string_to_sign.startswith("AWS4-HMAC-SHA256\n")
    assert json.loads(preview.body) == {**MESSAGE, "security_level": "normal"}
    assert (preview.access_key, preview.region) == ("local", "ap-southeast-2")
    assert list(reader.ids()) == []


BROKEN = {
    "wrong-secret": ("wrong secret", ExitCode.VERIFICATION),
    "wrong-region": ("wrong region", ExitCode.SCOPE),
    "wrong-service": ("wrong service", ExitCode.SCOPE),
    "clock-skew": ("clock skew", ExitCode.SKEW),
    "altered-body": ("altered body", ExitCode.VERIFICATION),
    "unsigned": ("unsigned", ExitCode.VERIFICATION),
}
"""Ways to break a signature, what is found to be wrong, and the exit code."""


async def test_a_signature_that_is_broken_on_purpose_is_refused_and_explained(
    producer: Producer, reader: Reader
) -> None:
    for way in PRODUCER_WAYS[1:]:
        reason, code = BROKEN[way]

        result = await producer.desk.send(replace(ASKED, way=way))

        assert (way, result.status, result.exit_code) == (way, 403, code)
        assert result.explanation is not None
        assert (result.explanation.reason, result.error) == (reason, result.explanation.sentence)
        detail = reader.known(result.exchange_id)
        assert result.hint.startswith("It was broken on purpose, so that nothing is to be done.")
        assert (detail.exchange.signature, detail.attempts[0].error) == (way, result.error)
        assert not result.kept, "it was broken on purpose"


async def test_what_was_not_taken_is_kept_until_it_is_sent_again(
    producer: Producer, reader: Reader
) -> None:
    desk = producer.desk
    failed = []
    for fault in ("throttle", "no-tracking-id", "not-json"):
        await desk.set_faults([SinkFault(fault, times=1)])
        failed.append(await desk.send(ASKED))
    kept = (await desk.state()).kept
    again = await desk.resend(failed[0].exchange_id)

    codes = [each.exit_code for each in failed]
    assert codes == [ExitCode.CONTRACT, ExitCode.UNTRACKED, ExitCode.UNREADABLE]
    assert kept == tuple(each.exchange_id for each in reversed(failed))
    assert again.tracking_id
    assert reader.known(again.exchange_id).exchange.replay_of == failed[0].exchange_id
    assert (await desk.state()).kept == kept[:2]


async def test_without_credentials_nothing_is_sent_and_the_message_is_kept(
    quiet: Producer, reader: Reader, aws_files: Path
) -> None:
    (aws_files / "credentials").write_text("[empty]\nregion = eu-west-1\n")
    asked = replace(ASKED, url="https://127.0.0.1:9/f", profile="empty")

    result = await quiet.desk.send(asked)

    assert (result.status, result.exit_code, result.kept) == (None, ExitCode.AUTH, True)
    assert result.error == 'There are no AWS credentials in the profile "empty".'
    assert reader.known(result.exchange_id).exchange.state is State.FAILED
    assert (await quiet.desk.state()).kept == (result.exchange_id,)
    assert (await quiet.desk.message(result.exchange_id)).url == asked.url


async def test_the_sink_is_known_however_its_address_is_spelled(
    producer: Producer, reader: Reader
) -> None:
    asked = replace(ASKED, url=producer.url.replace("127.0.0.1", "localhost") + "/mine?x=1")

    result = await producer.desk.send(asked)

    assert result.tracking_id
    assert [reader.known(each).attempts[0].target for each in reader.ids()] == ["sink"]


async def test_a_host_that_cannot_be_reached_has_a_sentence(
    quiet: Producer, reader: Reader
) -> None:
    result = await quiet.desk.send(replace(ASKED, url="http://127.0.0.1:9/", profile="dev"))

    assert (result.status, result.exit_code, result.kept) == (None, ExitCode.NETWORK, True)
    assert result.error == "127.0.0.1 cannot be reached: nothing listens on that port."
    assert reader.known(result.exchange_id).attempts[0].target == "http://127.0.0.1:9/"


async def test_a_sensitive_message_is_masked_and_can_be_edited_and_sent_again_in_clear(
    producer: Producer, reader: Reader, own_places: Path
) -> None:
    desk = producer.desk
    first = await desk.send(ProducerMessage(SENSITIVE))
    shown = await desk.message(first.exchange_id)
    fields = json.loads(shown.message)
    changed = {**fields, "payload": {**fields["payload"], "amount": 7}}

    preview = await desk.preview(replace(shown, message=json.dumps(changed)))
    again = await desk.resend(first.exchange_id)

    assert fields["payload"]["card"].startswith("[masked:")
    assert json.loads(preview.body)["payload"] == {"card": "4111", "amount": 7}
    assert again.tracking_id
    stored = [reader.known(each).request.body.raw for each in reader.ids()]
    assert stored[0] == stored[1]
    assert b'"4111"' not in bytes_below(own_places)


async def test_a_secret_in_a_message_is_not_stored_and_stands_there_when_it_is_sent_again(
    producer: Producer, reader: Reader, redactor: Redactor, values: Values
) -> None:
    redactor.add("CRM_TOKEN", "crm-token-of-this-test")
    values.by_name["CRM_TOKEN"] = "crm-token-of-this-test"
    text = json.dumps({**MESSAGE, "payload": {"token": "crm-token-of-this-test"}})

    first = await producer.desk.send(ProducerMessage(text))
    shown = await producer.desk.message(first.exchange_id)
    preview = await producer.desk.preview(shown)

    assert json.loads(shown.message)["payload"] == {"token": "[secret:CRM_TOKEN]"}
    assert json.loads(preview.body)["payload"] == {"token": "crm-token-of-this-test"}
    assert (await producer.desk.resend(first.exchange_id)).tracking_id
    assert not reader.known(2).exchange.edited


async def test_who_signed_a_message_and_for_what_is_known_to_the_next_engine_too(
    made: Callable[..., Producer],
) -> None:
    url = "https://127.0.0.1:1/"
    asked = replace(ASKED, url=url, profile="dev", region="eu-west-1", service="execute-api")
    first, next_one = made(), made()

    signed = await first.desk.send(asked)
    broken = await first.desk.send(replace(asked, region="", way="wrong-region"))
    again = await next_one.desk.message(signed.exchange_id)
    mended = await next_one.desk.message(broken.exchange_id)
    for producer in (first, next_one):
        await producer.desk.close()

    assert again == replace(asked, message=again.message, like=signed.exchange_id)
    assert (mended.profile, mended.region, mended.url) == ("dev", "", url)


async def test_what_is_being_sent_when_the_engine_ends_is_given_up_and_told(
    made: Callable[..., Producer],
) -> None:
    producer = made()

    async def send(url: str) -> None:
        with pytest.raises(ConsoleError, match="engine ended before an answer came") as told:
            await producer.desk.send(replace(ASKED, url=url, profile="local"))
        assert told.value.exit_code is ExitCode.NETWORK

    with socket.create_server(("127.0.0.1", 0)) as listener:
        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(send(f"http://127.0.0.1:{listener.getsockname()[1]}/"))
            loop = asyncio.get_running_loop()
            listener.setblocking(False)
            connection, _ = await loop.sock_accept(listener)
            await loop.sock_recv(connection, 1)
            producer.desk.end()
        connection.close()
    await producer.desk.close()


async def test_what_is_masked_is_not_sent_once_nobody_knows_it(opened: Any, reader: Reader) -> None:
    async with opened() as before:
        await before.desk.set_faults([SinkFault("throttle")])
        first = await before.desk.send(ProducerMessage(SENSITIVE))
        assert (await before.desk.state()).kept == (first.exchange_id,)
        assert first.hint.endswith("only until the engine ends.")
    async with opened() as after:
        with pytest.raises(ConsoleError, match="2 values of the message are masked"):
            await after.desk.resend(first.exchange_id)
        assert (await after.desk.state()).kept == ()
        shown = await after.desk.message(first.exchange_id)
        filled = shown.message.replace("[masked:", "(").replace("]", ")")
        assert (await after.desk.send(replace(shown, message=filled))).tracking_id

    assert reader.known(2).exchange.edited


async def test_what_cannot_be_sent_at_all_is_refused_with_a_sentence(
    quiet: Producer, reader: Reader
) -> None:
    for asked, code, said in (
        (replace(ASKED, message="{"), ExitCode.USAGE, "no JSON"),
        (replace(ASKED, message="[]"), ExitCode.USAGE, "an array, not an object"),
        (replace(ASKED, message="{}"), ExitCode.USAGE, "'event_type' is a required property"),
        (replace(ASKED, url="http://example.com/"), ExitCode.USAGE, "not encrypted"),
        (replace(ASKED, url="ftp://example.com/"), ExitCode.USAGE, "no web address"),
        (replace(ASKED, url="https://u:p@example.com/"), ExitCode.USAGE, "user name"),
        (replace(ASKED, region="Mars Nord"), ExitCode.USAGE, "no region"),
        (replace(ASKED, way="upside-down"), ExitCode.USAGE, "no way"),
        (replace(ASKED, schema_path="/nowhere.json"), ExitCode.CONFIG, "/nowhere.json"),
    ):
        with pytest.raises(ConsoleError) as refused:
            await quiet.desk.send(asked)

        assert said in refused.value.message
        assert (said, refused.value.exit_code) == (said, code)
    assert list(reader.ids()) == []


async def test_the_state_names_profiles_and_never_shows_credentials(
    quiet: Producer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "ASIAEXAMPLE00000XY")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "environment-secret")
    monkeypatch.setenv("AWS_SESSION_TOKEN", "environment-token")

    state = await quiet.desk.state()

    shown = {each.name: (each.access_key, each.kind) for each in state.profiles}
    assert shown == {
        "local": ("local", "static"),
        "environment": ("ASIA…XY", "temporary"),
        "dev": ("AKIA…7Q", "static"),
    }
    assert (state.url, state.profile, state.service) == (quiet.url, "local", "lambda")
    assert "ap-southeast-2" in state.regions
    assert state.schema["required"][0] == "event_type"
    assert "environment-secret" not in repr(state)


async def test_a_url_of_the_projects_env_is_used_once_the_person_named_it(
    made: Callable[..., Producer], own_places: Path, reader: Reader
) -> None:
    url = "https://producer.invalid/"
    (own_places / ".env").write_text(f"KINDO_MESSAGE_PRODUCER_URL={url}\n")
    producer = made()

    before = await producer.desk.state()
    with pytest.raises(ConsoleError, match="you have not agreed") as refused:
        await producer.desk.send(replace(ASKED, profile="local"))
    recorded = list(reader.ids())
    elsewhere = await producer.desk.send(replace(ASKED, url="https://127.0.0.1:1/", profile="dev"))
    still = await producer.desk.state()
    agreed = await producer.desk.send(replace(ASKED, url=url, profile="local"))
    after = await producer.desk.state()
    await producer.desk.close()

    assert (before.url, before.stranger, still.stranger, after.stranger) == (
        url,
        ".env",
        ".env",
        "",
    )
    assert (refused.value.exit_code, recorded) == (ExitCode.AUTH, [])
    assert {elsewhere.exit_code, agreed.exit_code} == {ExitCode.NETWORK}


async def test_settings_and_the_environment_say_where_messages_go(
    made: Callable[..., Producer], monkeypatch: pytest.MonkeyPatch
) -> None:
    named = "https://abc.lambda-url.eu-west-1.on.aws/"
    producer = made(producer_url=named, producer_profile="dev")

    of_settings = await producer.desk.state()
    monkeypatch.setenv("KINDO_MESSAGE_PRODUCER_URL", "https://other.example.com/")
    monkeypatch.setenv("AWS_REGION", "us-west-2")
    of_environment = await producer.desk.state()

    assert (of_settings.url, of_settings.profile, of_settings.region) == (
        named,
        "dev",
        "eu-west-1",
    )
    assert (of_environment.url, of_environment.region) == (
        "https://other.example.com/",
        "us-west-2",
    )
