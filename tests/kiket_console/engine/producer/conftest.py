"""The sink and the desk over a real store, the sink as a real server; AWS files of the test's."""

from __future__ import annotations

import contextlib
import json
import socket
from typing import TYPE_CHECKING, Any

import httpx
import pytest
from tests.kiket_console.engine.conftest import serving

from kiket_console.config import Config
from kiket_console.engine.producer.producer import Producer
from kiket_console.engine.refusals import Refusals
from kiket_console.wire_producer import LOCAL

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable
    from pathlib import Path

    from tests.kiket_console.engine.conftest import Crew, Values

    from kiket_console.engine.recorder import Recorder
    from kiket_console.store.reader import Reader

PLATFORM_URL = "http://127.0.0.1:8701"
MESSAGE = {
    "event_type": "user.created",
    "message_channel": "email",
    "behavior": "instant",
    "payload": {"id": 1},
}


@pytest.fixture(autouse=True)
def aws_files(own_places: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Return the folder of the user's AWS files: one profile, and nothing of whoever runs this."""
    for name in ("ACCESS_KEY_ID", "SECRET_ACCESS_KEY", "SESSION_TOKEN", "PROFILE", "REGION"):
        monkeypatch.delenv(f"AWS_{name}", raising=False)
    monkeypatch.delenv("KINDO_MESSAGE_PRODUCER_URL", raising=False)
    monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")
    monkeypatch.setenv("AWS_CONFIG_FILE", str(own_places / "config"))
    monkeypatch.setenv("AWS_SHARED_CREDENTIALS_FILE", str(own_places / "credentials"))
    (own_places / "credentials").write_text(
        "[dev]\naws_access_key_id = AKIAEXAMPLE000007Q\naws_secret_access_key = dev-secret-of-aws\n"
    )
    return own_places


@pytest.fixture
def made(
    recorder: Recorder, reader: Reader, crew: Crew, values: Values, own_places: Path
) -> Callable[..., Producer]:
    """Return a way to make a producer's parts, with settings; nothing serves them."""

    def make(platform_url: str = PLATFORM_URL, **settings: str) -> Producer:
        return Producer(
            recorder=recorder,
            reader=reader,
            workers=crew,
            refusals=Refusals(recorder.log),
            config=Config(**settings),  # type: ignore[arg-type]  # texts all of them
            key_file=own_places / "mask-key",
            agreed_file=own_places / "producer-urls.json",
            env_file=own_places / ".env",
            platform_url=platform_url,
            value_of=values.get,
        )

    return make


@pytest.fixture
def opened(made: Callable[..., Producer]) -> Callable[..., Any]:
    """Return a way to serve a producer's parts, with settings, for a while."""

    @contextlib.asynccontextmanager
    async def serve(**settings: str) -> AsyncIterator[Producer]:
        with socket.create_server(("127.0.0.1", 0)) as listener:
            producer = made(f"http://127.0.0.1:{listener.getsockname()[1]}", **settings)
            async with serving(producer.before(_nothing_else), listener):
                yield producer
                await producer.desk.close()

    return serve


def client_of(producer: Producer) -> httpx.AsyncClient:
    """Return a client of the sink alone, which knows nothing of AWS."""
    return httpx.AsyncClient(transport=httpx.ASGITransport(producer.before(_nothing_else)))


def signed(
    url: str,
    body: bytes,
    access_key: str = "local",
    secret_key: str = LOCAL,
    *,
    region: str = "us-east-1",
    service: str = "lambda",
    token: str | None = None,
) -> dict[str, str]:
    """Return the headers of a message as botocore signs it."""
    from botocore.auth import SigV4Auth
    from botocore.awsrequest import AWSRequest
    from botocore.credentials import Credentials

    request = AWSRequest("POST", url, {"Content-Type": "application/json"}, body)
    SigV4Auth(Credentials(access_key, secret_key, token), service, region).add_auth(request)
    return dict(request.headers.items())


def body_of(**changes: Any) -> bytes:
    """Return a message's bytes, with other members."""
    return json.dumps({**MESSAGE, **changes}).encode()


def bytes_below(folder: Path) -> bytes:
    """Return what is in the files of the store, and beside it."""
    return b"".join(each.read_bytes() for each in folder.glob("store*"))


async def _nothing_else(scope: Any, receive: Any, send: Any) -> None:
    del scope, receive
    await send({"type": "http.response.start", "status": 404, "headers": []})
    await send({"type": "http.response.body", "body": b""})
