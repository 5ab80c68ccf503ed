"""Runtime tokens: who a delivery's handler is when it calls the platform back.

A token is a JWT (RFC 7519) signed with ES256 by the project's own P-256 key, with the claims of
spec/kiket-and-kindo.md §2.5-4. It has no `aud`: the newest SDK of the original refuses one. Its
`jti` names the delivery that it was made for, so that a call is told apart from any other.
"""

from __future__ import annotations

import base64
import hashlib
import json
import os
import secrets
import stat
import threading
import time
from datetime import UTC, datetime
from functools import cached_property
from typing import TYPE_CHECKING, Any, Final, NotRequired, TypedDict, Unpack

from msgspec import Struct

from kiket_console.errors import ConsoleError
from kiket_console.private_file import write_private

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence
    from pathlib import Path

    from cryptography.hazmat.primitives.asymmetric.ec import EllipticCurvePrivateKey

    from kiket_sdk._tokens import PublicKey

ALGORITHM: Final = "ES256"
ISSUER: Final = "kiket.dev"
HEADER: Final = "X-Kiket-Runtime-Token"
LIFETIME_S: Final = 600
INSTALLATION_ID: Final = 1
"""The project installation: this console knows one."""
_SEPARATOR: Final = "."


class Holder(TypedDict):
    """Whom a token is made for."""

    worker: str
    extension_id: str
    scopes: Sequence[str]
    """`*` grants all."""
    delivery_id: str
    """As in `X-Kiket-Delivery`."""
    organization_id: int | str
    project_id: int | str
    body_hash: NotRequired[str]
    """Claim `bh`, which ties the token to its body (`kiket_sdk._tokens.body_hash`)."""


class TokenError(Exception):
    """A runtime token that is one of ours and no longer good; the text says why."""


class Claims(Struct, frozen=True):
    """What a good token says."""

    extension_id: str
    worker: str
    scopes: tuple[str, ...]
    delivery_id: str
    """Of the delivery whose handler was given it (`X-Kiket-Delivery`)."""
    expires_s: int
    """Unix seconds."""


