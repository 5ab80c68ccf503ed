"""Send a recorded payload to an extension again."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

from kiket_sdk.testing._client import kiket_client_fixture
from kiket_sdk.testing._payload import payloads_for

if TYPE_CHECKING:
    import os

    from kiket_sdk.sdk import KiketSDK


def replay_payload(
    sdk: KiketSDK,
    event: str,
    payload_file: str | os.PathLike[str],
    *,
    version: str | None = None,
) -> Any:
    """Post the JSON in `payload_file` as a signed webhook and return the decoded reply.

    `version` may be left out when the event has one handler. Raises ValueError when it has none
    or several or the file holds no JSON, and the test client's HTTPStatusError, with the answer
    in its notes, when the extension answers with an error.
    """
    try:
        body = json.loads(Path(payload_file).read_bytes())
    except ValueError as exc:
        raise ValueError(f"{payload_file} does not hold JSON: {exc}; correct it there.") from exc
    version = version or _only_version(sdk, event)
    signed = payloads_for(sdk)(body, event=event, version=version)
    with kiket_client_fixture(sdk) as client:
        response = client.post(signed["path"], content=signed["body"], headers=signed["headers"])
    try:
        response.raise_for_status()
    except Exception as exc:  # of whichever HTTP library the test client stands on
        exc.add_note(f"{event}@{version} was answered: {response.text}")
        raise
    return response.json()


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
