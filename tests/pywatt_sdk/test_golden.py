"""Every golden row, both ways: read, and written again to the same JSON value.

A row fails here if the wire format moves by one key.
"""

from __future__ import annotations

import base64
import json
from typing import Any

import jwt
import msgspec
import pytest
from tests.pywatt_sdk.golden import Row, rows
from tests.rows import Rows

from kiket_core.frames import Format, LengthFrames
from pywatt_sdk import _wire_registration as registration
from pywatt_sdk._protocol import (
    HeartbeatAck,
    HttpResponse,
    Identify,
    ProtocolError,
    SecurityLevel,
    ServiceRequest,
    ServiceType,
    decode_init,
    decode_to_module,
    decode_to_orchestrator,
    encode_frame,
    encode_json,
    encode_line,
)
from pywatt_sdk._wire_values import read_address
from pywatt_sdk.communication.channel_types import ChannelCapabilities, ChannelPreferences
from pywatt_sdk.communication.http_ipc import ApiResponse, error_response
from pywatt_sdk.communication.http_tcp import HttpTcpRequest, HttpTcpResponse, JsonBody
from pywatt_sdk.communication.ipc_types import ListenAddress
from pywatt_sdk.communication.message import (
    EncodedMessage,
    EncodingFormat,
    Message,
    MessageError,
    MessageMetadata,
)
from pywatt_sdk.security.jwt_auth import JwtConfig, JwtError, validate_jwt_from_headers

JSON_FRAME = b"\x01"


def frames(raw: bytes) -> list[tuple[int, bytes]]:
    return [(frame.format, frame.raw) for frame in LengthFrames(1 << 20).feed(raw)]


class TestMessages:
    def test_of_a_module(self) -> None:
        with Rows() as checked:
            for strict in (True, False):
                for row in rows("module_to_orchestrator"):
                    with checked.row((strict, row)):
                        message = decode_to_orchestrator(row.wire, strict=strict)
                        written = row.value
                        if "content" in written:  # the reply of stdio, which has no op
                            line = json.loads(
                                encode_line(message, source=written["metadata"]["source"])
                            )
                            line["metadata"]["id"] = written["metadata"]["id"]  # new each time
                            assert line == written
                        else:
                            assert json.loads(encode_json(message)) == written

    def test_to_a_module(self) -> None:
        with Rows() as checked:
            for strict in (True, False):
                for row in rows("orchestrator_to_module"):
                    with checked.row((strict, row)):
                        if row.op != "init":
                            message = decode_to_module(row.wire, strict=strict)
                            assert json.loads(encode_json(message)) == row.value
                            continue
                        init = decode_init(row.wire, strict=strict)
                        kept = {key: value for key, value in row.value.items() if value is not None}
                        kept.pop("op", None)  # tolerated, not written
                        assert json.loads(encode_json(init)) == kept

    def test_of_a_module_in_a_frame(self) -> None:
        with Rows() as checked:
            for strict in (True, False):
                for row in rows("module_to_orchestrator"):
                    with checked.row((strict, row)):
                        message = decode_to_orchestrator(row.wire)
                        ((code, raw),) = frames(encode_frame(message, to="orchestrator"))
                        assert code == Format.JSON
                        assert set(json.loads(raw)) == {"id", "content", "metadata"}
                        assert decode_to_orchestrator(raw, strict=strict) == message


class TestFrames:
    def test_are_read(self) -> None:
        with Rows() as checked:
            for row in [row for row in rows("tcp") if row.hex]:
                with checked.row(row):
                    ((code, raw),) = frames(bytes.fromhex(row.hex))
                    assert (
                        json.loads(base64.b64decode(raw) if code == Format.BASE64 else raw)
                        == row.value
                    )

    @pytest.mark.parametrize(
        "row",
        [row for row in rows("tcp") if row.hex[8:10] == "01" and "content" not in row.value],
        ids=str,
    )
    def test_are_written_byte_for_byte(self, row: Row) -> None:
        assert encode_frame(decode_to_module(row.wire, strict=True)).hex() == row.hex

    @pytest.mark.parametrize(
        "row", [row for row in rows("tcp") if row.hex and "content" in row.value], ids=str
    )
    def test_are_written_byte_for_byte_around_a_message(self, row: Row) -> None:
        value = row.value
        message = Message(
            value["content"],
            id=value["id"],
            metadata=msgspec.convert(value["metadata"], MessageMetadata),
        )
        assert message.encode().to_frame().hex() == row.hex

    @pytest.mark.parametrize(
        ("row", "code"),
        list(zip(rows("tcp")[-2:], ["BINARY", "BASE64"], strict=True)),
        ids=str,
    )
    def test_may_carry_json_under_another_format(self, row: Row, code: str) -> None:
        encoded = EncodedMessage(row.wire).to_format(EncodingFormat[code])
        assert encoded.to_frame().hex() == row.hex

    def test_of_a_module_hold_a_wrapper(self) -> None:
        acknowledged, response = rows("tcp")[2:4]
        assert decode_to_orchestrator(acknowledged.wire, strict=True) == HeartbeatAck()
        message = decode_to_orchestrator(response.wire, strict=True)
        assert isinstance(message, HttpResponse)
        assert message.body == b'{"status":"healthy","module_id":"'
        again = Message(json.loads(encode_json(message)), id=response.value["id"])
        assert json.loads(again.encode().data) == response.value


