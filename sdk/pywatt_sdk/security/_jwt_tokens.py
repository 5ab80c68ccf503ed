"""Make and check JSON Web Tokens (RFC 7519). They must have `exp`, and must not be over."""

from __future__ import annotations

import base64
import contextlib
import logging
import os
import re
import time
import warnings
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Final, TypeVar, overload

from kiket_core import plain_json
from kiket_core.secret import Secret, redactor
from pywatt_sdk.core.error import ConfigError, PyWattSDKError

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

Claims = TypeVar("Claims")
Key = str | Secret | Callable[[], str]

ENV_NAMES: Final = ("JWT_SECRET", "PYWATT_JWT_SECRET")
SHORTEST_SECRET_BYTES: Final = {"HS256": 32, "HS384": 48, "HS512": 64}
"""How long a shared secret has to be at least: as long as the hash (RFC 7518 §3.2)."""
TOKEN_BYTES: Final = 8 * 1024

_COMPACT: Final = re.compile(r"[\w-]+\.[\w-]+\.[\w-]*", re.ASCII)  # RFC 7515 §7.1
_NAME: Final = re.compile(r"[A-Z][A-Z0-9_]{0,30}")
"""What is rather the name of a secret than a secret, which is longer, or of more than capitals."""
_WITH_SECRET: Final = frozenset(SHORTEST_SECRET_BYTES)
_WITH_KEY_PAIR: Final = frozenset(
    {"RS256", "RS384", "RS512", "PS256", "PS384", "PS512", "ES256", "ES384", "ES512", "EdDSA"}
)
_log = logging.getLogger("pywatt_sdk.jwt")


class JwtError(PyWattSDKError):
    """A token that is missing, or does not count for a `reason`; safe to show to who sent it."""

    status_code: Final = 401

    def __init__(self, reason: str = "") -> None:
        super().__init__(f"Unauthorized: {reason}" if reason else "Missing Authorization header")
        self.reason = reason

    @property
    def challenge(self) -> str:
        """The WWW-Authenticate header of the answer (RFC 6750 §3)."""
        return 'Bearer error="invalid_token"' if self.reason else "Bearer"


class JwtClaims(dict[str, Any]):
    """The claims of a token that counts: a dict, with the registered ones as attributes."""

    @property
    def sub(self) -> str | None:
        """Whom the token is about."""
        return self.get("sub")

    @property
    def iss(self) -> str | None:
        """Who issued it."""
        return self.get("iss")

    @property
    def aud(self) -> str | list[str] | None:
        """Whom it is for."""
        return self.get("aud")

    @property
    def exp(self) -> int | None:
        """When it ends: seconds since 1970 (UTC)."""
        return self.get("exp")

    @property
    def iat(self) -> int | None:
        """When it was issued: seconds since 1970 (UTC)."""
        return self.get("iat")


