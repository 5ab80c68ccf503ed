"""Everything that the SDK raises, and `Result` for those who would rather be told.

PyWattSDKError
├── BootstrapError       the module could not be put together
├── HandshakeError       the orchestrator's first line did not come, or cannot be read
├── SecretError          a secret was not given, or is not what was asked for
├── AnnouncementError    what the module offers cannot be announced
├── ConfigError          a setting that cannot work (also a ValueError)
├── NetworkError         the orchestrator, or a module behind it, cannot be reached
│   ├── LinkClosedError  the connection to the orchestrator has ended
│   └── ReplyTimeoutError  no reply in time (also a TimeoutError)
└── UnavailableError     a part that is not in this release (also an AttributeError)
"""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar, Generic, Self, TypeVar

if TYPE_CHECKING:
    from collections.abc import Callable

T = TypeVar("T")
U = TypeVar("U")


class PyWattSDKError(Exception):
    """Any failure of the SDK: what happened, and what caused it if that is known.

    The text is the message, then the cause after a colon.
    """

    prefix: ClassVar[str] = ""

    def __init__(self, message: str, cause: BaseException | None = None) -> None:
        self.message = f"{self.prefix}: {message}" if self.prefix else message
        self.cause = cause
        super().__init__(self.message)
        if cause is not None:
            self.__cause__ = cause

    def __str__(self) -> str:
        return self.message if self.cause is None else f"{self.message}: {self.cause}"


class BootstrapError(PyWattSDKError):
    """The module could not be put together."""

    prefix = "bootstrap failed"


class HandshakeError(PyWattSDKError):
    """The orchestrator's first line did not come, or cannot be read."""

    prefix = "handshake failed"


class SecretError(PyWattSDKError):
    """A secret was not given, or is not what was asked for."""

    prefix = "secret client error"


class AnnouncementError(PyWattSDKError):
    """What the module offers cannot be announced."""

    prefix = "announcement error"


class ConfigError(PyWattSDKError, ValueError):
    """A setting that cannot work."""

    prefix = "configuration error"

    @classmethod
    def missing_env_var(cls, name: str) -> Self:
        """Say that the environment variable `name` has to be set."""
        return cls(f"the environment variable {name} is not set; set it and start again")

    @classmethod
    def invalid_config(cls, message: str) -> Self:
        """Say what is wrong with the configuration."""
        return cls(f"invalid configuration: {message}")


class NetworkError(PyWattSDKError):
    """The orchestrator, or a module behind it, cannot be reached."""

    prefix = "network error"


class LinkClosedError(NetworkError):
    """The connection to the orchestrator has ended; nothing can be sent any more."""


class ReplyTimeoutError(NetworkError, TimeoutError):
    """No reply came in time; one that comes later is dropped."""


class UnavailableError(PyWattSDKError, AttributeError):
    """A part that is not in this release; for `hasattr` it is simply not there."""


class Result(Generic[T]):
    """What came of something: a value, or the error that it failed with."""

    __slots__ = ("_error", "_value")

    def __init__(self, value: T | None = None, error: BaseException | None = None) -> None:
        if value is not None and error is not None:
            raise ValueError("A Result has a value or an error, not both.")
        self._value = value
        self._error = error

    @classmethod
    def ok(cls, value: T) -> Result[T]:
        """Make a success; None is a value as any other."""
        return cls(value)

    @classmethod
    def err(cls, error: BaseException) -> Result[T]:
        """Make a failure."""
        return cls(error=error)

    def is_ok(self) -> bool:
        """Tell whether there is a value."""
        return self._error is None

    def is_err(self) -> bool:
        """Tell whether there is an error."""
        return self._error is not None

    def unwrap(self) -> T:
        """Return the value; raise the error if there is one."""
        if self._error is not None:
            raise self._error
        return self._value  # type: ignore[return-value]  # T may include None

    def unwrap_or(self, default: T) -> T:
        """Return the value, or `default` if there is an error."""
        return default if self._error is not None else self.unwrap()

    def unwrap_err(self) -> BaseException:
        """Return the error; raise ValueError if there is none."""
        if self._error is None:
            raise ValueError("This Result has a value, not an error.")
        return self._error

    def map(self, change: Callable[[T], U]) -> Result[U]:
        """Return a Result of the changed value; an error stays as it is."""
        return Result(error=self._error) if self._error else Result(change(self.unwrap()))

    def and_then(self, step: Callable[[T], Result[U]]) -> Result[U]:
        """Return what the next step makes of the value; an error stays as it is."""
        return Result(error=self._error) if self._error else step(self.unwrap())

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, Result):
            return NotImplemented
        return (self._value, self._error) == (other._value, other._error)

    __hash__ = None  # type: ignore[assignment]  # its value may not be hashable

    def __repr__(self) -> str:
        return f"Result.err({self._error!r})" if self._error else f"Result.ok({self._value!r})"