REGISTRATION = [row for row in rows("tcp") if row.op.startswith("registration.")]


class TestRegistration:
    @pytest.mark.parametrize("row", [r for r in REGISTRATION if "content" in r.value], ids=str)
    def test_requests(self, row: Row) -> None:
        request = registration.decode_request(row.wire)
        ((_, raw),) = frames(registration.encode_request(request))
        assert json.loads(raw)["content"] == row.value["content"]

    @pytest.mark.parametrize("row", [r for r in REGISTRATION if "content" not in r.value], ids=str)
    def test_replies(self, row: Row) -> None:
        reply = registration.decode_reply(row.wire)
        ((_, raw),) = frames(registration.encode_reply(reply))
        assert json.loads(raw) == row.value


class TestHttpOverTcp:
    def test_requests(self) -> None:
        (row,) = [row for row in rows("tcp") if row.op == "http_tcp.request"]
        request = HttpTcpRequest.from_json(row.wire)
        assert request == HttpTcpRequest("r1", "GET", "/x?a=1", {})
        assert json.loads(request.to_json(id=row.value["id"])) == row.value

    def test_responses(self) -> None:
        (row,) = [row for row in rows("tcp") if row.op == "http_tcp.response"]
        response = HttpTcpResponse.from_json(row.wire)
        assert response.body == b'{"status":"success","data":{"ok":true}}'
        assert json.loads(response.to_json(id=row.value["id"])) == row.value

    def test_bodies(self) -> None:
        success, not_found = [row for row in rows("http_body") if row.op.startswith("http_tcp")]
        assert JsonBody.success({"ok": True}).to_json() == success.wire
        assert JsonBody.error("Not found: /nope").to_json() == not_found.wire


VALUES: dict[str, Any] = {
    "SecurityLevel": SecurityLevel,
    "EncodingFormat": EncodingFormat,
    "HealthStatus": registration.HealthStatus,
    "MessageMetadata": MessageMetadata,
    "ChannelPreferences": ChannelPreferences,
    "ChannelCapabilities": ChannelCapabilities,
}


class TestValues:
    def test_of_the_types(self) -> None:
        with Rows() as checked:
            for row in [row for row in rows("value") if row.op in VALUES]:
                with checked.row(row):
                    value = msgspec.json.decode(row.wire, type=VALUES[row.op])
                    assert msgspec.json.encode(value) == row.wire

    def test_of_service_types(self) -> None:
        with Rows() as checked:
            for row in [row for row in rows("value") if row.op == "ServiceType"]:
                with checked.row(row):
                    kind = ServiceType.from_wire(row.value)
                    assert kind.wire == row.value
                    assert ServiceType.parse(str(kind)) == kind

    @pytest.mark.parametrize("row", [r for r in rows("value") if r.op == "ListenAddress"], ids=str)
    def test_of_addresses(self, row: Row) -> None:
        address = ListenAddress(row.value)
        assert address.is_unix is row.value.startswith("/")
        assert str(read_address(address) or address) == row.value

    @pytest.mark.parametrize("row", [r for r in rows("value") if r.op == "EncodedMessage"], ids=str)
    def test_of_encoded_messages(self, row: Row) -> None:
        assert EncodedMessage.from_json(row.wire) == EncodedMessage(b'{"a":1}')
        assert EncodedMessage.from_json(row.wire).to_json() == row.wire

    def test_of_other_parts_pass_through_untouched(self) -> None:
        """Configurations of services and pieces of streams travel inside our messages."""
        with Rows() as checked:
            for row in [row for row in rows("value", "stream") if row.op not in VALUES]:
                with checked.row(row):
                    request = ServiceRequest("1", ServiceType.DATABASE, row.value)
                    assert decode_to_orchestrator(encode_line(request)) == request
                    message = Message.decode(Message(row.value).encode())
                    assert message.content == row.value


