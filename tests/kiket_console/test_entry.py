"""An entry is guessed by reading the source; none of it runs."""

from __future__ import annotations

import ast
import time
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING
from unittest import mock

import pytest

from kiket_console import entry
from kiket_console.entry import guess, parsed

if TYPE_CHECKING:
    from pathlib import Path

RAN = "raise SystemExit('the project ran')\n"
SDK = "from kiket_sdk import KiketSDK\n"


@pytest.mark.parametrize(
    ("source", "spec", "is_sdk"),
    [
        (f"{SDK}sdk = KiketSDK()\n", "main:sdk", True),
        (f"{SDK}extension: KiketSDK = KiketSDK(\n    base_url='x',\n)\n", "main:extension", True),
        ("from kiket_sdk import KiketSDK as K\nmy = K()\n", "main:my", True),
        ("import kiket_sdk\nk = kiket_sdk.KiketSDK()\n", "main:k", True),
        (f"{SDK}app = make()\nif True:\n    sdk = KiketSDK()\n", "main:sdk", True),
        (f"{SDK}def make():\n    sdk = KiketSDK()\napp = 1\n", "main:app", False),
        ("from fastapi import FastAPI\napi = FastAPI()\n", "main:api", False),
        ("async def web(scope, receive, send):\n    pass\n", "main:web", False),
        ("class Sdk: ...\n", None, False),
        ("", None, False),
        (f"{SDK}shop = KiketSDK()\ndef broken(:\n", "main:shop", True),
        ("def broken(:\n", "main:sdk", True),
        (f"{SDK}deep = KiketSDK()\nx = {'-' * 100_000}1  # (:\n", "main:deep", True),
        ("x = 'KiketSDK()'\n", None, False),
    ],
)
def test_which_object_it_is(own_places: Path, source: str, spec: str | None, is_sdk: bool) -> None:
    (own_places / "main.py").write_text(source if "(:" in source else RAN + source)
    found = guess(own_places)
    assert (found.spec if found else None) == spec
    assert found is None or found.is_sdk == is_sdk


def test_a_kiket_sdk_anywhere_comes_before_another_app(own_places: Path) -> None:
    (own_places / "main.py").write_text("app = 1\n")
    (own_places / "extension.py").write_text(f"{SDK}sdk = KiketSDK()\n")
    found = guess(own_places)
    assert found is not None
    assert found.spec == "extension:sdk"


def test_a_file_is_parsed_anew_only_when_it_is_another(
    own_places: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Which is what a save of any other file asks for."""
    parsing = mock.Mock(side_effect=parsed)
    monkeypatch.setattr(entry, "parsed", parsing)
    for name, times in (("shop", 1), ("shop", 1), ("cart", 2)):
        (own_places / "main.py").write_text(f"{SDK}{name} = KiketSDK()\n# {own_places}\n")
        found = guess(own_places)
        assert found is not None
        assert found.spec == f"main:{name}"
        assert parsing.call_count == times


def test_src_is_the_root_of_imports_for_that_layout(own_places: Path) -> None:
    package = own_places / "src" / "shop"
    package.mkdir(parents=True)
    (package / "app.py").write_text(f"{SDK}sdk = KiketSDK()\n")
    found = guess(own_places)
    assert found is not None
    assert (found.spec, found.root) == ("shop.app:sdk", own_places / "src")


def test_files_that_cannot_be_read_are_passed_over(own_places: Path) -> None:
    (own_places / "main.py").write_bytes(b"#" * 3_000_000)
    (own_places / "app.py").write_bytes(
        f"# -*- coding: latin-1 -*-\n# \xe9\n{SDK}sdk = KiketSDK()".encode("latin-1")
    )
    found = guess(own_places)
    assert found is not None
    assert found.spec == "app:sdk"


def test_no_two_threads_make_a_tree_at_a_time(monkeypatch: pytest.MonkeyPatch) -> None:
    """Python 3.11 fails then: it counts the depth of both together."""
    inside, most = 0, 0

    def parse(source: str) -> str:
        nonlocal inside, most
        inside += 1
        most = max(most, inside)
        time.sleep(0.001)
        inside -= 1
        return source

    monkeypatch.setattr(ast, "parse", parse)
    with ThreadPoolExecutor(4) as threads:
        list(threads.map(parsed, ["a"] * 16))
    assert most == 1
