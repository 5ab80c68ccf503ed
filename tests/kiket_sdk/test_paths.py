"""Names that others chose, as segments of a path."""

from __future__ import annotations

from urllib.parse import unquote

import httpx
import pytest
from hypothesis import given
from hypothesis import strategies as st

from kiket_sdk._paths import platform_path
from kiket_sdk.exceptions import ArgumentError

ROOT = "/api/v1/things"


@given(st.text(st.characters(exclude_categories=["Cs"]), min_size=1))
def test_a_name_is_one_segment_and_comes_back_as_it_was(name: str) -> None:
    """On the wire too: no client or server takes it for a way up, a query or a host."""
    if name in {".", ".."}:
        return
    path = platform_path(ROOT, name)
    url = httpx.URL("https://kiket.dev").join(path)
    assert url.host == "kiket.dev"
    assert not url.query
    raw_path = url.raw_path.decode()
    assert raw_path.startswith(f"{ROOT}/")
    segment = raw_path.removeprefix(f"{ROOT}/")
    assert "/" not in segment
    assert unquote(segment) == name


def test_names_of_extensions_stay_readable() -> None:
    assert platform_path(ROOT, "com.example.crm_1~a-b", 7) == f"{ROOT}/com.example.crm_1~a-b/7"


@pytest.mark.parametrize("name", ["", ".", "..", "\ud800"])
def test_a_name_that_means_another_place_is_refused(name: str) -> None:
    with pytest.raises(ArgumentError, match="cannot be part of a platform path"):
        platform_path(ROOT, "first", name)
