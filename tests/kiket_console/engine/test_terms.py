"""On which terms the platform delivers to a worker."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
from msgspec.structs import replace

from kiket_console import decision
from kiket_console.contract import Contract, Hook
from kiket_console.engine.platform.tokens import RuntimeTokens
from kiket_console.engine.terms import Terms
from kiket_console.wire import PlatformSettings

if TYPE_CHECKING:
    from pathlib import Path


async def settings() -> PlatformSettings:
    return PlatformSettings()


@pytest.fixture
def terms(crew: Any, values: Any, tmp_path: Path) -> Terms:
    return Terms(crew, values, RuntimeTokens(tmp_path / "key.pem"), "http://127.0.0.1:9", settings)


@pytest.mark.parametrize(
    ("era", "dialect", "is_alone"),
    [
        ("", "k0", False),
        ("all", "k0", False),
        ("v0", "k0", True),
        ("interim", "k0", True),
        ("newest", "es256", True),
        ("other-sdks", "kr", True),
        ("april-2026", "k1", True),
    ],
)
def test_an_era_that_is_asked_for_says_how_it_is_signed(
    terms: Terms, crew: Any, era: str, dialect: str, is_alone: bool
) -> None:
    found = terms.signing(crew.workers()[0], era=era)

    assert (found.dialect, found.is_alone) == (dialect, is_alone)


def test_the_era_of_its_kiket_toml_is_signed_for_alone(terms: Terms, crew: Any) -> None:
    """What its dialect is has come from there, too."""
    crew.accept = ("kr",)
    found = terms.signing(replace(crew.workers()[0], era="other-sdks"))

    assert (found.dialect, found.is_alone) == ("kr", True)


def test_a_dialect_that_is_asked_for_counts_more_than_any_era(terms: Terms, crew: Any) -> None:
    found = terms.signing(crew.workers()[0], dialect="k1", era="v0")

    assert (found.dialect, found.is_alone) == ("k1", True)


def test_code_without_a_secret_is_signed_for_by_a_token(terms: Terms, crew: Any) -> None:
    crew.secrets = ()

    assert terms.signing(crew.workers()[0]).dialect == "es256"


async def test_a_delivery_has_the_values_of_the_secrets_that_are_declared(
    terms: Terms, crew: Any, values: Any
) -> None:
    values.by_name["SMTP_KEY"] = "value-of-the-key"
    worker = replace(crew.workers()[0], secrets=(("SMTP_KEY", True), ("OTHER", False)))
    found = await terms.surroundings(worker)

    assert found.secrets == {"SMTP_KEY": "value-of-the-key", "OTHER": None}


def test_the_manifest_says_how_long_an_answer_may_take(terms: Terms, crew: Any) -> None:
    assert terms.limit_s("marketing", "issue.created") == 10.0
    crew.terms = Contract(15.0, hooks=(Hook("issue.created", 3.0),))
    assert terms.limit_s("marketing", "issue.created") == 3.0
    assert terms.limit_s("marketing", "issue.updated") == 15.0


def test_what_somebody_waits_for_is_not_tried_again(terms: Terms, crew: Any) -> None:
    assert terms.may_retry("marketing", "issue.created")
    assert not terms.may_retry("marketing", decision.GUARD)
    crew.terms = Contract(is_required=False)
    assert terms.may_retry("marketing", decision.GUARD)