class RuntimeTokens:
    """Mint and read the tokens of one project.

    The private key is in *file* (PEM, mode 0600), made when it is first needed. That and the
    libraries take a tenth of a second: `load` does it ahead of time, in any thread.
    """

    def __init__(self, file: Path, now_s: Callable[[], float] = time.time) -> None:
        self._file = file
        self._now_s = now_s
        self._opening = threading.Lock()
        self._opened: EllipticCurvePrivateKey | None = None

    def load(self) -> None:
        """Have the key ready. Raises `ConsoleError` when it can neither be read nor made."""
        import jwt  # noqa: F401 - loading it is the purpose

        _ = self.jwks()

    def mint(self, *, lifetime_s: int = LIFETIME_S, **holder: Unpack[Holder]) -> str:
        """Return a new token for one attempt at a delivery; each has a `jti` of its own.

        *lifetime_s* may be negative, for a token that is over when it arrives.
        """
        import jwt

        now_s = int(self._now_s())
        issued_s = min(now_s, now_s + lifetime_s - 1)
        claims = {
            "iss": ISSUER,
            "sub": holder["worker"],
            "org_id": holder["organization_id"],
            "ext_id": holder["extension_id"],
            "proj_id": holder["project_id"],
            "pi_id": INSTALLATION_ID,
            "scopes": list(holder["scopes"]),
            "src": "kiket-console",
            "iat": issued_s,
            "exp": now_s + lifetime_s,
            "jti": f"{holder['delivery_id']}{_SEPARATOR}{secrets.token_hex(8)}",
        }
        if "body_hash" in holder:
            claims["bh"] = holder["body_hash"]
        return jwt.encode(claims, self._key, ALGORITHM, headers={"kid": self.key_id})

    def authentication(
        self,
        raw_with: Callable[[Mapping[str, Any]], bytes] | None = None,
        *,
        lifetime_s: int = LIFETIME_S,
        **holder: Unpack[Holder],
    ) -> dict[str, Any]:
        """Return what a delivery's payload has as `authentication` (§1.9), with a new token.

        *raw_with* gives the body with this in it, the token still blank: the token is then good
        for that body alone.
        """
        expires = datetime.fromtimestamp(int(self._now_s()) + lifetime_s, UTC)
        said: dict[str, Any] = {
            "runtime_token": "",
            "token_type": "runtime",
            "expires_at": expires.isoformat(),
            "scopes": list(holder["scopes"]),
        }
        if raw_with is not None:
            from kiket_sdk._tokens import body_hash

            holder["body_hash"] = body_hash(raw_with(said), "")
        said["runtime_token"] = self.mint(lifetime_s=lifetime_s, **holder)
        return said

    def jwks(self) -> dict[str, Any]:
        """Return the public key as a JWK set (RFC 7517), as `/.well-known/jwks.json` serves it."""
        use = {"kid": self.key_id, "alg": ALGORITHM, "use": "sig"}
        return {"keys": [{**self._public, **use}]}

    @cached_property
    def key_id(self) -> str:
        """The key's id: its thumbprint (RFC 7638)."""
        required = json.dumps(self._public, separators=(",", ":"), sort_keys=True)
        return _base64url(hashlib.sha256(required.encode()).digest())

    def read(self, token: str) -> Claims | None:
        """Return what a token of ours says; None for any other text.

        Raises `TokenError` for one that is ours and over.
        """
        if token.count(".") != 2:
            return None
        from kiket_sdk import _tokens

        verdict = _tokens.judge(token, self._served, now=self._now_s())
        if verdict.reason is _tokens.TokenReason.EXPIRED:
            raise TokenError(verdict.sentence)
        said = verdict.claims
        if not verdict.ok or said is None:
            return None
        return Claims(
            extension_id=str(said.ext_id),
            worker=said.sub,
            scopes=tuple(said.scopes or ()),
            delivery_id=said.jti.rpartition(_SEPARATOR)[0],
            expires_s=int(said.exp),
        )

    @cached_property
    def _served(self) -> Mapping[str, PublicKey]:
        from kiket_sdk import _tokens

        return _tokens.public_keys(self.jwks())

    @cached_property
    def _public(self) -> dict[str, str]:
        numbers = self._key.public_key().public_numbers()
        x, y = (_base64url(number.to_bytes(32, "big")) for number in (numbers.x, numbers.y))
        return {"crv": "P-256", "kty": "EC", "x": x, "y": y}

    @property
    def _key(self) -> EllipticCurvePrivateKey:
        with self._opening:  # two threads that both made one would have two
            if self._opened is None:
                self._opened = self._open()
            return self._opened

    def _open(self) -> EllipticCurvePrivateKey:
        from cryptography.hazmat.primitives import serialization
        from cryptography.hazmat.primitives.asymmetric import ec

        try:
            raw = _read_private(self._file)
            key = serialization.load_pem_private_key(raw, None)
        except FileNotFoundError:
            made = ec.generate_private_key(ec.SECP256R1())
            write_private(
                self._file,
                made.private_bytes(
                    serialization.Encoding.PEM,
                    serialization.PrivateFormat.PKCS8,
                    serialization.NoEncryption(),
                ),
            )
            return made
        except (OSError, ValueError, TypeError) as error:
            raise self._unusable(type(error).__name__) from error
        if not isinstance(key, ec.EllipticCurvePrivateKey) or key.curve.name != "secp256r1":
            raise self._unusable("it is no P-256 key")
        return key

    def _unusable(self, reason: str) -> ConsoleError:
        return ConsoleError(
            f"The key of runtime tokens in {self._file} cannot be used: {reason}.",
            hint="Remove the file; a new key is made, and tokens given out before end with it.",
        )


def _read_private(file: Path) -> bytes:
    """Return what is in *file*, once nobody else may read it."""
    number = os.open(file, os.O_RDONLY | os.O_NOFOLLOW | os.O_CLOEXEC)
    with os.fdopen(number, "rb") as opened:
        if stat.S_IMODE(os.fstat(number).st_mode) != 0o600:
            os.fchmod(number, 0o600)
        return opened.read(16 * 1024)


def _base64url(raw: bytes) -> str:
    return base64.urlsafe_b64encode(raw).rstrip(b"=").decode()
