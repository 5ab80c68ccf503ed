"""Send messages to other modules, ask them, and handle what they send.

Messages pass through the orchestrator (pywatt wire specification §8.2).
"""

from __future__ import annotations

import inspect
import logging
from typing import TYPE_CHECKING, Any, Final, NamedTuple, TypeVar, overload

import msgspec

from kiket_core import trace
from pywatt_sdk._protocol import (
    EncodingFormat,
    RoutedModuleMessage,
    RoutedModuleResponse,
    RouteToModule,
    encode_json,
    new_uuid,
    read_address,
)
from pywatt_sdk.core.error import ConfigError, NetworkError
from pywatt_sdk.internal import _payloads
from pywatt_sdk.internal._failures import Failure, InternalMessagingError

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from pywatt_sdk._link import Link
    from pywatt_sdk.communication.connection_config import ConnectionConfig

    Handler = Callable[..., Any]

__all__ = [
    "Failure",
    "InternalMessagingClient",
    "InternalMessagingError",
    "Sender",
    "create_messaging_client",
]

T = TypeVar("T")
H = TypeVar("H", bound="Handler")

DEFAULT_TIMEOUT_S: Final = 30.0
DEFAULT_ENDPOINT: Final = "default"
ANY: Final = "*"

_REPLY_ENDPOINT: Final = "reply"
_REMEMBERED: Final = 1_000

_logger = logging.getLogger("pywatt_sdk.messaging")


class Sender(NamedTuple):
    """Who sent a message, and how."""

    module_id: str
    request_id: str
    endpoint: str | None
    """None where the orchestrator does not say, as Rust's does not."""


