"""Tokens in Flask apps: ask for them, and find their claims at `flask.g.jwt_claims`."""

from __future__ import annotations

import functools
from typing import TYPE_CHECKING, Any, ParamSpec, TypeVar

from pywatt_sdk.security._jwt_requests import get_jwt_claims, validate_jwt_from_headers
from pywatt_sdk.security._jwt_tokens import JwtClaims, JwtConfig, JwtError

if TYPE_CHECKING:
    from collections.abc import Callable

    from flask import Flask

Asked = ParamSpec("Asked")
Answered = TypeVar("Answered")

_CONFIG = "pywatt_jwt"


class FlaskJwtManager:
    """Tokens in a Flask app of one's own.

    jwt = FlaskJwtManager(JwtConfig(secret))
    jwt.init_app(app)

    @app.get("/private")
    @jwt.jwt_required
    def private():
        return {"sub": jwt.get_jwt_claims()["sub"]}
    """

    def __init__(self, config: JwtConfig, app: Flask | None = None) -> None:
        self._config = config
        if app is not None:
            self.init_app(app)

    def init_app(self, app: Flask) -> None:
        """Answer 401 in `app` where a token is missing or does not count."""
        app.extensions[_CONFIG] = self._config
        app.register_error_handler(JwtError, _refusal)

    def jwt_required(self, view: Callable[Asked, Answered]) -> Callable[Asked, Answered]:
        """Ask for a token before `view` is called; its claims are at `flask.g.jwt_claims`."""

        @functools.wraps(view)
        def guarded(*args: Asked.args, **kwargs: Asked.kwargs) -> Answered:
            from flask import g, request

            if get_jwt_claims() is None:
                g.jwt_claims = validate_jwt_from_headers(list(request.headers), self._config)
            return view(*args, **kwargs)

        return guarded

    def get_jwt_claims(self) -> JwtClaims | None:
        """Return the claims of the request that is being handled, or None."""
        return get_jwt_claims()


def give_claims(app: Flask) -> None:
    """Put the claims of tokens that the SDK has checked at `flask.g.jwt_claims` in `app`."""
    hooks = app.before_request_funcs.setdefault(None, [])
    if _remember not in hooks:
        hooks.insert(0, _remember)


def _remember() -> None:
    from flask import g

    claims = get_jwt_claims()
    if claims is not None:
        g.jwt_claims = claims


def _refusal(error: JwtError) -> Any:
    from flask import jsonify

    answer = jsonify({"error": str(error)})
    answer.status_code = error.status_code
    answer.headers["WWW-Authenticate"] = error.challenge
    return answer