class TestBinary:
    @pytest.mark.parametrize(
        ("row", "metadata"),
        list(
            zip(
                rows("binary"),
                [
                    MessageMetadata(),
                    MessageMetadata("x", 1_700_000_000, "mod-a", "orch", {"k": 1}),
                    MessageMetadata(),
                ],
                strict=True,
            )
        ),
        ids=str,
    )
    def test_messages_of_text(self, row: Row, metadata: MessageMetadata) -> None:
        format_ = EncodingFormat.BASE64 if row.wire else EncodingFormat.BINARY
        encoded = EncodedMessage(row.wire or bytes.fromhex(row.hex), format_)
        message = Message.decode(encoded, str)
        assert (message.content, message.metadata) == ("hi", metadata)
        assert message.encode(format_) == encoded


class TestRejected:
    @pytest.mark.parametrize("row", rows("reject:orchestrator_to_module"), ids=str)
    def test_to_a_module(self, row: Row) -> None:
        with pytest.raises(ProtocolError):
            decode_to_module(row.wire, strict=True)

    @pytest.mark.parametrize("row", rows("reject:module_to_orchestrator"), ids=str)
    def test_of_a_module(self, row: Row) -> None:
        with pytest.raises(ProtocolError, match="UUID"):
            decode_to_orchestrator(row.wire, strict=True)

    @pytest.mark.parametrize("row", rows("reject:init"), ids=str)
    def test_init(self, row: Row) -> None:
        with pytest.raises(ProtocolError) as refused:
            decode_init(row.wire, strict=True)
        assert refused.value.op == "init"

    def test_values(self) -> None:
        service_type, encoded, message = rows("reject:value")
        with pytest.raises(ValueError, match="service type"):
            ServiceType.from_wire(service_type.value)
        with pytest.raises(MessageError):
            EncodedMessage.from_json(encoded.wire)
        with pytest.raises(MessageError, match="id"):
            Message.decode(EncodedMessage(message.wire))

    def test_identify_does_not_exist_in_rust(self) -> None:
        """It is ours alone, and never sent to who does not ask for it."""
        (row,) = rows("unencodable")
        assert row.wire == b""
        assert decode_to_orchestrator(encode_frame(Identify("m", "00"))[5:]) == Identify("m", "00")


class TestHttpOverStdio:
    def test_bodies(self) -> None:
        success, not_found = [row for row in rows("http_body") if row.op.startswith("http_ipc")]
        assert ApiResponse("success", {"ok": True}).body() == success.wire
        message = not_found.value["message"]
        assert error_response("NOT_FOUND", message).body() == not_found.wire


KEY = "thirty-two bytes at the very least; for HS384, forty-eight"
TOKENS: dict[str, dict[str, Any]] = {
    "Missing Authorization header": {},
    "Unauthorized: InvalidSignature": {"key": "another of more than thirty-two bytes"},
    "Unauthorized: InvalidAlgorithm": {"algorithm": "HS384"},
    "Unauthorized: Missing required claim: exp": {"payload": {"sub": "me"}},
}


class TestTokens:
    @pytest.mark.parametrize(
        "row", [row for row in rows("http_body") if row.value.get("error") in TOKENS], ids=str
    )
    def test_refusals(self, row: Row) -> None:
        text = row.value["error"]
        token = {"payload": {"sub": "me", "exp": 4_000_000_000}, "key": KEY, **TOKENS[text]}
        bearer = {"Authorization": f"Bearer {jwt.encode(**token)}"} if TOKENS[text] else {}
        with pytest.raises(JwtError) as refused:
            validate_jwt_from_headers(bearer, JwtConfig(KEY))
        assert {"error": str(refused.value)} == row.value

    def test_without_the_ipc_feature_are_of_rust_alone(self) -> None:
        """A module of ours always has what Rust leaves out of some builds."""
        others = [row for row in rows("http_body") if row.op == "jwt.error"]
        (alone,) = [row for row in others if row.value["error"] not in TOKENS]
        assert alone.value == {"error": "Running as a module but IPC feature is not enabled"}


def test_every_row_has_its_test() -> None:
    directions = {
        "module_to_orchestrator",
        "orchestrator_to_module",
        "tcp",
        "value",
        "stream",
        "binary",
        "unencodable",
        "http_body",
        "reject:orchestrator_to_module",
        "reject:module_to_orchestrator",
        "reject:init",
        "reject:value",
    }
    assert {row.direction for row in rows()} == directions
    bodies = {row.op for row in rows("http_body")}
    answers = {
        f"{kind}.{answer}"
        for kind in ("http_ipc", "http_tcp")
        for answer in ("success", "not_found")
    }
    assert bodies == answers | {"jwt.error"}
    assert len(rows()) == 174
