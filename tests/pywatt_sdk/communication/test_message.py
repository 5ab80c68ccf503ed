"""Messages, and the forms they travel in."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pywatt_sdk.communication.message import (
    EncodedMessage,
    EncodingFormat,
    Message,
    MessageError,
    MessageMetadata,
)

NOTES = MessageMetadata("x", -5, "mod-a", "orch").with_property("k", [1, None])
texts = st.text(max_size=300)
metadata = st.builds(
    MessageMetadata,
    id=st.none() | texts,
    timestamp=st.none() | st.integers(-(2**63), 2**63 - 1),
    source=st.none() | texts,
    destination=st.none() | texts,
    properties=st.none() | st.dictionaries(texts, st.integers(-9, 9), min_size=1),
)


class TestForms:
    @pytest.mark.parametrize("name", ["JSON", "MSGPACK"])
    def test_keep_content_id_and_notes(self, name: str) -> None:
        message = Message({"ping": [1, "zwei", None]}).with_metadata(NOTES)
        assert Message.decode(message.encode(EncodingFormat[name])) == message

    @given(content=texts | st.binary(max_size=300), notes=metadata)
    def test_that_do_not_describe_themselves_keep_content_and_notes(
        self, content: str | bytes, notes: MessageMetadata
    ) -> None:
        message: Message[Any] = Message(content, metadata=notes)
        for form in (EncodingFormat.BINARY, EncodingFormat.BASE64):
            read = Message.decode(message.encode(form), type(content))
            assert (read.content, read.metadata) == (content, notes)

    def test_may_be_asked_for_a_type(self) -> None:
        encoded = Message({"a": 1}).encode()
        assert Message.decode(encoded, dict[str, int]).content == {"a": 1}
        with pytest.raises(MessageError, match="Expected `str`"):
            Message.decode(encoded, str)

    def test_of_bytes_hold_text_or_bytes_alone(self) -> None:
        with pytest.raises(MessageError, match="encode the content first, or use JSON"):
            Message({"a": 1}).encode(EncodingFormat.BINARY)

    def test_are_named(self) -> None:
        for act in (
            lambda: Message("x").encode(EncodingFormat.AUTO),
            lambda: Message.decode(EncodedMessage(b"", EncodingFormat.AUTO)),
            lambda: EncodedMessage(b"1").to_format(EncodingFormat.AUTO),
            lambda: EncodedMessage(b"1", EncodingFormat.AUTO).to_frame(),
        ):
            with pytest.raises(MessageError, match="unsupported encoding format: auto"):
                act()

    @given(
        raw=st.binary(max_size=60), name=st.sampled_from(["JSON", "BINARY", "BASE64", "MSGPACK"])
    )
    def test_of_noise_are_refused_in_a_sentence(self, raw: bytes, name: str) -> None:
        try:
            Message.decode(EncodedMessage(raw, EncodingFormat[name]), str)
        except MessageError as refused:
            assert refused.message == "the message cannot be decoded"  # noqa: PT017  # if at all

    def test_that_no_form_can_hold_are_refused(self) -> None:
        with pytest.raises(MessageError, match="cannot be encoded"):
            Message(object()).encode()
        with pytest.raises(MessageError, match="64 bits"):
            Message("x", metadata=MessageMetadata(timestamp=2**63)).encode(EncodingFormat.BINARY)


class TestConversions:
    def test_between_json_and_binary_change_the_name_alone(self) -> None:
        encoded = EncodedMessage(b'{"a":1}')
        binary = encoded.to_format(EncodingFormat.BINARY)
        assert binary == EncodedMessage(b'{"a":1}', EncodingFormat.BINARY)
        assert binary.to_format(EncodingFormat.JSON) == encoded

    def test_to_base64_and_back(self) -> None:
        encoded = EncodedMessage(b'{"a":1}').to_format(EncodingFormat.BASE64)
        assert encoded.data == b"eyJhIjoxfQ=="
        assert encoded.value() == {"a": 1}

    @pytest.mark.parametrize(
        "encoded",
        [
            EncodedMessage(b"\0", EncodingFormat.BINARY),
            EncodedMessage(b"!", EncodingFormat.BASE64),
            EncodedMessage(b"AA==", EncodingFormat.BASE64),
        ],
    )
    def test_of_what_is_no_json_are_refused(self, encoded: EncodedMessage) -> None:
        with pytest.raises(MessageError, match="is not"):
            encoded.to_format(EncodingFormat.JSON)


class TestValues:
    def test_are_encoded_without_a_message_around_them(self) -> None:
        assert EncodedMessage.from_value({"a": 1}).data == b'{"a":1}'
        assert EncodedMessage.from_value([1]).value(list[int]) == [1]
        with pytest.raises(MessageError, match="cannot be written as JSON"):
            EncodedMessage.from_value(object())

    @pytest.mark.parametrize(
        "raw", [b"{}", b'{"data":null,"format":"Json"}', b'{"data":[300],"format":"Json"}', b"no"]
    )
    def test_that_are_no_encoded_message_are_refused(self, raw: bytes) -> None:
        with pytest.raises(MessageError, match="an encoded message"):
            EncodedMessage.from_json(raw)


class TestStreams:
    async def test_are_read_frame_by_frame(self) -> None:
        reader = asyncio.StreamReader()
        sent = [EncodedMessage(b"1"), EncodedMessage(b"\0", EncodingFormat.BINARY)]
        reader.feed_data(b"".join(each.to_frame() for each in sent))
        reader.feed_eof()
        assert [await EncodedMessage.read_from_async(reader) for _ in sent] == sent
        with pytest.raises(EOFError):
            await EncodedMessage.read_from_async(reader)

    @pytest.mark.parametrize(
        ("header", "reason"),
        [
            (b"\0\0\0\1\0", "Invalid format code 0"),
            (b"\xff\xff\xff\xff\1", "4294967295 bytes is over the limit"),
        ],
    )
    async def test_end_at_a_header_that_is_none(self, header: bytes, reason: str) -> None:
        reader = asyncio.StreamReader()
        reader.feed_data(header)
        with pytest.raises(MessageError, match=reason):
            await EncodedMessage.read_from_async(reader)
