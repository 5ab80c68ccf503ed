"""What else is understood, what is refused, and in which words."""

from __future__ import annotations

import json
import re
import tracemalloc
from contextlib import suppress
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pywatt_sdk._protocol import (
    Announce,
    Challenge,
    DiscoverServiceProviders,
    DiscoverServiceProvidersResponse,
    EncodingFormat,
    Endpoint,
    Envelope,
    GetSecret,
    Hello,
    HttpRequest,
    HttpResponse,
    Identify,
    Init,
    Payload,
    ProtocolError,
    Rotated,
    RoutedModuleMessage,
    RouteToModule,
    Secret,
    SecurityLevel,
    ServiceOperation,
    ServiceOperationResult,
    ServiceType,
    TcpOffer,
    decode_init,
    decode_to_module,
    decode_to_orchestrator,
    encode_frame,
    encode_json,
    encode_line,
    envelope,
    is_uuid,
    new_uuid,
    op_of,
    read_address,
)
from pywatt_sdk._wire_values import bytes_as_numbers, read_bytes

ID = "11111111-2222-4333-8444-555555555555"
REQUEST = HttpRequest("h-1", "POST", "/x", {"a": "b"}, b"\x00\xffbody")


NEEDED = b'"request_id":"1","method":"GET","uri":"/"'
MEMBERS = [
    b'"headers":{}',
    b'"headers":{"a":"b","body":"QUJD"}',
    b'"headers":{"a":"b","body":"QUJD"',
    b'"body":"QUJD"',
    b'"body":"QQ=="',
    b'"body":""',
    b'"body": "QUJD"',
    b'"body":"QU\\/D"',
    b'"body":"QUJ"',
    b'"body":"QU JD"',
    b'"body":null',
    b'"body":[65]',
    b'"more":{"a":1,"body":"QUJD"}',
    b'"more":[{"a":1,"body":"QUJD"}]',
    b'"op":"heartbeat"',
    b"",
]
"""What a request may go on with, good and bad."""


def read_or_refused(raw: bytes) -> Any:
    """Read a message to a module, or give what is said of it without the place in it."""
    try:
        return decode_to_module(raw)
    except ProtocolError as error:
        return re.sub(r"\(byte \d+\)", "", str(error)), error.op


def said(value: Any) -> bytes:
    return json.dumps(value).encode()


