"""FastAPI's test client, without its advice on which HTTP library to install."""

from __future__ import annotations

import warnings
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from fastapi import FastAPI
    from fastapi.testclient import TestClient

    from kiket_sdk.sdk import KiketSDK


def test_client(app: FastAPI) -> TestClient:
    """Return a test client; used as a context manager it also runs the application's lifespan."""
    with warnings.catch_warnings():
        # Starlette asks for httpx2 when it finds only httpx, which serves as well here.
        warnings.filterwarnings("ignore", message=r"Using `httpx` with `starlette\.testclient`")
        from fastapi.testclient import TestClient

    return TestClient(app)


def kiket_client_fixture(sdk: KiketSDK) -> TestClient:
    """Return a test client of an extension."""
    return test_client(sdk.app)