@dataclass(frozen=True)
class JwtConfig:
    """How tokens are checked and made.

    `secret_key` is the shared secret of HS256, HS384 and HS512, or for the algorithms with a key
    pair the PEM text of the key; a function is asked each time, and so follows a rotation.
    Audience and issuer are checked where they are given. A secret that is shorter than the hash
    is warned of, and refused when `strict`.

    Raises:
        ConfigError: if the algorithm is unknown, what is to be verified is not given, or the
            secret is empty, or too short for `strict`.
    """

    secret_key: Key = field(repr=False)
    algorithm: str = "HS256"
    verify_exp: bool = True
    verify_aud: bool | None = None
    verify_iss: bool | None = None
    audience: str | Sequence[str] | None = None
    issuer: str | None = None
    leeway_s: float = 0.0
    """By how much clocks may differ: seconds."""
    strict: bool = False

    def __post_init__(self) -> None:
        if self.algorithm not in _WITH_SECRET | _WITH_KEY_PAIR:
            raise ConfigError(
                f"the JWT algorithm {self.algorithm!r} is not one of "
                f"{', '.join(sorted(_WITH_SECRET | _WITH_KEY_PAIR))}"
            )
        for wanted, value, name in (
            (self.verify_aud, self.audience, "audience"),
            (self.verify_iss, self.issuer, "issuer"),
        ):
            if wanted and not value:
                raise ConfigError(f"a JWT's {name} cannot be verified; give JwtConfig({name}=…)")
        if not callable(self.secret_key):
            self.check()
        key = self.secret_key
        if isinstance(key, str) and (self.algorithm in _WITH_SECRET or "PRIVATE KEY" in key):
            redactor.add("JWT_SECRET", key)

    def key(self) -> str:
        """Return the key as it is now.

        Raises:
            ConfigError: if there is none.
        """
        key = self.secret_key
        value = key.reveal() if isinstance(key, Secret) else key() if callable(key) else key
        if not value:
            raise ConfigError("the JWT secret is empty; give one, or set JWT_SECRET")
        return value

    @property
    def is_short(self) -> bool:
        """Tell whether the secret can be guessed more easily than the hash."""
        return len(self.key().encode()) < SHORTEST_SECRET_BYTES.get(self.algorithm, 0)

    def check(self) -> None:
        """Warn of a secret that is too short.

        Raises:
            ConfigError: if there is none, or it is too short and this is `strict`.
        """
        if not self.is_short:
            return
        sentence = (
            f"the JWT secret has {len(self.key().encode())} bytes, and {self.algorithm} needs "
            f"{SHORTEST_SECRET_BYTES[self.algorithm]} (RFC 7518 §3.2); make one with: "
            "python -c 'import secrets; print(secrets.token_urlsafe(48))'"
        )
        if self.strict:
            raise ConfigError(sentence)
        _log.warning("%s%s.", sentence[0].upper(), sentence[1:])


def module_jwt(
    given: str | Secret | JwtConfig | None, secret: Callable[[str], str | None]
) -> JwtConfig | None:
    """Return how a module checks tokens, by its `jwt_secret`.

    A text is the secret, or the name of one that `secret` knows: that one is asked for each time,
    because it may be rotated. Without a text it is the secret JWT_SECRET if the module has it, or
    what the environment has under that name; None if there is neither.

    Raises:
        ConfigError: if the secret is empty, or is the name of one that is not known: whoever reads
            the code could sign tokens with a name.
    """
    if given is None:
        given = next((name for name in ENV_NAMES if secret(name)), None)
    if given is None:
        value = get_jwt_secret_from_env()
        return None if value is None else JwtConfig(value)
    if isinstance(given, JwtConfig):
        return given
    if isinstance(given, Secret) or secret(given) is None:
        if isinstance(given, Secret) or not _NAME.fullmatch(given):
            return JwtConfig(given)
        raise ConfigError(
            f"jwt_secret={given!r} reads as the name of a secret, which this module does not have; "
            f"give it secrets=[{given!r}] too, or the secret itself"
        )
    name = given
    config = JwtConfig(lambda: secret(name) or "")
    config.check()
    return config


