"""Messages to the producer without an AWS account: broken, explained, mended; a worker's own."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from kiket_console.client import Client
from kiket_console.paths import ProjectPaths
from kiket_console.producing import templates
from kiket_console.wire_producer import ProducerMessage

if TYPE_CHECKING:
    from pathlib import Path

MAIN = """\
from kiket_sdk import KiketSDK
from kindo_message_client.producer import send_to_producer

sdk = KiketSDK()

@sdk.webhook("issue.created", version="v1")
def created(payload, context):
    message = {
        "event_type": "issue.told",
        "message_channel": "email",
        "behavior": "instant",
        "security_level": "sensitive",
        "payload": {"customer": "ada-of-this-test"},
    }
    return {"tracking_id": send_to_producer(None, message)}
"""
ENV_FILE = "AWS_ACCESS_KEY_ID=local\nAWS_SECRET_ACCESS_KEY=local\n"


async def test_a_person_and_a_worker_send_messages_without_an_aws_account(
    folder: Path, running: Any, own_places: Path
) -> None:
    """The worker has its variables from the file that is named, not from the project's own."""
    (folder / "main.py").write_text(MAIN)
    (folder / ".env").write_text("AWS_ACCESS_KEY_ID=of-the-project\n")
    named = own_places / "staging.env"
    named.write_text(ENV_FILE)
    message = ProducerMessage(templates.named(folder, "payment").text)
    broken_message = ProducerMessage(message.message, way="wrong-secret")
    with running(folder, "--env-file", str(named)) as engine:
        engine.wait_serving()
        async with Client(ProjectPaths(folder)) as client:
            broken = await client.producer.send(broken_message)
            mended = await client.producer.send(message)
            delivered = await client.trigger("issue.created")
            told = (await client.exchanges("src:producer"))[-1]
            state = await client.producer.state()

    assert broken.explanation is not None
    assert (broken.status, broken.explanation.reason) == (403, "wrong secret")
    assert (mended.status, len(mended.tracking_id)) == (200, 36)
    assert delivered.status == 200
    assert (told.name, told.signature, told.parent_id) == (
        "issue.told",
        "ok sigv4",
        delivered.exchange_id,
    )
    assert not told.parent_guessed  # the message carried its trace
    assert state.received == 2
    assert stored_below(own_places).count(b"payment.processed") >= 2
    assert b"ada-of-this-test" not in stored_below(own_places)


def stored_below(folder: Path) -> bytes:
    """Return what is in the files of stores."""
    return b"".join(file.read_bytes() for file in folder.rglob("store.sqlite3*"))
