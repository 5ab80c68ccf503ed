"""What a column takes, and in which form it is kept."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kiket_console.engine.platform.columns import Column, InvalidError, checked, moment, of_schema
from kiket_sdk.manifest import Column as SchemaColumn


@pytest.mark.parametrize(
    ("column", "value", "kept"),
    [
        (Column("c", "integer"), -(2**31), -(2**31)),
        (Column("c", "bigint"), 2**63 - 1, 2**63 - 1),
        (Column("c", "decimal"), 10, "10"),
        (Column("c", "decimal"), "1e3", "1000"),
        (Column("c", "decimal", scale=2), 2.665, "2.67"),
        (Column("c", "decimal", scale=2), "-1e50", f"-1{'0' * 50}.00"),
        (Column("c", "decimal", precision=4, scale=2), -99.99, "-99.99"),
        (Column("c", "boolean"), False, False),
        (Column("c", "json"), {"a": [1, None]}, {"a": [1, None]}),
        (Column("c", "timestamp"), "2026-05-01", "2026-05-01T00:00:00Z"),
        (Column("c", "timestamp"), "2026-05-01T12:00:00.5+02:00", "2026-05-01T10:00:00.500000Z"),
        (Column("c", "string", length=3), "äöü", "äöü"),
        (Column("c", "text"), "x" * 300, "x" * 300),
        (Column("c", choices=("a", "b")), "b", "b"),
        (Column("c", "id"), 27, 27),
        (Column("c", "id"), "proj_27", "proj_27"),
    ],
)
def test_a_value_is_kept_in_one_form(column: Column, value: Any, kept: Any) -> None:
    assert column.checked(value) == kept


@pytest.mark.parametrize(
    ("column", "value", "problem"),
    [
        (Column("c", "integer"), 2**31, "must be from -2147483648 to 2147483647"),
        (Column("c", "integer"), 1.0, "must be a whole number"),
        (Column("c", "decimal"), "Infinity", "must be a number"),
        (Column("c", "decimal"), "1e500", "must be a number"),
        (Column("c", "decimal"), [], "must be a number"),
        (
            Column("c", "decimal", precision=4, scale=2),
            100,
            "must be less than 10 to the power of 2",
        ),
        (Column("c", "boolean"), 1, "must be true or false"),
        (Column("c", "string"), "x" * 256, "is too long (at most 255 characters)"),
        (Column("c", "text"), "a\0", "has a null character"),
        (Column("c", "json"), [[float("inf")]], "has a number that JSON cannot say"),
        (Column("c", choices=("a", "b")), "c", "must be one of a, b"),
        (Column("c", "id"), {"id": 27}, "must be a whole number or a text"),
        (Column("c", "id"), True, "must be a whole number or a text"),
        (Column("c", "timestamp"), 5, "must be a moment as 2026-01-31T12:00:00Z"),
    ],
)
def test_what_does_not_fit_is_a_problem_in_words(column: Column, value: Any, problem: str) -> None:
    with pytest.raises(ValueError) as refused:  # noqa: PT011 - the whole text is compared
        column.checked(value)
    assert str(refused.value) == problem


def test_a_column_of_a_schema_is_unique_where_it_is_a_key_of_the_authors_own() -> None:
    own = of_schema(SchemaColumn("code", "string", primary_key=True))
    counted = of_schema(SchemaColumn("number", "bigint", primary_key=True, auto_increment=True))

    assert (own.unique, own.managed) == (True, False)
    assert (counted.unique, counted.managed) == (False, True)


def test_a_new_row_has_defaults_and_a_changed_one_what_it_had() -> None:
    columns = (Column("a", default="x"), Column("b"), Column("c", "integer", null=False))

    assert checked(columns, {"c": 1}, None) == {"a": "x", "b": None, "c": 1}
    assert checked(columns, {"b": "y"}, {"a": None, "c": 1}) == {"a": None, "b": "y", "c": 1}
    with pytest.raises(InvalidError) as refused:
        checked(columns, {"c": None, "d": 1}, {"a": "x", "c": 1})
    assert set(refused.value.errors) == {"c", "d"}


@given(st.datetimes(timezones=st.timezones() | st.none()))
def test_moments_are_kept_in_utc_and_stay_what_they_are(at: Any) -> None:
    try:
        kept = moment(at.isoformat())
    except ValueError:  # before the year 1, in UTC
        return
    assert kept.endswith("Z")
    assert moment(kept) == kept