class InternalMessagingClient:
    """The messages of one module, over its link to the orchestrator.

    Times are in seconds. Handlers of a message are those for its `"type"`, and those for the
    endpoint that it is addressed to; if there are none, those for `"*"`. A handler takes the
    message, or the message and its `Sender`, or as in Rust the source module's id, the request's
    id and the encoded payload. It may be a coroutine; a plain function must be quick. What the
    first of them returns, unless it is None, is the reply.
    """

    def __init__(
        self,
        module_id: str,
        orchestrator_channel: Link | None = None,
        default_timeout: float = DEFAULT_TIMEOUT_S,
        default_encoding: EncodingFormat = EncodingFormat.JSON,
        *,
        link: Link | None = None,
    ) -> None:
        self.module_id = module_id
        self.default_timeout = default_timeout
        self.default_encoding = default_encoding
        self._link = link or orchestrator_channel
        self._of_type: dict[str, tuple[Handler, ...]] = {}
        self._of_source: dict[str, Handler] = {}
        self._sent: dict[str, None] = {}
        self._end_link: Callable[[], Awaitable[None]] | None = None  # of a link that is ours alone
        self._stop: Callable[[], None] | None = None
        if self._link is not None:
            self._stop = self._link.on(RoutedModuleMessage, self.handle_message)

    async def send_message(self, target: str, message: object) -> None:
        """Send a message that is not answered; *target* is a module, or `module:endpoint`.

        Raises:
            InternalMessagingError: if it has no JSON form, or there is no way to send it.
        """
        module, _, endpoint = target.partition(":")
        await self.send_notification(module, endpoint or DEFAULT_ENDPOINT, message)

    async def send_notification(
        self,
        target_module_id: str,
        target_endpoint: str,
        payload: object,
        encoding: EncodingFormat | None = None,
    ) -> None:
        """Send a message that is not answered; raises as `send_message` does."""
        link = self._open()
        message = self._message(target_module_id, target_endpoint, payload, encoding, asks=False)
        try:
            await link.send(message)
        except NetworkError as error:
            raise _unreachable(target_module_id, error) from error

    @overload
    async def send_request(
        self,
        target_module_id: str,
        target_endpoint: str,
        request_payload: object,
        *,
        timeout: float | None = None,  # noqa: ASYNC109  # as documented
        encoding: EncodingFormat | None = None,
    ) -> dict[str, Any]: ...
    @overload
    async def send_request(
        self,
        target_module_id: str,
        target_endpoint: str,
        request_payload: object,
        response_type: type[T],
        timeout: float | None = None,  # noqa: ASYNC109  # as documented
        encoding: EncodingFormat | None = None,
    ) -> T: ...
    async def send_request(
        self,
        target_module_id: str,
        target_endpoint: str,
        request_payload: object,
        response_type: type[Any] = dict,
        timeout: float | None = None,  # noqa: ASYNC109  # as documented
        encoding: EncodingFormat | None = None,
    ) -> Any:
        """Send a message and return the reply as a *response_type*.

        That may be what JSON has, a dataclass, a msgspec struct or a pydantic model.

        Raises:
            InternalMessagingError: if there is no such reply; its `failure` says why.
        """
        link = self._open()
        message = self._message(
            target_module_id, target_endpoint, request_payload, encoding, asks=True
        )
        timeout_s = self.default_timeout if timeout is None else timeout
        try:
            reply: RoutedModuleResponse = await link.ask(message, timeout_s=timeout_s)
        except TimeoutError as error:
            raise InternalMessagingError(
                f"the module {target_module_id!r} did not reply within {timeout_s:g} s",
                failure=Failure.TIMEOUT,
            ) from error
        except NetworkError as error:
            raise _unreachable(target_module_id, error) from error
        return _payloads.answer(reply.payload, response_type)

    def on_message(self, message_type: str = ANY) -> Callable[[H], H]:
        """Have the decorated function handle messages of a type, or to an endpoint.

        Raises:
            TypeError: if the function takes no argument, or more than three.
        """

        def register(handler: H) -> H:
            self._of_type[message_type] = (*self._of_type.get(message_type, ()), _caller(handler))
            return handler

        return register

    def register_handler(self, source_module_id: str, handler: Handler) -> None:
        """Have *handler* handle all messages of one module; raises TypeError as `on_message`."""
        self._of_source[source_module_id] = _caller(handler)

    def remove_handler(self, source_module_id: str) -> bool:
        """Take that back; return whether there was one."""
        return self._of_source.pop(source_module_id, None) is not None

    def handle_response(self, response: dict[str, Any]) -> None:
        """Take a reply that came by another way: the fields of a `routed_module_response`."""
        self._open().heard("", msgspec.json.encode({"op": "routed_module_response", **response}))

    async def close(self) -> None:
        """Handle no messages any more."""
        if self._stop is not None:
            self._stop()
        if self._end_link is not None:
            end, self._end_link = self._end_link, None
            await end()

    def _open(self) -> Link:
        if self._link is None:
            raise InternalMessagingError(
                f"the module {self.module_id!r} has no orchestrator here to send messages through; "
                "in a test, run it in pywatt_sdk.testing.TestOrchestrator",
                failure=Failure.NETWORK,
            )
        return self._link

    def _message(
        self,
        module: str,
        endpoint: str,
        value: object,
        encoding: EncodingFormat | None,
        *,
        asks: bool,
    ) -> RouteToModule:
        id_ = new_uuid()
        if len(self._sent) >= _REMEMBERED:
            del self._sent[next(iter(self._sent))]
        self._sent[id_] = None
        payload = _payloads.request(value, encoding or self.default_encoding)
        return RouteToModule(module, endpoint, id_, payload, expects_reply=self._word(asks))

    def _word(self, asks: bool) -> bool | None:
        """Say whether a reply is expected, to an orchestrator that understands it."""
        return asks if self._open().is_ours else None

    async def handle_message(self, message: RoutedModuleMessage) -> RouteToModule | None:
        """Take another module's message; return the reply, if there is to be one."""
        source, id_ = message.source_module_id, message.original_request_id
        if id_ in self._sent and source != self.module_id:
            # From an orchestrator that passes replies on as messages: were they handled, two
            # modules could answer each other for ever.
            back = RoutedModuleResponse(source, id_, message.payload)
            self._open().heard("", encode_json(back))
            return None
        token = trace.enter(message.traceparent) if message.traceparent else None
        try:
            value = await self._handle(message)
            payload = _payloads.reply(value)
        except InternalMessagingError as error:
            _logger.warning("A message of %s failed: %s", source, error.sentence)
            value, payload = error, _payloads.refusal(error.sentence, error.failure)
        except Exception as error:
            _logger.exception("Handling a message of %s failed.", source)
            sentence = (
                f"{self.module_id} failed to handle it: {type(error).__name__}; "
                "its log has the details."
            )
            value, payload = error, _payloads.refusal(sentence, Failure.APPLICATION)
        finally:
            if token is not None:
                trace.leave(token)
        if message.expects_reply is False or (value is None and message.expects_reply is None):
            return None
        return RouteToModule(source, _REPLY_ENDPOINT, id_, payload, expects_reply=self._word(False))

    async def _handle(self, message: RoutedModuleMessage) -> Any:
        sender = Sender(
            message.source_module_id, message.original_request_id, message.target_endpoint
        )
        content = _payloads.content(message.payload)
        handlers = self._handlers(content, sender)
        if not handlers:
            raise InternalMessagingError(
                f"{self.module_id} handles no message of that type, endpoint or sender",
                failure=Failure.TARGET_ENDPOINT_NOT_FOUND,
            )
        replies = []
        for handler in handlers:
            outcome = handler(content, sender, message.payload)
            replies.append(await outcome if inspect.isawaitable(outcome) else outcome)
        return next((reply for reply in replies if reply is not None), None)

    def _handlers(self, content: object, sender: Sender) -> list[Handler]:
        of_source = self._of_source.get(sender.module_id)
        found = [] if of_source is None else [of_source]
        kind = content.get("type") if isinstance(content, dict) else None
        for name in dict.fromkeys([kind, sender.endpoint]):
            if isinstance(name, str):
                found += self._of_type.get(name, ())
        return found or list(self._of_type.get(ANY, ()))


