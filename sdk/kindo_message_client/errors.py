"""What is raised when a message was not sent.

Each is a `RuntimeError`, which the first releases promised. Configuration that is missing or wrong
is a `kindo_message_client.config.ConfigError`, a message of the wrong structure a `ValueError`.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping

    from kindo_message_client._explanation import Explanation


class SendError(RuntimeError):
    """A message was not sent, or nobody knows whether it was."""


class CredentialsError(SendError):
    """AWS credentials are missing, incomplete, or could not be refreshed."""


class UnreachableError(SendError):
    """No answer came: the network failed, or time was over. The cause is the network's error.

    `may_be_taken` says whether the producer may have the message all the same.
    """

    def __init__(self, sentence: str, *, may_be_taken: bool) -> None:
        super().__init__(sentence)
        self.may_be_taken = may_be_taken


class RefusedError(SendError):
    """The producer answered with another `status` than 200.

    `headers` are the answer's, with names in small letters; empty where they are not known. Where
    it was the signature that was refused, `explanation` says why: `reason`, `sentence` and `hint`;
    it stands below the error in a traceback. Else it is None.
    """

    def __init__(
        self,
        sentence: str,
        status: int,
        headers: Mapping[str, str] | None = None,
        explanation: Explanation | None = None,
    ) -> None:
        super().__init__(sentence)
        self.status = status
        self.headers: dict[str, str] = {
            name.lower(): value for name, value in (headers or {}).items()
        }
        self.explanation = explanation
        if explanation is not None:
            self.add_note(f"{explanation.sentence} {explanation.hint}".rstrip())


class AnswerError(SendError):
    """The producer answered 200 with something that is not its answer; it may have the message."""
