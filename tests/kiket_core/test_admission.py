from __future__ import annotations

import pytest

from kiket_core._admission import LOOPBACK, Admission, Limits


@pytest.mark.parametrize(
    ("headers", "sentence"),
    [
        (
            [(b"content-length", b"2"), (b"transfer-encoding", b"chunked")],
            "Content-Length and Transfer-Encoding may not stand together.",
        ),
        ([(b"content-length", b"+5")], "The Content-Length '+5' is not a number of bytes."),
        ([(b"content-length", b"5,5")], "The Content-Length '5,5' is not a number of bytes."),
        (
            [(b"content-length", b"5"), (b"content-length", b"5")],
            "The header 'content-length' is repeated; send it once.",
        ),
        (
            [(b"transfer-encoding", b"xchunked")],
            "The Transfer-Encoding 'xchunked' is not 'chunked'.",
        ),
    ],
)
def test_judges_framing_by_itself(headers: list[tuple[bytes, bytes]], sentence: str) -> None:
    """The parser refuses most of these first; the rules must hold whatever the parser does."""
    admission = Admission(Limits(), LOOPBACK, allow_cross_site=False)
    headers = [(b"host", b"localhost"), *headers]
    refusal = admission.refusal(b"/", "1.1", headers, dict(headers))
    assert refusal == (400, sentence)
