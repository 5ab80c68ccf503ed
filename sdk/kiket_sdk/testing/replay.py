"""Send a recorded delivery, or a payload, to an extension again."""

from __future__ import annotations

import json
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

from kiket_sdk.config import DEFAULT_BASE_URL
from kiket_sdk.testing._client import kiket_client_fixture
from kiket_sdk.testing._payload import payloads_for
from kiket_sdk.testing.platform import JWKS_PATH, FakePlatform, fake_platform
from kiket_sdk.testing.recordings import Recording, recordings

if TYPE_CHECKING:
    import os
    from collections.abc import Iterator

    import httpx
    from fastapi.testclient import TestClient

    from kiket_sdk.sdk import KiketSDK
    from kiket_sdk.testing.platform import ChosenAnswer


@contextmanager
def platform_for(sdk: KiketSDK) -> Iterator[FakePlatform]:
    """Serve a platform on this machine to which the calls of an extension go meanwhile.

    Its runtime tokens are verified with this platform's keys, too.
    """
    config = sdk.config
    configured = config.base_url, config.jwks_url
    with fake_platform() as platform:
        config.base_url = platform.url
        if config.jwks_url is not None:
            config.jwks_url = f"{platform.url}{JWKS_PATH}"
        try:
            yield platform
        finally:
            config.base_url, config.jwks_url = configured


def replay_payload(
    sdk: KiketSDK,
    event: str,
    payload_file: str | os.PathLike[str],
    *,
    version: str | None = None,
) -> Any:
    """Post the JSON in `payload_file` as a signed webhook and return the decoded reply.

    `version` may be left out when the event has one handler. Calls of the handler go to the
    configured platform, unless that is the public one: then to one on this machine. Raises
    ValueError when the event has no handler or several or the file holds no JSON, and the test
    client's HTTPStatusError, with the answer in its notes, when the extension answers with an
    error.
    """
    try:
        body = json.dumps(json.loads(Path(payload_file).read_bytes()))
    except ValueError as exc:
        raise ValueError(f"{payload_file} does not hold JSON: {exc}; correct it there.") from exc
    recording = Recording(event, version or _only_version(sdk, event), body)
    response = replay_recording(sdk, recording)
    try:
        response.raise_for_status()
    except Exception as exc:  # of whichever HTTP library the test client stands on
        exc.add_note(f"{event}@{recording.version} was answered: {response.text}")
        raise
    return response.json()


def replay_recording(
    sdk: KiketSDK,
    recording: Recording | str | os.PathLike[str],
    *,
    platform: FakePlatform | None = None,
    client: TestClient | None = None,
) -> httpx.Response:
    """Deliver what was recorded, signed anew, and return the answer.

    `recording` may be a file with one in it. Calls that were recorded beside it are answered as
    they were, several to one place in turn, by `platform` or by one that is made for this. Raises
    ValueError for a file with none or several, for a body that is not JSON or was cut, and for an
    event without a version that has several.
    """
    found = recording if isinstance(recording, Recording) else _only_recording(recording)
    with ExitStack() as stack:
        is_needed = found.calls or sdk.config.base_url == DEFAULT_BASE_URL
        if platform is None and (is_needed or not sdk.config.webhook_secret):
            platform = stack.enter_context(platform_for(sdk))
        if platform is not None:
            answers: dict[str, list[ChosenAnswer]] = {}
            for call in found.calls:
                answers.setdefault(f"{call.method} {call.path}", []).append(
                    (call.status, call.body)
                )
            platform.answers.update(answers)
        payload = found.payload
        if not sdk.config.webhook_secret and isinstance(payload, dict):
            # a recorded token is over, and is of another platform
            payload = {
                name: value
                for name, value in payload.items()
                if name not in {"authentication", "api"}
            }
        version = found.version or _only_version(sdk, found.event)
        signed = payloads_for(sdk, platform)(payload, event=found.event, version=version)
        sending = client or stack.enter_context(kiket_client_fixture(sdk))
        answer: Any = sending.post(
            signed["path"], content=signed["body"], headers=signed["headers"]
        )
        response: httpx.Response = answer
        return response


def _only_recording(file: str | os.PathLike[str]) -> Recording:
    found = recordings(file)
    if len(found) != 1:
        raise ValueError(
            f"{file} holds {len(found)} deliveries; pick one of kiket_sdk.testing.recordings()."
        )
    return found[0]


def _only_version(sdk: KiketSDK, event: str) -> str:
    versions = sorted(sdk.registry.all().get(event, {}))
    if not versions:
        raise ValueError(
            f"No handler is registered for {event!r}; "
            f"registered are: {', '.join(sdk.registry.event_names()) or 'none'}."
        )
    if len(versions) > 1:
        raise ValueError(
            f"{event!r} has handlers for {', '.join(versions)}; say which with version=."
        )
    return versions[0]
