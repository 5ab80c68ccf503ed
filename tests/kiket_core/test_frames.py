from __future__ import annotations

import io
import itertools
import tracemalloc

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kiket_core.frames import (
    Format,
    FrameError,
    LengthFrame,
    LengthFrames,
    LineFrames,
    Oversize,
    encode_length,
    encode_line,
)

LIMIT = 8

lines = st.binary(max_size=3 * LIMIT).map(lambda raw: raw.replace(b"\n", b"."))
payloads = st.binary(max_size=LIMIT)


def cut(raw: bytes, places: list[int]) -> list[bytes]:
    """Cut `raw` into reads at the places, in any order."""
    edges = [0, *sorted(place % (len(raw) + 1) for place in places), len(raw)]
    return [raw[start:end] for start, end in itertools.pairwise(edges)]


class TestLineFrames:
    def test_gives_whole_lines_and_keeps_the_rest(self) -> None:
        frames = LineFrames(LIMIT)
        assert frames.feed(b"one\ntw") == [b"one\n"]
        assert frames.feed(b"o\n") == [b"two\n"]
        assert frames.close() is None

    def test_takes_crlf_as_a_line_end(self) -> None:
        frames = LineFrames(LIMIT)
        assert frames.feed(b"one\r") == []
        assert frames.feed(b"\ntwo\r\n") == [b"one\r\n", b"two\r\n"]

    def test_gives_blank_lines(self) -> None:
        assert LineFrames(LIMIT).feed(b"\n\r\na\n") == [b"\n", b"\r\n", b"a\n"]

    @pytest.mark.parametrize("end", [b"\n", b"\r\n"])
    def test_allows_a_line_of_just_the_limit(self, end: bytes) -> None:
        whole = b"x" * LIMIT + end
        assert LineFrames(LIMIT).feed(whole) == [whole]

    def test_reports_an_oversize_line_once_and_goes_on(self) -> None:
        frames = LineFrames(LIMIT)
        assert frames.feed(b"ok\n" + b"x" * 50) == [b"ok\n"]
        assert frames.discarded_bytes == 50
        assert frames.feed(b"x" * 50) == []
        assert frames.feed(b"x\nnext\n") == [Oversize(101), b"next\n"]
        assert frames.discarded_bytes == 0

    def test_hands_over_an_unterminated_rest(self) -> None:
        frames = LineFrames(LIMIT)
        frames.feed(b'{"op"')
        assert frames.close() == b'{"op"'
        assert frames.close() is None

    def test_reports_an_unterminated_oversize_rest(self) -> None:
        frames = LineFrames(LIMIT)
        frames.feed(b"x" * 20)
        assert frames.close() == Oversize(20)

    @given(st.lists(lines, max_size=6), lines, st.lists(st.integers(0, 200), max_size=12))
    def test_gives_the_same_frames_however_the_stream_is_cut(
        self, whole: list[bytes], rest: bytes, places: list[int]
    ) -> None:
        raw = b"".join(line + b"\n" for line in whole) + rest
        at_once, piecewise = LineFrames(LIMIT), LineFrames(LIMIT)
        expected = at_once.feed(raw)
        assert [frame for piece in cut(raw, places) for frame in piecewise.feed(piece)] == expected
        assert piecewise.close() == at_once.close()
        assert len(expected) == len(whole)

    @given(st.lists(lines.filter(lambda line: not line.endswith(b"\r")), max_size=6))
    def test_decodes_what_was_encoded(self, documents: list[bytes]) -> None:
        raw = b"".join(map(encode_line, documents))
        frames = LineFrames(3 * LIMIT).feed(raw)
        assert [bytes(frame)[:-1] for frame in frames] == documents

    @given(st.lists(st.binary(max_size=20), max_size=30))
    def test_never_holds_more_than_the_limit(self, pieces: list[bytes]) -> None:
        frames = LineFrames(LIMIT)
        for piece in pieces:
            frames.feed(piece)
            assert len(frames._rest) <= LIMIT + len(b"\r\n")

    def test_a_line_of_200_mb_costs_no_more_than_the_limit(self) -> None:
        """It is one error, and the line after it is there."""
        limit, piece = 1024 * 1024, b"x" * 65536
        frames = LineFrames(limit)
        tracemalloc.start()
        try:
            got = [frame for _ in range(3200) for frame in frames.feed(piece)]
            got += frames.feed(b"\n" + b'{"op":"next"}\n')
            _, peak_bytes = tracemalloc.get_traced_memory()
        finally:
            tracemalloc.stop()
        assert got == [Oversize(3200 * 65536), b'{"op":"next"}\n']
        assert peak_bytes < 3 * limit

    @given(st.binary(max_size=200), st.lists(st.integers(0, 200), max_size=12))
    def test_takes_garbage_for_lines_and_loses_nothing_within_the_limit(
        self, raw: bytes, places: list[int]
    ) -> None:
        frames = LineFrames(200)
        got = [frame for piece in cut(raw, places) for frame in frames.feed(piece)]
        rest = frames.close()
        assert [*got, *([rest] if rest is not None else [])] == io.BytesIO(raw).readlines()

    def test_takes_binary_text_of_other_encodings_and_marks_as_they_are(self) -> None:
        """What a line means is for its reader; a cut character is whole again in the frame."""
        odd = ["\ufeff{}".encode(), "{}".encode("utf-16-le"), b"\x00\xff\xfe", "é€😀".encode()]
        raw = b"\r\n".join(odd) + b"\n"
        frames = LineFrames(64)
        got = [frame for byte in raw for frame in frames.feed(bytes([byte]))]
        assert got == [b"%s\r\n" % each for each in odd[:-1]] + [odd[-1] + b"\n"]