async def create_messaging_client(
    module_id: str,
    orchestrator_endpoint: Link | ConnectionConfig | str | None = None,
    default_timeout: float = DEFAULT_TIMEOUT_S,
) -> InternalMessagingClient:
    """Return a client of a module: over the link that it has, or over a TCP channel of its own.

    *orchestrator_endpoint* is a link, or where an orchestrator takes frames: `"127.0.0.1:9000"`,
    or a configuration with TLS. A client without one refuses to send. `close()` ends a channel
    that was opened here.

    Raises:
        ConfigError: if an endpoint is no address.
        NetworkError: if nobody can be reached there.
    """
    from pywatt_sdk._link import Link

    if orchestrator_endpoint is None or isinstance(orchestrator_endpoint, Link):
        return InternalMessagingClient(module_id, orchestrator_endpoint, default_timeout)
    link = await _connected(module_id, orchestrator_endpoint)
    client = InternalMessagingClient(module_id, link, default_timeout)
    client._end_link = lambda: link.__aexit__(None, None, None)
    return client


async def _connected(module_id: str, endpoint: ConnectionConfig | str) -> Link:
    from pywatt_sdk._channels import Frames
    from pywatt_sdk._connecting import connect_tcp
    from pywatt_sdk._link import TCP, Link
    from pywatt_sdk.communication.connection_config import ConnectionConfig

    if isinstance(endpoint, str):
        address = read_address(endpoint)
        if address is None:
            raise ConfigError(f"{endpoint!r} is no address, such as 127.0.0.1:9000")
        endpoint = ConnectionConfig(address.host, address.port)
    link = Link(module_id=module_id)

    def make() -> Frames:
        return Frames(
            lambda raw: link.heard(TCP, raw),
            on_closed=lambda _: link.detach(TCP, "The orchestrator closed the connection."),
        )

    link.attach(TCP, await connect_tcp(make, endpoint))
    return await link.__aenter__()


def _caller(handler: Handler) -> Handler:
    """Return *handler* as a function of a message, its sender, and its payload as it came."""
    parameters = inspect.signature(handler).parameters.values()
    needed = sum(
        parameter.default is parameter.empty
        and parameter.kind in (parameter.POSITIONAL_ONLY, parameter.POSITIONAL_OR_KEYWORD)
        for parameter in parameters
    )
    if parameters and needed <= 1:
        return lambda message, _, __: handler(message)
    if needed == 2:
        return lambda message, sender, _: handler(message, sender)
    if needed == 3:
        from pywatt_sdk.communication.message import EncodedMessage

        return lambda _, sender, payload: handler(
            sender.module_id, sender.request_id, EncodedMessage(payload.data, payload.format)
        )
    raise TypeError(
        f"{getattr(handler, '__name__', handler)} must take a message, or a message and its "
        "sender, or a source module's id, a request's id and a payload; it takes "
        f"{needed} arguments."
    )


def _unreachable(module: str, error: NetworkError) -> InternalMessagingError:
    return InternalMessagingError(
        f"the message for {module!r} was not sent", error, failure=Failure.NETWORK
    )