class JwtValidator:
    """Check tokens by one configuration."""

    def __init__(self, config: JwtConfig) -> None:
        self.config = config

    @overload
    def validate_token(self, token: str) -> JwtClaims: ...
    @overload
    def validate_token(self, token: str, claims_type: type[Claims]) -> Claims: ...

    def validate_token(self, token: str, claims_type: type[Any] = JwtClaims) -> Any:
        """Return the claims of a token: as a dict, or as a dataclass, msgspec or pydantic model.

        Raises:
            JwtError: if the token does not count, or has not the claims of that type. The text
                names the reason by one word, and nothing of the token.
            ConfigError: if there is no key to check it with.
        """
        claims = self._checked(token)
        if claims_type in (JwtClaims, dict):
            return JwtClaims(claims)
        try:
            if hasattr(claims_type, "model_validate"):
                return claims_type.model_validate(claims)
            import msgspec

            return msgspec.convert(claims, claims_type)
        except ValueError:  # its text may quote the token
            raise JwtError("InvalidClaims") from None

    def extract_token_from_header(self, header: str | None) -> str:
        """Return the token of an Authorization header; see `token_of`."""
        return token_of(header)

    def _checked(self, token: str) -> dict[str, Any]:
        import jwt

        config = self.config
        if len(token) > TOKEN_BYTES or not _COMPACT.fullmatch(token) or not _is_plain(token):
            raise JwtError("InvalidToken")
        try:
            with _no_second_warning(config):
                claims: dict[str, Any] = jwt.decode(
                    token,
                    config.key(),
                    algorithms=[config.algorithm],
                    audience=config.audience,
                    issuer=config.issuer,
                    leeway=config.leeway_s,
                    options={
                        "require": ["exp"] if config.verify_exp else [],
                        "verify_exp": config.verify_exp,
                        "verify_aud": config.audience is not None
                        and config.verify_aud is not False,
                        "verify_iss": config.issuer is not None and config.verify_iss is not False,
                    },
                )
        except jwt.MissingRequiredClaimError as error:
            raise JwtError(f"Missing required claim: {error.claim}") from None
        except jwt.PyJWTError as error:
            raise JwtError(_REASONS.get(type(error).__name__, "InvalidToken")) from None
        times = ("exp", "iat", "nbf") if config.verify_exp else ("iat", "nbf")
        if any(type(claims[name]) is not int for name in times if name in claims):
            raise JwtError("InvalidToken")
        return claims


def _is_plain(token: str) -> bool:
    """Tell whether every reader reads a token alike: JSON without NaN and without a key twice."""
    try:
        for part in token.split(".")[:2]:
            raw = base64.urlsafe_b64decode(part + "=" * (-len(part) % 4))
            plain_json.read(raw)
    except (ValueError, RecursionError):
        return False
    return True


_REASONS: Final = {
    "InvalidSignatureError": "InvalidSignature",
    "InvalidAlgorithmError": "InvalidAlgorithm",
    "ExpiredSignatureError": "ExpiredSignature",
    "ImmatureSignatureError": "ImmatureSignature",
    "InvalidAudienceError": "InvalidAudience",
    "InvalidIssuerError": "InvalidIssuer",
}
"""What is told of a failure, by the words of the Rust SDK (wire specification §7)."""


def create_jwt_token(
    claims: Mapping[str, Any], config: JwtConfig, *, expires_in_s: int = 3600
) -> str:
    """Sign claims; `iat` is added, and `exp` unless the claims have one.

    Raises:
        ConfigError: if there is no key, or one that does not fit the algorithm.
    """
    import jwt

    now = int(time.time())
    complete = {"iat": now, "exp": now + expires_in_s, **claims}
    try:
        with _no_second_warning(config):
            return jwt.encode(complete, config.key(), algorithm=config.algorithm)
    except jwt.InvalidKeyError as error:
        raise ConfigError(f"the JWT key does not fit {config.algorithm}") from error


def validate_jwt_token(token: str, config: JwtConfig, claims_type: type[Any] = JwtClaims) -> Any:
    """Return the claims of a token; see `JwtValidator.validate_token`."""
    return JwtValidator(config).validate_token(token, claims_type)


def token_of(header: str | None) -> str:
    """Return the token of an `Authorization: Bearer …` header.

    Raises:
        JwtError: if there is none; "Bearer" is in exactly this case, with one space after it
            (wire specification §7).
    """
    if not header or not header.startswith("Bearer "):
        raise JwtError
    token = header.removeprefix("Bearer ")
    if not token or token != token.strip():
        raise JwtError
    return token


def get_jwt_secret_from_env() -> str | None:
    """Return the secret that JWT_SECRET, or else PYWATT_JWT_SECRET, has in the environment."""
    return next((value for name in ENV_NAMES if (value := os.environ.get(name))), None)


@contextlib.contextmanager
def _no_second_warning(config: JwtConfig) -> Iterator[None]:
    """Keep PyJWT from telling of a short secret at each token: we have told of it."""
    if not config.is_short:
        yield
        return
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", message=".*key is .* long")
        yield
