"""Send messages to the Kindo producer.

`send_to_producer` sends to a function URL, `send_to_producer_via_arn` invokes the Lambda function.
Both wait for the answer: on an event loop, use `kindo_message_client.aio`.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, Literal, overload

from kindo_message_client import _answer, _lambda, _message
from kindo_message_client._payload import ProducerPayload
from kindo_message_client._url import region_of
from kindo_message_client.config import region as region_or_default
from kindo_message_client.config import required
from kindo_message_client.config import service as service_or_default
from kindo_message_client.signer import signed_post

if TYPE_CHECKING:
    import os
    from collections.abc import Sequence

    from kindo_message_client._hashing import HmacKey
    from kindo_message_client.credentials import Credentials

__all__ = [
    "ProducerPayload",
    "send_to_producer",
    "send_to_producer_via_arn",
    "validate_message_with_schema",
]


def __getattr__(name: str) -> Any:
    if name == "boto3":  # of the extra `lambda`; an attribute, as in releases
        try:
            import boto3
        except ImportError as error:
            raise AttributeError(_lambda.WITHOUT_BOTO3) from error
        return boto3
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


@overload
def send_to_producer(
    url: str | None,
    message: ProducerPayload | dict[str, Any],
    region: str | None = None,
    service: str | None = None,
    schema_path: str | os.PathLike[str] | None = None,
    *,
    strict: Literal[True],
    hash_fields: Sequence[str] = (),
    hmac_key: HmacKey | None = None,
    credentials: Credentials | None = None,
    profile: str | None = None,
    timeout_s: float | None = None,
    retries: int | None = None,
) -> str: ...
@overload
def send_to_producer(
    url: str | None,
    message: ProducerPayload | dict[str, Any],
    region: str | None = None,
    service: str | None = None,
    schema_path: str | os.PathLike[str] | None = None,
    *,
    strict: bool = False,
    hash_fields: Sequence[str] = (),
    hmac_key: HmacKey | None = None,
    credentials: Credentials | None = None,
    profile: str | None = None,
    timeout_s: float | None = None,
    retries: int | None = None,
) -> str | None: ...
def send_to_producer(
    url: str | None,
    message: ProducerPayload | dict[str, Any],
    region: str | None = None,
    service: str | None = None,
    schema_path: str | os.PathLike[str] | None = None,
    *,
    strict: bool = False,
    hash_fields: Sequence[str] = (),
    hmac_key: HmacKey | None = None,
    credentials: Credentials | None = None,
    profile: str | None = None,
    timeout_s: float | None = None,
    retries: int | None = None,
) -> str | None:
    """Check *message*, sign it, and post it to the producer; return the tracking id.

    *url* is the function's URL, https unless it is on this machine; None: the environment's
    KINDO_MESSAGE_PRODUCER_URL. *region* and *service* are what is signed for: without them
    AWS_REGION and AWS_SERVICE, else the region that the URL names, `ap-southeast-2`, `lambda`.
    *schema_path* is a JSON schema to check against instead of the built-in one. A message without
    `security_level` is given `normal`, in the caller's own dictionary.

    *hash_fields* names fields of the payload of which a keyed hash is sent (HMAC-SHA256), with
    *hmac_key* or KINDO_MESSAGE_HMAC_KEY. *credentials*, or those of *profile*, sign instead of what
    botocore finds by default. *timeout_s* (15) is how long an answer may take, *retries* (2) how
    often the message is sent again where it cannot have been taken.

    Returns None, and logs a warning, where the producer takes the message without a tracking id;
    with *strict* that is an error.

    Raises:
        ValueError: if the message has another structure, or is too large.
        TypeError: if it is no dictionary, or something in it is no JSON.
        RuntimeError: if it was not sent; which of `kindo_message_client.errors` says why.
        ConfigError: if the URL, a schema file or a key is missing or cannot be used.
    """
    outgoing = _message.ready(
        message, schema_path=schema_path, hash_fields=hash_fields, hmac_key=hmac_key
    )
    target = required("KINDO_MESSAGE_PRODUCER_URL") if url is None else url
    # What was not asked for is not passed on: tests put functions of four parameters in its place.
    options: dict[str, Any] = {
        name: value
        for name, value in (
            ("credentials", credentials),
            ("profile", profile),
            ("timeout_s", timeout_s),
            ("retries", retries),
        )
        if value is not None
    }
    response = signed_post(
        target,
        outgoing,
        region_or_default(region, region_of(target)),
        service_or_default(service),
        **options,
    )
    if response.status_code != 200:
        raise _answer.refused(
            response.status_code,
            response.text,
            message,
            _mapping(response, "headers"),
            (_mapping(response, "extensions") or {}).get("signed"),
        )
    try:
        answer = response.json()
    except (ValueError, RecursionError) as error:
        raise _answer.unreadable(response.text, message) from error
    return _answer.tracking_id(answer, message, strict=strict)


def send_to_producer_via_arn(
    arn: str | None,
    message: ProducerPayload | dict[str, Any],
    region: str | None = None,
    *,
    schema_path: str | os.PathLike[str] | None = None,
    strict: bool = False,
    hash_fields: Sequence[str] = (),
    hmac_key: HmacKey | None = None,
) -> str | None:
    """Check *message* and invoke the producer's Lambda function with it; return the tracking id.

    Needs boto3 (extra `lambda`), whose credentials and timeouts apply; the function is invoked
    once. *arn* is the function's ARN or name; None: the environment's KINDO_MESSAGE_PRODUCER_ARN.
    *region* is by default AWS_REGION, else that of the ARN, else `ap-southeast-2`. The other
    parameters are those of `send_to_producer`.

    Raises:
        ImportError: if boto3 is not installed.
        ValueError, TypeError, RuntimeError, ConfigError: as `send_to_producer`.
        botocore.exceptions.BotoCoreError: if there is no such region.
    """
    outgoing = _message.ready(
        message, schema_path=schema_path, hash_fields=hash_fields, hmac_key=hmac_key
    )
    target = required("KINDO_MESSAGE_PRODUCER_ARN") if arn is None else arn
    return _lambda.invoke(
        _boto3(),
        target,
        message,
        _message.encoded(outgoing),
        region_or_default(region, _lambda.region_of(target)),
        strict=strict,
    )


def validate_message_with_schema(message: ProducerPayload | dict[str, Any]) -> None:
    """Check *message* against the built-in schema; `security_level` becomes `normal` without one.

    Raises:
        ValueError: if it has another structure.
        TypeError: if it is no dictionary.
    """
    _message.ready(message)


def _mapping(response: Any, name: str) -> Mapping[str, Any] | None:
    """Return what an answer has besides; None for one that a test made up."""
    found = getattr(response, name, None)
    return found if isinstance(found, Mapping) else None


def _boto3() -> Any:
    found = globals().get("boto3")  # there where somebody put another in its place
    if found is not None:
        return found
    try:
        return __getattr__("boto3")
    except AttributeError as error:
        raise ImportError(_lambda.WITHOUT_BOTO3) from error
