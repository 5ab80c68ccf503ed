"""The difference between two JSON values: which changes there are, and how few."""

from __future__ import annotations

import copy
import json
import time
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kiket_console import json_path
from kiket_console.comparing import Kind, TooDifferent, compare
from kiket_console.comparing.documents import lines_of, read, spelling
from kiket_console.comparing.structure import DIFFERENCES


def changes(before: Any, after: Any, **how: Any) -> list[tuple[str, str]]:
    return [(change.kind.value, change.path) for change in compare(before, after, **how)]


@pytest.mark.parametrize(
    ("before", "after", "expected"),
    [
        ({"a": 1}, {"a": 1}, []),
        ({"a": 1, "b": 2}, {"b": 2, "a": 1}, []),
        ({"a": 1}, {"a": 2}, [("changed", "$.a")]),
        ({"a": 1}, {"a": "1"}, [("retyped", "$.a")]),
        ({"a": True}, {"a": 1}, [("retyped", "$.a")]),
        ({"a": None}, {"a": {}}, [("retyped", "$.a")]),
        ({"a": 1}, {"a": 1, "b": 2}, [("added", "$.b")]),
        ({"a": 1, "b": 2}, {"a": 1}, [("removed", "$.b")]),
        ({"a key": [0]}, {"a key": [1]}, [("changed", '$["a key"][0]')]),
        ([-1], [-2], [("changed", "$[0]")]),
        (1, [1], [("retyped", "$")]),
        ("", "", []),
    ],
)
def test_each_difference_has_its_kind_and_its_path(
    before: Any, after: Any, expected: list[tuple[str, str]]
) -> None:
    assert changes(before, after) == expected


@pytest.mark.parametrize(
    ("before", "after"),
    [("1", "1.0"), ("100", "1e2"), ("0.10", "0.1"), ("1E400", "1e400"), ("12e1", "120")],
)
def test_a_number_written_otherwise_is_said_and_is_no_difference(before: str, after: str) -> None:
    (found,) = compare(read(f'{{"n": {before}}}'), read(f'{{"n": {after}}}'))
    assert found.kind is Kind.REWRITTEN
    assert found.kind not in DIFFERENCES
    assert (spelling(found.before), spelling(found.after)) == (before, after)


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ("9007199254740993", "9007199254740992.0"),
        ("0.1000000000000000055511151231257827", "0.1"),
        ("1e999999999", "1e999999998"),
    ],
)
def test_numbers_are_compared_by_all_their_digits(before: str, after: str) -> None:
    assert [change.kind for change in compare(read(before), read(after))] == [Kind.CHANGED]


def test_an_inserted_item_is_one_change() -> None:
    items = [{"price": n, "name": f"item {n}"} for n in range(20)]
    more = [*items[:7], {"price": 99, "name": "new"}, *items[7:]]
    assert changes(items, more) == [("added", "$[7]")]
    assert changes(more, items) == [("removed", "$[7]")]


def test_objects_with_an_identity_are_followed_wherever_they_go() -> None:
    before = [{"id": 1, "name": "a"}, {"id": 2, "name": "b"}, {"id": 3, "name": "c"}]
    after = [{"id": 9, "name": "z"}, {"id": 1, "name": "A"}, {"id": 3, "name": "c"}]
    assert changes(before, after) == [
        ("added", "$[0]"),
        ("changed", "$[1].name"),
        ("removed", "$[1]"),
    ]


def test_an_item_that_moved_is_one_change_and_none_where_order_means_nothing() -> None:
    before = [{"id": 1}, {"id": 2}, {"id": 3}]
    after = [{"id": 2}, {"id": 3}, {"id": 1}]
    assert changes(before, after) == [("moved", "$[2]")]
    assert changes(before, after, unordered=True) == []
    assert changes([1, 2, 3], [3, 1, 2]) == [("moved", "$[0]")]
    assert changes({"deep": [[1, 2], [3]]}, {"deep": [[3], [2, 1]]}, unordered=True) == []
    assert changes([1, 1, 2], [1, 2, 2], unordered=True) == [("changed", "$[2]")]