class TestLiberally:
    """Spellings of other implementations (wire specification §12)."""

    def test_an_announcement_without_op(self) -> None:
        raw = said({"listen": "127.0.0.1:1", "endpoints": [{"path": "/", "methods": ["GET"]}]})
        assert decode_to_orchestrator(raw) == Announce("127.0.0.1:1", (Endpoint("/", ("GET",)),))

    def test_an_answer_without_op_and_wrapper(self) -> None:
        raw = said({"request_id": "1", "status_code": 200, "headers": {}, "body": [104, 105]})
        assert decode_to_orchestrator(raw) == HttpResponse("1", 200, {}, b"hi")
        with pytest.raises(ProtocolError, match="op"):
            decode_to_orchestrator(raw, strict=True)

    def test_fields_nested_under_the_name_of_the_op(self) -> None:
        raw = said({"op": "get_secret", "get_secret": {"name": "K"}, "announce": None})
        assert decode_to_orchestrator(raw) == GetSecret("K")

    def test_a_body_that_is_nested_is_text(self) -> None:
        fields = {"request_id": "1", "status_code": 200, "headers": {}, "body": "okay"}
        raw = said({"op": "http_response", "http_response": fields, "get_secret": None})
        assert decode_to_orchestrator(raw) == HttpResponse("1", 200, {}, b"okay")

    def test_a_wrapper_where_none_should_be(self) -> None:
        raw = said({"id": ID, "content": {"op": "rotated", "keys": ["A"], "rotation_id": "r"}})
        assert decode_to_module(raw) == Rotated(("A",), "r")

    def test_a_wrapper_without_id(self) -> None:
        raw = said({"content": {"op": "get_secret", "name": "K"}, "metadata": {}})
        assert decode_to_orchestrator(raw) == GetSecret("K")

    def test_keys_in_any_order_and_more_of_them(self) -> None:
        raw = said({"name": "K", "extra": [1], "op": "get_secret"})
        assert decode_to_orchestrator(raw) == GetSecret("K")

    @pytest.mark.parametrize("text", [b'"//8="', b'"\\/\\/8="', b"[255, 255]"])
    def test_a_body_as_base64_text(self, text: bytes) -> None:
        raw = encode_json(HttpRequest("1", "GET", "/", {})).replace(b"null", text)
        assert decode_to_module(raw) == HttpRequest("1", "GET", "/", {}, b"\xff\xff")

    @pytest.mark.parametrize("word", ["database", "Database", "DATABASE"])
    def test_a_service_type_in_any_case(self, word: str) -> None:
        raw = said({"op": "discover_service_providers", "service_type": word})
        assert decode_to_orchestrator(raw) == DiscoverServiceProviders(ServiceType.DATABASE)

    @pytest.mark.parametrize("word", ["search", "custom:search", "Custom(search)"])
    def test_a_service_type_of_ones_own(self, word: str) -> None:
        raw = said({"op": "discover_service_providers", "service_type": word})
        message = decode_to_orchestrator(raw)
        assert message == DiscoverServiceProviders(ServiceType.custom("search"))

    def test_a_format_in_lower_case(self) -> None:
        raw = said(
            {
                "op": "routed_module_message",
                "source_module_id": "a",
                "original_request_id": "not a uuid",
                "payload": {"data": [1], "format": "json"},
            }
        )
        message = decode_to_module(raw)
        assert message == RoutedModuleMessage("a", "not a uuid", Payload(b"\1"))

    def test_a_provider_that_lacks_what_it_need_not_say(self) -> None:
        provider = {"provider_id": "p", "name": "n", "address": "h:1", "service_type": "cache"}
        raw = said(
            {
                "op": "discover_service_providers_response",
                "success": True,
                "providers": [provider],
            }
        )
        message = decode_to_module(raw)
        assert isinstance(message, DiscoverServiceProvidersResponse)
        assert message.providers[0].service_type == ServiceType.CACHE
        assert message.providers[0].is_healthy

    def test_an_init_line_of_an_older_orchestrator(self) -> None:
        raw = said(
            {
                "op": "init",
                "orchestrator_api": "http://localhost:9900",
                "module_id": "m",
                "listen": {"Tcp": "127.0.0.1:80"},
                "tcp_channel": {"host": "127.0.0.1", "port": 9901},
                "ipc_channel": {"socket_path": "/run/s"},
                "security_level": "token",
                "debug_mode": None,
                "log_level": "debug",
            }
        )
        init = decode_init(raw)
        assert init == decode_to_module(raw)
        assert (init.env, init.listen, init.log_level) == ({}, "127.0.0.1:80", "debug")
        assert init.tcp_channel == TcpOffer("127.0.0.1:9901", tls_enabled=False, required=False)
        assert (init.tcp_channel.host, init.tcp_channel.port) == ("127.0.0.1", 9901)
        assert init.security_level is SecurityLevel.TOKEN


