"""Sign a message with AWS credentials and post it (AWS Signature Version 4)."""

from __future__ import annotations

import re
import time
from functools import lru_cache, partial
from typing import TYPE_CHECKING, Any, Final

from kindo_message_client import _connection, _retrying
from kindo_message_client._message import encoded
from kindo_message_client._sigv4 import Signer
from kindo_message_client._url import checked_url, trace_for
from kindo_message_client.config import ConfigError
from kindo_message_client.credentials import Credentials, find_credentials, hide

if TYPE_CHECKING:
    from collections.abc import Mapping

    import httpx

__all__ = ["signed_post"]

_WORD: Final = re.compile(r"[!-~]+")  # printable ASCII, which fits in a header


def signed_post(
    url: str,
    payload: Mapping[str, Any],
    region: str,
    service: str,
    *,
    credentials: Credentials | None = None,
    profile: str | None = None,
    timeout_s: float = _connection.ANSWER_S,
    retries: int = _retrying.RETRIES,
) -> httpx.Response:
    """Post *payload* as JSON to *url*, signed for *region* and *service*; return the answer.

    The answer may have any status. It is signed with *credentials*, or with those that botocore
    finds for *profile*. *timeout_s* is how long an answer may take; a connection may take 3 s. It
    is sent again, signed anew, up to *retries* times: where no connection came about, on 429, and
    on another error of the service that asks for it with `Retry-After`.

    Raises:
        ConfigError: if the URL is no https address (http is for this machine alone), or *region*
            or *service* cannot be one.
        CredentialsError: if there are no credentials that can be used.
        UnreachableError: if no answer came; it says whether the message may have been taken.
        SendError: if the answer cannot be read.
        TypeError, ValueError: if *payload* is no JSON, or too large, or *timeout_s* no time.
    """
    url = checked_url(url)
    timeout_s = _connection.checked_timeout(timeout_s)
    body = encoded(payload)
    if credentials is not None:
        hide(credentials)

    def once() -> httpx.Response:
        signer = signer_for(url, region, service, credentials or find_credentials(profile))
        now_s = time.time()
        headers = signer.sign(body, now_s) | trace_for(url)
        response = _connection.post(signer.url, headers, body, timeout_s)
        response.extensions["signed"] = partial(signer.describe, body, now_s)
        pause = _retrying.pause_asked(response.status_code, response.headers)
        if pause is not False:
            raise _retrying.BusyError(response, pause)
        return response

    try:
        for attempt in _retrying.attempts(retries):
            with attempt:
                return once()
    except _retrying.BusyError as busy:
        answer: httpx.Response = busy.response
        return answer
    raise AssertionError("unreachable: the last attempt returns or raises")


def signer_for(url: str, region: str, service: str, credentials: Credentials) -> Signer:
    """Return the signer of requests to *url*; the same one for the same values.

    Raises:
        ConfigError: if *region* or *service* cannot be one.
    """
    return _signer(
        url, region, service, credentials.access_key, credentials.secret_key, credentials.token
    )


@lru_cache(maxsize=32)
def _signer(
    url: str, region: str, service: str, access_key: str, secret_key: str, token: str
) -> Signer:
    for name, value in (("region", region), ("service", service)):
        if not _WORD.fullmatch(value):
            raise ConfigError(
                f"{value!r} is no {name} to sign for; write it as in ap-southeast-2 and lambda."
            )
    return Signer(url, region, service, access_key, secret_key, token)