def test_a_moved_item_that_changed_tells_both() -> None:
    before = [{"id": 1, "n": 1}, {"id": 2, "n": 2}, {"id": 3, "n": 3}]
    after = [{"id": 2, "n": 2}, {"id": 3, "n": 3}, {"id": 1, "n": 5}]
    assert changes(before, after) == [("moved", "$[2]"), ("changed", "$[2].n")]
    assert changes(before, after, unordered=True) == [("changed", "$[2].n")]


def test_a_changed_item_is_paired_with_what_it_looks_like() -> None:
    before = [{"kind": "a", "n": 1, "of": "x"}, {"kind": "b", "n": 2, "of": "y"}]
    after = [{"kind": "c", "n": 7, "of": "q"}, *before[:1], {"kind": "b", "n": 3, "of": "y"}]
    assert changes(before, after) == [("added", "$[0]"), ("changed", "$[2].n")]


def test_ignored_paths_count_on_neither_side() -> None:
    before = {"at": 1, "items": [{"id": 1, "at": 2, "n": 1}], "old": 1}
    after = {"at": 5, "items": [{"id": 1, "at": 6, "n": 2}], "new": 1}
    assert changes(before, after, ignore=["$..at", "$.old"]) == [
        ("changed", "$.items[0].n"),
        ("added", "$.new"),
    ]
    assert changes(before, after, ignore=["$"]) == []
    assert changes([{"at": 1, "n": 1}, {"at": 2, "n": 2}], [{"at": 9, "n": 2}],
                   ignore=["$[*].at"]) == [("removed", "$[0]")]  # fmt: skip


def test_a_path_that_cannot_be_read_is_refused_with_its_column() -> None:
    with pytest.raises(json_path.JsonPathError) as refusal:
        compare({}, {}, ignore=["$.a["])
    assert refusal.value.column == 3


def test_a_document_as_deep_as_the_parser_allows_is_compared() -> None:
    deep = 900
    before = json.loads("[" * deep + "1" + "]" * deep)
    after = json.loads("[" * deep + "2" + "]" * deep)
    assert changes(before, after) == [("changed", "$" + "[0]" * deep)]


def test_a_comparison_ends_when_its_time_is_over() -> None:
    before = [[n, [n, n + 1]] for n in range(50_000)]
    after = [[n + 1, [n, n + 2]] for n in range(50_000)]
    began_s = time.process_time()
    with pytest.raises(TooDifferent):
        compare(before, after, limit_s=0.05)
    assert time.process_time() - began_s < 5


json_values = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-3, 3)
    | st.floats(allow_nan=False)
    | st.text(max_size=3),
    lambda inner: (
        st.lists(inner, max_size=5)
        | st.dictionaries(st.sampled_from(["id", "a", "b", "at"]), inner, max_size=4)
    ),
    max_leaves=20,
)


@given(json_values)
def test_a_value_does_not_differ_from_its_copy(value: Any) -> None:
    assert compare(value, copy.deepcopy(value)) == []


@given(json_values, json_values)
def test_no_change_means_that_both_are_equal(before: Any, after: Any) -> None:
    if not compare(before, after):
        assert before == after


@given(json_values, json_values)
def test_there_and_back_are_the_same_number_of_removals_and_additions(
    before: Any, after: Any
) -> None:
    def counted(found: list[Any]) -> tuple[int, int]:
        kinds = [change.kind for change in found]
        return kinds.count(Kind.ADDED), kinds.count(Kind.REMOVED)

    there, back = compare(before, after), compare(after, before)
    assert bool([c for c in there if c.kind in DIFFERENCES]) == bool(
        [c for c in back if c.kind in DIFFERENCES]
    )


@given(st.lists(json_values, max_size=6), st.randoms())
def test_a_shuffled_array_is_the_same_where_order_means_nothing(value: Any, chance: Any) -> None:
    shuffled = copy.deepcopy(value)
    chance.shuffle(shuffled)
    assert [c for c in compare(value, shuffled, unordered=True) if c.kind in DIFFERENCES] == []


@given(json_values)
def test_lines_are_the_document_without_its_commas(value: Any) -> None:
    indented = json.dumps(value, indent=2, ensure_ascii=False).split("\n")
    assert lines_of(value) == [line.removesuffix(",") for line in indented]
