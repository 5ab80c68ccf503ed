"""Runtime tokens for tests, and the key set that they are verified with."""

from __future__ import annotations

import json
import time
import uuid
from datetime import UTC, datetime
from functools import cached_property
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from cryptography.hazmat.primitives.asymmetric.ec import EllipticCurvePrivateKey

TOKEN_LIFE_S: Final = 600


class RuntimeTokens:
    """Mint ES256 runtime tokens (spec §1.8) with a P-256 key that is made for this object.

    `jwks` is what a platform serves at `/.well-known/jwks.json`.
    """

    def __init__(self) -> None:
        self.key_id = f"test-{uuid.uuid4().hex[:12]}"

    @cached_property
    def _key(self) -> EllipticCurvePrivateKey:
        from cryptography.hazmat.primitives.asymmetric import ec

        return ec.generate_private_key(ec.SECP256R1())

    @cached_property
    def jwks(self) -> dict[str, Any]:
        """The key set, as JSON."""
        from jwt.algorithms import ECAlgorithm

        key = json.loads(ECAlgorithm.to_jwk(self._key.public_key()))
        return {"keys": [{**key, "kid": self.key_id, "alg": "ES256", "use": "sig"}]}

    def mint(
        self,
        *,
        scopes: Sequence[str] = ("*",),
        expires_in_s: float = TOKEN_LIFE_S,
        **claims: Any,
    ) -> str:
        """Return a signed token that is good for `expires_in_s` seconds, from now on.

        `claims` are added to the usual ones and win over them; one that is None is left out.
        """
        import jwt

        now_s = time.time()
        usual = {
            "iss": "kiket.dev",
            "sub": "test",
            "iat": int(now_s),
            "exp": int(now_s + expires_in_s),
            "jti": uuid.uuid4().hex,
            "scopes": list(scopes),
        }
        made = {name: claim for name, claim in (usual | claims).items() if claim is not None}
        return jwt.encode(made, self._key, algorithm="ES256", headers={"kid": self.key_id})

    def authentication(
        self, *, scopes: Sequence[str] = ("*",), expires_in_s: float = TOKEN_LIFE_S, **claims: Any
    ) -> Mapping[str, Any]:
        """Return what a payload carries under `authentication`, with a new token."""
        expires_at = datetime.fromtimestamp(int(time.time() + expires_in_s), UTC)
        return {
            "runtime_token": self.mint(scopes=scopes, expires_in_s=expires_in_s, **claims),
            "token_type": "runtime",
            "expires_at": expires_at.isoformat(),
            "scopes": list(scopes),
        }
