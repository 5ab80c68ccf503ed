from __future__ import annotations

import time
from typing import Any

import pytest

from kiket_console import json_path
from kiket_console.json_path import JsonPathError

DOCUMENT: dict[str, Any] = {
    "issue": {"key": "MKT-1", "labels": ["a", "b"], "a key": 1, "parent": {"key": "MKT-0"}},
    "items": [{"sku": "AB-1"}, {"sku": "CD-2", "key": None}],
}


@pytest.mark.parametrize(
    ("path", "places"),
    [
        ("$", ["$"]),
        ("$.issue.key", ["$.issue.key"]),
        ("$.issue.labels[1]", ["$.issue.labels[1]"]),
        ("$.issue.labels[-1]", ["$.issue.labels[1]"]),
        ('$.issue["a key"]', ['$.issue["a key"]']),
        ("$.issue['a key']", ['$.issue["a key"]']),
        ("$.items[*].sku", ["$.items[0].sku", "$.items[1].sku"]),
        ("$.items.*.sku", ["$.items[0].sku", "$.items[1].sku"]),
        ("$..key", ["$.issue.key", "$.issue.parent.key", "$.items[1].key"]),
        ("$..parent..key", ["$.issue.parent.key"]),
        ("$.items..[0]", ["$.items[0]"]),
        ("$.issue.nothing", []),
        ("$.issue.key.deeper", []),
        ("$.issue[0]", []),
        ("$.items[7]", []),
    ],
)
def test_a_path_leads_to_places_one_before_those_below_it(path: str, places: list[str]) -> None:
    found = list(json_path.parse(path).find(DOCUMENT))

    assert [json_path.write(place) for place, _ in found] == places
    assert [value for _, value in found] == list(json_path.parse(path).values(DOCUMENT))
    for place, value in found:
        assert json_path.get(DOCUMENT, place) is value
        assert json_path.parse(json_path.write(place)).place == place


@pytest.mark.parametrize(
    ("text", "column"),
    [("issue", 0), ("$.", 1), ("$.a..", 4), ("$.a[", 3), ("$[x]", 1), ("$.a b", 3), ('$["a]', 1)],
)
def test_an_error_names_its_column(text: str, column: int) -> None:
    with pytest.raises(JsonPathError) as caught:
        json_path.parse(text)

    assert caught.value.column == column
    assert caught.value.message.endswith(".")


def test_a_path_in_a_longer_text_ends_where_it_can_go_no_further() -> None:
    path, end = json_path.read('x $.a["b c"][*]>=5', 2)

    assert path.text == '$.a["b c"][*]'
    assert end == 15


def test_a_value_is_put_without_touching_the_original() -> None:
    changed = json_path.put(DOCUMENT, ("items", 1, "sku"), "new")

    assert changed["items"] == [{"sku": "AB-1"}, {"sku": "new", "key": None}]
    assert DOCUMENT["items"][1]["sku"] == "CD-2"
    assert changed["issue"] is DOCUMENT["issue"]
    assert json_path.put(DOCUMENT, (), 5) == 5


def test_a_place_that_is_not_there_is_refused_with_the_nearest_name() -> None:
    with pytest.raises(JsonPathError, match=r"There is no \$\.issue\.kye\.") as caught:
        json_path.put(DOCUMENT, ("issue", "kye"), 1)
    assert (caught.value.column, caught.value.hint) == (7, "Did you mean $.issue.key?")

    with pytest.raises(JsonPathError) as caught:
        json_path.get(DOCUMENT, ("items", 2))
    assert caught.value.hint == "$.items is an array of 2."


def test_steps_at_any_depth_cost_no_more_in_a_document_that_nests_deeply() -> None:
    deep: Any = {"a": 1}
    for _ in range(1000):
        deep = {"a": deep}
    began_s = time.process_time()

    assert sum(1 for _ in json_path.parse("$..a..a..a..a").values(deep)) == 998
    assert time.process_time() - began_s < 5
