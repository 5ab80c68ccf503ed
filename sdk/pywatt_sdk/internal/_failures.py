"""Why a message between modules came to nothing."""

from __future__ import annotations

import enum

from pywatt_sdk.core.error import PyWattSDKError


class Failure(enum.StrEnum):
    """The kinds of failure; those a peer can tell are the `code` of its reply."""

    SERIALIZATION = "serialization_error"
    NETWORK = "network_error"
    TIMEOUT = "timeout"
    TARGET_MODULE_NOT_FOUND = "target_module_not_found"
    TARGET_ENDPOINT_NOT_FOUND = "target_endpoint_not_found"
    APPLICATION = "application_error"
    DESERIALIZATION = "deserialization_error"
    ORCHESTRATOR = "orchestrator_error"

    @classmethod
    def of(cls, code: object) -> Failure:
        """Return the kind that a peer named; without a name, or with another, the application's."""
        return next((failure for failure in cls if failure.value == code), cls.APPLICATION)


class InternalMessagingError(PyWattSDKError):
    """A message was not sent, not answered, or answered with a failure; `failure` says which.

    A handler raises it to answer with a sentence of its own.
    """

    prefix = "internal messaging"

    def __init__(
        self,
        message: str,
        cause: BaseException | None = None,
        *,
        failure: Failure = Failure.APPLICATION,
    ) -> None:
        super().__init__(message, cause)
        self.sentence = message
        self.failure = failure
