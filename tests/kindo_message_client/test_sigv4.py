"""The signer signs as botocore does, which is what AWS signs."""

import random
import threading
from datetime import UTC, datetime
from urllib.parse import urlsplit

import botocore.auth
import httpx
import pytest
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials

from kindo_message_client._sigv4 import Signer, wire_url

FUNCTION = "https://abc.lambda-url.ap-southeast-2.on.aws/"
NOW_S = 1_795_312_800.0  # 2026-11-22T02:00:00Z
SECRET = "wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY"

HOSTS = [
    "abc.lambda-url.ap-southeast-2.on.aws",
    "ABC.Lambda-URL.us-east-1.on.aws:443",
    "localhost:8080",
    "127.0.0.1:80",
    "[::1]:7000",
    "bücher.example",
]
STEPS = [
    "",
    "a",
    "a b",
    "é",
    "%20",
    "%zz",
    ".",
    "..",
    "a+b",
    "~x",
    "日本",
    "c:d@e",
    "q'\"",
    "%C3%A9",
    "…",
]
QUERIES = [
    "",
    "?",
    "?a",
    "?b=2&a=1",
    "?a=2&a=1&a",
    "?q=%20é",
    "?x=a+b&=y",
    "?k=v=w&k=[1]",
    "?~=%7e",
]
BODIES = [b"", b"{}", '{"name": "Zoë 日本"}'.encode(), bytes(range(256)), b"x" * 4096]


def by_botocore(signer: Signer, body: bytes, now_s: float, token: str) -> dict[str, str]:
    """Return the headers that botocore sends for what *signer* signs."""
    request = AWSRequest(
        "POST", signer.url, data=body, headers={"Content-Type": "application/json"}
    )
    credentials = Credentials(signer.access_key, SECRET, token or None)
    botocore.auth.SigV4Auth(credentials, signer.service, signer.region).add_auth(request)
    return dict(request.headers)


def test_a_thousand_random_requests_are_signed_byte_for_byte_as_botocore_signs_them(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    some = random.Random(7)  # noqa: S311  # the same each time
    now = datetime.fromtimestamp(NOW_S, UTC)
    monkeypatch.setattr(botocore.auth, "get_current_datetime", lambda *_: now)
    for _ in range(100):
        path = "/".join(["", *some.choices(STEPS, k=some.randrange(4))])
        url = f"{some.choice(['http', 'https'])}://{some.choice(HOSTS)}{path}{some.choice(QUERIES)}"
        token = some.choice(["", "", "IQoJb3JpZ2luX2VjE//" + "t/+=" * some.randrange(300)])
        region = some.choice(["ap-southeast-2", "us-gov-west-1", "x"])
        signer = Signer(url, region, some.choice(["lambda", "execute-api"]), "AKIAX", SECRET, token)
        for _ in range(10):
            now = datetime.fromtimestamp(some.randrange(4_000_000_000), UTC)
            body = some.choice(BODIES) + some.randbytes(some.randrange(40))
            theirs = by_botocore(signer, body, now.timestamp(), token)
            assert signer.sign(body, now.timestamp()) == theirs, (url, now, body)


def test_what_is_described_is_what_is_signed_but_for_the_token(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    seen: list[str] = []
    canonical_request = botocore.auth.SigV4Auth.canonical_request

    def noted(self: botocore.auth.SigV4Auth, request: AWSRequest) -> str:
        seen.append(canonical_request(self, request))
        return seen[-1]

    monkeypatch.setattr(botocore.auth.SigV4Auth, "canonical_request", noted)
    monkeypatch.setattr(
        botocore.auth, "get_current_datetime", lambda *_: datetime.fromtimestamp(NOW_S, UTC)
    )
    for token in ("", "session/token+="):
        signer = Signer(f"{FUNCTION}a%20b?b=1&a=2", "r", "lambda", "AKIAX", SECRET, token)
        headers = by_botocore(signer, b"{}", NOW_S, token)
        described = signer.describe(b"{}", NOW_S)
        assert described.headers == headers == signer.sign(b"{}", NOW_S)
        assert described.canonical_request == seen[-1].replace(
            f"token:{token}", "token:[redacted]" if token else f"token:{token}"
        )
        assert described.at == "20261122T020000Z"
        assert described.has_token == bool(token)
    assert "session/token" not in repr(described)


def test_a_url_goes_over_the_wire_as_it_was_signed() -> None:
    for host in HOSTS:
        for step in STEPS:
            for query in QUERIES:
                url = wire_url(f"https://{host}/{step}/x{query}")
                parts = urlsplit(url)
                target = parts.path + (f"?{parts.query}" if parts.query else "")
                assert wire_url(url) == url
                assert url.isascii()
                assert httpx.URL(url).raw_path.decode() == target


@pytest.mark.parametrize(
    ("given", "on_the_wire"),
    [
        ("https://Host.Example", "https://host.example/"),
        ("https://h.example:443/a", "https://h.example/a"),
        ("http://h.example:443/a", "http://h.example:443/a"),
        ("https://h.example/a/../b/./c/..", "https://h.example/b/"),
        ("https://h.example/../..", "https://h.example/"),
        ("https://h.example/a//b/", "https://h.example/a//b/"),
        ("https://h.example/50%/é%20 x", "https://h.example/50%25/%C3%A9%20%20x"),
        ("https://h.example/?q=ä#part", "https://h.example/?q=%C3%A4"),
        ("https://bücher.example/", "https://xn--bcher-kva.example/"),
        ("http://[::1]:80/", "http://[::1]/"),
    ],
)
def test_a_url_is_written_in_one_way(given: str, on_the_wire: str) -> None:
    assert wire_url(given) == on_the_wire


@pytest.mark.parametrize("url", ["", "https://", "/path", "https://h:port/", "https://h:99999/"])
def test_what_is_no_url_is_refused(url: str) -> None:
    with pytest.raises(ValueError, match=r"URL|[Pp]ort"):
        wire_url(url)


def test_threads_that_sign_at_once_across_midnight_sign_what_one_alone_would() -> None:
    midnight_s = 1_795_305_600
    signer = Signer(FUNCTION, "r", "lambda", "AKIAX", SECRET)
    expected = {
        second: Signer(FUNCTION, "r", "lambda", "AKIAX", SECRET).sign(b"{}", second)
        for second in range(midnight_s - 3, midnight_s + 3)
    }
    wrong: list[int] = []
    begin = threading.Barrier(4)

    def sign() -> None:
        begin.wait()
        for _ in range(100):
            wrong.extend(s for s, headers in expected.items() if signer.sign(b"{}", s) != headers)

    threads = [threading.Thread(target=sign) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not wrong
