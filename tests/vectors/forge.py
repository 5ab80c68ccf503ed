"""Put tokens together from RFC 7515 and RFC 7518 with nothing but an elliptic curve.

No library that judges them makes them. Keys and signatures (RFC 6979) are the same each time.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
from typing import Any

from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.asymmetric.utils import decode_dss_signature

NOW = 1_767_225_600
"""2026-01-01T00:00:00Z."""
ORDER = 0xFFFFFFFF00000000FFFFFFFFFFFFFFFFBCE6FAADA7179E84F3B9CAC2FC632551
"""Of P-256: SEC 2, §2.4.2."""
EXTENSION = "com.example.marketing"
BODY = b'{"issue":{"title":"\xc5\x81\xc3\xb3d\xc5\xba"}}'

KEYS = {name: ec.derive_private_key(number, ec.SECP256R1()) for name, number in {
    "main": 1_000_003, "next": 2_000_003, "stranger": 3_000_017,
}.items()}  # fmt: skip

HEADER = {"alg": "ES256", "typ": "JWT", "kid": "main"}
SHORT = {"iss": "kiket.dev", "iat": NOW, "exp": NOW + 600}
FULL = {
    "sub": "installation:7",
    "org_id": 12,
    "ext_id": EXTENSION,
    "proj_id": 27,
    "pi_id": 7,
    "scopes": ["issues.read", "issues.write"],
    "src": "platform",
    "jti": "dlv_1.aa",
    **SHORT,
}


def b64(raw: bytes) -> str:
    """Return base64url without padding."""
    return base64.urlsafe_b64encode(raw).rstrip(b"=").decode()


def text(document: Any) -> bytes:
    """Return compact JSON; bytes are JSON already."""
    if isinstance(document, bytes):
        return document
    return json.dumps(document, separators=(",", ":")).encode()


def numbers(signed: str, key: str = "main") -> tuple[int, int]:
    """Return the r and s of a signature."""
    how = ec.ECDSA(hashes.SHA256(), deterministic_signing=True)
    return decode_dss_signature(KEYS[key].sign(signed.encode(), how))


def raw(r: int, s: int) -> bytes:
    """Return r and s as a JWS has them (RFC 7518 §3.4)."""
    return r.to_bytes(32, "big") + s.to_bytes(32, "big")


def unsigned(claims: Any = FULL, header: Any = HEADER) -> str:
    """Return the first two parts."""
    return f"{b64(text(header))}.{b64(text(claims))}"


def token(claims: Any = FULL, header: Any = HEADER, key: str = "main") -> str:
    """Return a signed token."""
    signed = unsigned(claims, header)
    return f"{signed}.{b64(raw(*numbers(signed, key)))}"


def headed(**members: Any) -> str:
    """Return a good token whose header has other members."""
    return token(header={name: value for name, value in {**HEADER, **members}.items() if value})


def claiming(**members: Any) -> str:
    """Return a good token whose claims differ; None leaves one out."""
    return token({name: it for name, it in {**FULL, **members}.items() if it is not None})


def jwk(name: str, **members: Any) -> dict[str, Any]:
    """Return a public key as a platform shows it."""
    point = KEYS[name].public_key().public_numbers()
    x, y = (b64(number.to_bytes(32, "big")) for number in (point.x, point.y))
    document = {"kty": "EC", "crv": "P-256", "x": x, "y": y, "kid": name, "alg": "ES256"}
    return {k: v for k, v in {**document, "use": "sig", **members}.items() if v is not None}


JWKS = {"keys": [jwk("main"), jwk("next")]}


def hashed(alg_key: bytes, algorithm: str = "HS256") -> str:
    """Return a token whose MAC is made with public bytes (CVE-2016-10555)."""
    signed = unsigned(header={**HEADER, "alg": algorithm})
    return f"{signed}.{b64(hmac.digest(alg_key, signed.encode(), 'sha256'))}"


def signature(raw_signature: bytes) -> str:
    """Return a good token with another signature."""
    return f"{unsigned()}.{b64(raw_signature)}"


def loosely(part: str) -> str:
    """Return base64url of the same bytes whose last character has unused bits set."""
    alphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"
    return part[:-1] + alphabet[alphabet.index(part[-1]) + 1]


def escaped(word: str) -> str:
    """Return a JSON text in which each character is an escape."""
    return '"' + "".join(f"\\u{ord(letter):04x}" for letter in word) + '"'


def altered(claims: dict[str, Any]) -> str:
    """Return a token whose claims are not what was signed."""
    header, _, mac = token().split(".")
    return f"{header}.{b64(text(claims))}.{mac}"


def body_hash(raw_body: bytes) -> str:
    """Return what `bh` holds."""
    return b64(hashlib.sha256(raw_body).digest())


def carried(name: str) -> tuple[str, bytes]:
    """Return a token and the body that carries it, whose hash it holds."""
    empty = b'{"authentication":{"runtime_token":""}}'
    made = claiming(**{name: body_hash(empty)})
    return made, empty.replace(b'""', f'"{made}"'.encode())


def pem() -> bytes:
    """Return the public key as PEM."""
    return (
        KEYS["main"]
        .public_key()
        .public_bytes(serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo)
    )


def der() -> bytes:
    """Return a good signature in DER, which a JWS does not have."""
    how = ec.ECDSA(hashes.SHA256(), deterministic_signing=True)
    return KEYS["main"].sign(unsigned().encode(), how)
