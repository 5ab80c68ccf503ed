"""Invoke the producer's Lambda function by its ARN (Kindo specification §7.5)."""

from __future__ import annotations

import json
import os
import re
from functools import lru_cache
from typing import TYPE_CHECKING, Any, Final

from kindo_message_client._answer import refused, shown, tracking_id
from kindo_message_client._message import is_sensitive
from kindo_message_client.errors import SendError

if TYPE_CHECKING:
    from collections.abc import Callable

WITHOUT_BOTO3: Final = (
    "send_to_producer_via_arn needs boto3; install it with "
    "`pip install 'kiket-console[lambda]'` or `pip install boto3`."
)
_ARN: Final = re.compile(r"arn:[a-z-]+:lambda:(?P<region>[a-z0-9-]+):.+")


def region_of(arn: str) -> str | None:
    """Return the AWS region that an ARN names; None for the name of a function."""
    found = _ARN.fullmatch(arn)
    return found["region"] if found else None


def invoke(
    boto3: Any, arn: str, message: Any, body: bytes, region: str, *, strict: bool
) -> str | None:
    """Invoke the function *arn* in *region* with *body*; return the tracking id it answers with.

    *message* is what *body* says; nothing of it is in an error when it is sensitive.

    Raises:
        AnswerError: if the answer is none of the producer's; or, if *strict*, has no tracking id.
        SendError: if the function fails, refuses the message, or cannot be invoked.
        botocore.exceptions.BotoCoreError: if there is no such region.
    """
    client = _client(
        boto3.client,
        region,
        os.environ.get("AWS_ENDPOINT_URL_LAMBDA"),
        getattr(boto3, "DEFAULT_SESSION", None),
        os.getpid(),
    )
    payload = _Unlogged(body.decode()) if is_sensitive(message) else body.decode()
    try:
        answer = client.invoke(FunctionName=arn, InvocationType="RequestResponse", Payload=payload)
        if answer.get("StatusCode") != 200:
            raise SendError(f"Lambda invocation failed with status: {answer.get('StatusCode')}")
        said = json.loads(answer["Payload"].read())
        if failure := answer.get("FunctionError"):
            raise SendError(
                f"The Lambda function failed ({shown(str(failure))}): {_failure(said, message)}"
            )
        return _read(said, message, strict)
    except SendError:
        raise
    except Exception as error:  # whatever boto3 raises, as releases did
        raise SendError(
            f"Failed to invoke Lambda function: {shown(str(error), message)}"
        ) from error


def _read(said: Any, message: Any, strict: bool) -> str | None:
    """Return the tracking id of an answer, which may be wrapped as an answer over HTTP is."""
    if not isinstance(said, dict) or "statusCode" not in said:
        return tracking_id(said, message, strict=strict)
    status = said["statusCode"]
    if status != 200:
        raise refused(status, said.get("body", ""), message)
    body = said["body"]
    answer = json.loads(body) if isinstance(body, str) else body
    return tracking_id(answer, message, strict=strict)


def _failure(said: Any, message: Any) -> str:
    text = said.get("errorMessage") if isinstance(said, dict) else None
    return shown(str(text or said), message)


class _Unlogged(str):
    """A text that does not show in logs: boto3 writes all that it sends, at level DEBUG."""

    __slots__ = ()

    def __repr__(self) -> str:
        return "[left out: it is sensitive]"

    def encode(self, encoding: str = "utf-8", errors: str = "strict") -> bytes:
        return _UnloggedBytes(super().encode(encoding, errors))


class _UnloggedBytes(bytes):
    __slots__ = ()
    __repr__ = _Unlogged.__repr__


@lru_cache(maxsize=8)
def _client(
    make: Callable[..., Any],
    region: str,
    endpoint: str | None,  # noqa: ARG001  # boto3 reads it from the environment
    session: object,  # noqa: ARG001  # of which the client is
    process: int,  # noqa: ARG001  # two processes cannot share a connection
) -> Any:
    """Return the client of a region: making one takes longer than to invoke."""
    client = make("lambda", region_name=region)
    meta = getattr(client, "meta", None)  # what a test puts in its place has none
    if meta is not None:
        # A function that answers late was invoked all the same; again would be twice.
        meta.events.unregister("needs-retry.lambda", unique_id="retry-config-lambda")
    return client