class TestOurs:
    """What only this console and modules of this SDK say to each other; left out where unset."""

    @pytest.mark.parametrize(
        "message",
        [
            Hello("pywatt_sdk", "0.1.0", ("body_base64",)),
            Identify("m", "ab" * 32),
            ServiceOperation("c", ServiceType.CACHE, "get", {"key": "k"}, "op-1"),
            RouteToModule("b", "greet", ID, Payload(b"{}"), expects_reply=True),
        ],
        ids=op_of,
    )
    def test_of_a_module(self, message: Any) -> None:
        assert decode_to_orchestrator(encode_line(message)) == message
        assert decode_to_orchestrator(encode_frame(message, to="orchestrator")[5:]) == message

    @pytest.mark.parametrize(
        "message",
        [
            Challenge("00" * 32),
            Secret("K", "", error="no such secret"),
            RoutedModuleMessage("a", ID, Payload(b"{}"), "greet", expects_reply=False),
            RoutedModuleMessage("a", ID, Payload(b"{}"), target_endpoint="greet"),
            RoutedModuleMessage("a", ID, Payload(b"{}"), traceparent="00-a-b-01"),
            Init(
                orchestrator_api="a",
                module_id="m",
                env={},
                listen="127.0.0.1:1",
                orchestrator="kiket-console/1",
            ),
        ],
        ids=op_of,
    )
    def test_to_a_module(self, message: Any) -> None:
        decode = decode_init if isinstance(message, Init) else decode_to_module
        assert decode(encode_line(message)) == message

    @pytest.mark.parametrize("base64", [True, False])
    @given(body=st.none() | st.binary(max_size=600))
    def test_bodies_survive_in_either_form(self, base64: bool, body: bytes | None) -> None:
        request = HttpRequest("1", "GET", "/", {}, body)
        assert decode_to_module(encode_json(request, base64=base64)) == request

    @given(
        members=st.lists(st.sampled_from(MEMBERS), max_size=3),
        end=st.sampled_from([b"}", b"}\n", b"}\r\n", b'}"}', b"}}", b",}", b"} x", b""]),
    )
    def test_a_request_says_the_same_however_it_is_spelled(
        self, members: list[bytes], end: bytes
    ) -> None:
        compact = b'{"op":"http_request",' + b",".join((NEEDED, *members)) + end
        assert read_or_refused(compact) == read_or_refused(b" " + compact)

    @pytest.mark.parametrize("body", [None, b"", b"body"])
    @pytest.mark.parametrize("base64", [True, False])
    def test_a_trace_goes_with_any_body(self, base64: bool, body: bytes | None) -> None:
        request = HttpRequest("1", "GET", "/", {}, body)
        bare = json.loads(encode_json(request, base64=base64))
        line = encode_line(request, base64=base64, traceparent="00-1-2-01")
        assert line.endswith(b"}\n")
        assert json.loads(line) == bare | {"traceparent": "00-1-2-01"}
        assert encode_frame(request, base64=base64, traceparent="00-1-2-01")[5:] == line[:-1]

    def test_a_reply_on_stdout_has_a_body_in_any_case(self) -> None:
        line = json.loads(encode_line(HttpResponse("1", 204, {}), source="m"))
        assert line["content"]["body"] == []
        assert line["metadata"]["source"] == "m"
        assert line["metadata"]["properties"] == {"correlation_id": "1"}

    def test_a_result_echoes_its_operation(self) -> None:
        operation = ServiceOperation("c", ServiceType.custom("s"), "get", {"key": "k"}, "op-1")
        result = ServiceOperationResult.to(operation, error="no such connection")
        assert not result.success
        echo = json.loads(encode_json(result))["params"]
        assert {**echo, "op": "service_operation"} == json.loads(encode_json(operation))
        assert decode_to_module(encode_json(result)) == result

    def test_what_is_secret_is_not_in_a_repr(self) -> None:
        init = Init(orchestrator_api="a", module_id="m", env={}, listen="x", auth_token="hush")
        assert "hush" not in repr(init) + repr(Secret("K", "hush"))


class TestRefusals:
    @pytest.mark.parametrize(
        ("raw", "sentence"),
        [
            (b"hello", "The message is not JSON: "),
            (b'{"op":"get_secret","name":"K"', "The message is not JSON: "),
            (b'{"op":"get_secret","name":NaN}', "The message is not JSON: "),
            (b'{"op":"get_secret","name":"\xff"}', "The message "),
            (b"[]", "The message cannot be read: "),
            (b"null", "The message cannot be read: "),
            (b"{}", "The message cannot be read: object missing required field `op`."),
            (b'{"op":"get_secret"}', "get_secret cannot be read: object missing required field"),
            (b'{"op":"get_secrets"}', "there is no message `get_secrets`"),
            (b'{"op":7}', "The message cannot be read: "),
            (b'{"op":"port_request","request_id":"1","specific_port":65536}', "specific_port"),
            (b'{"op":"http_response","request_id":"1","status_code":200,"headers":{},"body":[256]}',
             "http_response cannot be read: "),
            (b'{"op":"http_response","request_id":"1","status_code":200,"headers":{},"body":"QQ"}',
             "http_response cannot be read: "),
            (b'{"op":"service_request","id":"1","service_type":"Jwt","config":' + b"[" * 100_000,
             "nested too deeply"),
        ],
    )  # fmt: skip
    def test_say_what_and_why(self, raw: bytes, sentence: str) -> None:
        for strict in (True, False):
            with pytest.raises(ProtocolError) as refused:
                decode_to_orchestrator(raw, strict=strict)
        assert sentence in str(refused.value)
        assert str(refused.value).endswith(".")

    def test_name_the_op(self) -> None:
        with pytest.raises(ProtocolError) as refused:
            decode_to_module(b'{"op":"rotated","keys":["A"]}')
        assert refused.value.op == "rotated"

    def test_never_quote_a_value(self) -> None:
        with pytest.raises(ProtocolError) as refused:
            decode_to_module(b'{"op":"secret","name":"K","value":["hush"]}')
        assert "hush" not in str(refused.value)

    @given(st.binary(max_size=200))
    def test_are_the_only_thing_that_noise_brings(self, raw: bytes) -> None:
        for decode in (decode_to_module, decode_to_orchestrator, decode_init, envelope):
            with suppress(ProtocolError):
                decode(raw)

    @given(
        st.recursive(
            st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(),
            lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
            max_leaves=10,
        ),
        st.sampled_from(["op", "content", "id", "payload", "body", "params", "service_type"]),
        st.sampled_from(["http_request", "rotated", "service_operation_result", "announce"]),
    )
    def test_are_the_only_thing_that_nonsense_brings(self, value: Any, key: str, op: str) -> None:
        raw = said({"op": op, key: value})
        for decode in (decode_to_module, decode_to_orchestrator, decode_init, envelope):
            with suppress(ProtocolError):
                decode(raw)