def test_refuses_to_encode_a_document_of_two_lines() -> None:
    with pytest.raises(FrameError, match=r"^A document with a line feed cannot be framed"):
        encode_line(b"{\n}")


class TestLengthFrames:
    @pytest.mark.parametrize(
        ("hexadecimal", "raw"),
        [
            ("00000012017b226f70223a22686561727462656174227d", b'{"op":"heartbeat"}'),
            ("00000011017b226f70223a2273687574646f776e227d", b'{"op":"shutdown"}'),
        ],
    )
    def test_speaks_the_frames_that_modules_speak(self, hexadecimal: str, raw: bytes) -> None:
        wire = bytes.fromhex(hexadecimal)
        assert encode_length(raw) == wire
        assert LengthFrames(64).feed(wire) == [LengthFrame(Format.JSON, raw)]

    def test_tells_the_format(self) -> None:
        frames = LengthFrames(LIMIT).feed(encode_length(b"e30=", Format.BASE64))
        assert frames == [LengthFrame(Format.BASE64, b"e30=")]

    def test_takes_an_empty_payload(self) -> None:
        assert LengthFrames(LIMIT).feed(encode_length(b"")) == [LengthFrame(Format.JSON, b"")]

    def test_refuses_a_length_before_any_payload_arrives(self) -> None:
        frames = LengthFrames(LIMIT)
        with pytest.raises(FrameError) as refused:
            frames.feed(b"\xff\xff\xff\xff\x01")
        assert str(refused.value) == "A frame of 4294967295 bytes is over the limit of 8 bytes."

    @pytest.mark.parametrize("code", [0, 4, 9, 255])
    def test_refuses_an_unknown_format(self, code: int) -> None:
        with pytest.raises(FrameError) as refused:
            LengthFrames(LIMIT).feed(bytes([0, 0, 0, 1, code]))
        assert str(refused.value) == (
            f"A frame has the unknown format {code}; 1 is JSON, 2 binary, 3 base64."
        )

    def test_hands_over_the_frames_before_a_fault_and_stays_broken(self) -> None:
        frames = LengthFrames(LIMIT)
        with pytest.raises(FrameError) as refused:
            frames.feed(encode_length(b"ok") + b"\x00\x00\x00\x01\x00")
        assert refused.value.frames == (LengthFrame(Format.JSON, b"ok"),)
        with pytest.raises(FrameError, match="unknown format 0"):
            frames.feed(encode_length(b"later"))

    def test_hands_over_an_unfinished_frame(self) -> None:
        frames = LengthFrames(LIMIT)
        assert frames.feed(b"\x00\x00\x00\x05\x01ab") == []
        assert frames.close() == b"\x00\x00\x00\x05\x01ab"
        assert frames.close() is None

    @given(
        st.lists(st.tuples(payloads, st.sampled_from(Format)), max_size=6),
        st.sampled_from([b"", b"\x00\x00", b"\x00\x00\x00\x05\x01abc", b"\x00\x00\x00\x01\x00x"]),
        st.lists(st.integers(0, 200), max_size=12),
    )
    def test_gives_the_same_frames_however_the_stream_is_cut(
        self, sent: list[tuple[bytes, Format]], rest: bytes, places: list[int]
    ) -> None:
        raw = b"".join(encode_length(*frame) for frame in sent) + rest
        expected = [LengthFrame(format_, payload) for payload, format_ in sent]
        frames, got = LengthFrames(LIMIT), []
        try:
            for piece in cut(raw, places):
                got += frames.feed(piece)
        except FrameError as fault:
            got += fault.frames
            assert rest.endswith(b"\x00x")
        assert got == expected

    @pytest.mark.parametrize("length", [2**20 + 1, 2**31, 2**32 - 1])
    def test_waits_for_no_payload_over_the_limit(self, length: int) -> None:
        """Not even while its header drips in; and nothing is set aside for it."""
        frames = LengthFrames(2**20)
        header = length.to_bytes(4, "big") + b"\x01"
        tracemalloc.start()
        try:
            for byte in header[:-1]:
                assert frames.feed(bytes([byte])) == []
            with pytest.raises(FrameError, match=f"A frame of {length} bytes is over the limit"):
                frames.feed(header[-1:])
            _, peak_bytes = tracemalloc.get_traced_memory()
        finally:
            tracemalloc.stop()
        assert peak_bytes < 64 * 1024

    @given(st.binary(max_size=200), st.lists(st.integers(0, 200), max_size=12))
    def test_takes_garbage_for_frames_or_refuses_it_however_it_is_cut(
        self, raw: bytes, places: list[int]
    ) -> None:
        outcomes = []
        for pieces in ([raw], cut(raw, places)):
            frames, got, refusal = LengthFrames(LIMIT), [], ""
            for piece in pieces:
                try:
                    got += frames.feed(piece)
                except FrameError as fault:
                    got += fault.frames
                    refusal = str(fault)
                    break
            outcomes.append((got, refusal))
        assert outcomes[0] == outcomes[1]

    @given(st.lists(st.binary(max_size=20), max_size=30))
    def test_never_holds_more_than_a_frame(self, pieces: list[bytes]) -> None:
        frames = LengthFrames(LIMIT)
        for piece in pieces:
            try:
                frames.feed(piece)
            except FrameError:
                break
            assert len(frames._rest) <= LIMIT + 5