class TestEnvelope:
    @pytest.mark.parametrize(
        ("raw", "expected"),
        [
            (encode_json(REQUEST), Envelope("http_request", "h-1")),
            (encode_line(HttpResponse("h-1", 200, {})), Envelope("http_response", "h-1")),
            (encode_frame(RouteToModule("b", "e", ID, Payload(b""))),
             Envelope("route_to_module", ID)),
            (encode_frame(GetSecret("K"), to="orchestrator"), Envelope("get_secret", "")),
            (encode_json(RoutedModuleMessage("a", ID, Payload(b""))),
             Envelope("routed_module_message", ID)),
            (encode_json(Rotated(("K",), "rot-1")), Envelope("rotated", "rot-1")),
            (encode_json(ServiceOperation("c", ServiceType.JWT, "close", {})),
             Envelope("service_operation", "c")),
            (b"{}", Envelope("", "")),
        ],
    )  # fmt: skip
    def test_tells_op_and_correlation(self, raw: bytes, expected: Envelope) -> None:
        assert envelope(raw[5:] if raw[:1] == b"\0" else raw) == expected


class TestBytes:
    @pytest.mark.parametrize("size", [0, 1, 262_144, 262_145, 600_001])
    def test_are_numbers_at_any_length(self, size: int) -> None:
        data = bytes(range(256)) * (size // 256) + bytes(size % 256)
        raw = bytes(bytes_as_numbers(data))
        assert json.loads(raw) == list(data)
        assert read_bytes(raw, strict=True) == data

    def test_may_have_spaces_between_them(self) -> None:
        assert read_bytes(b"[ 1 ,\n2 ]", strict=True) == b"\1\2"

    @pytest.mark.parametrize(
        "raw", [b"[1,]", b"[,1]", b"[-1]", b"[1.0]", b"[1e1]", b"[true]", b'["1"]', b"{}", b'"!"']
    )
    def test_are_nothing_else(self, raw: bytes) -> None:
        with pytest.raises((ValueError, msgspec.DecodeError)):
            read_bytes(raw, strict=True)

    def test_with_a_comma_too_many_are_refused_at_any_length(self) -> None:
        long = b"[" + b"1," * 300_000
        for raw in (long + b"]", long + b",1]"):
            with pytest.raises((ValueError, msgspec.DecodeError)):
                read_bytes(raw, strict=True)

    def test_never_stand_in_memory_as_a_list(self) -> None:
        raw = b"[" + b"1," * 2_000_000 + b"1]"
        tracemalloc.start()
        data = read_bytes(raw, strict=True)
        _, peak = tracemalloc.get_traced_memory()
        tracemalloc.stop()
        assert data == b"\1" * 2_000_001
        assert peak < 4 * len(data)


class TestValues:
    @pytest.mark.parametrize(
        ("text", "host", "port"),
        [
            ("127.0.0.1:80", "127.0.0.1", 80),
            ("[::1]:80", "::1", 80),
            ("localhost:1", "localhost", 1),
        ],
    )
    def test_an_address_is_a_host_and_a_port(self, text: str, host: str, port: int) -> None:
        assert read_address(text) == (host, port)
        assert str(read_address(text)) == text

    @pytest.mark.parametrize(
        "text",
        ["", "/run/s", "127.0.0.1", "::1:80", ":80", "a:x", "a:70000", "a:" + "1" * 5000],
    )
    def test_anything_else_is_a_path(self, text: str) -> None:
        assert read_address(text) is None

    def test_ids_are_uuids(self) -> None:
        assert is_uuid(new_uuid())
        assert is_uuid("11111111222243338444555555555555")
        assert not is_uuid("req-1")

    def test_service_types_are_equal_by_name(self) -> None:
        assert ServiceType.parse("jwt") == ServiceType.JWT != ServiceType.custom("jwt")
        assert len({ServiceType.custom("a"), ServiceType.parse("a")}) == 1

    def test_formats_have_a_name_that_is_not_on_the_wire(self) -> None:
        assert EncodingFormat["MSGPACK"].value == "MessagePack"
