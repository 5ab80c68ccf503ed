from __future__ import annotations

import json
import stat
from typing import TYPE_CHECKING, Any

from hypothesis import given
from hypothesis import strategies as st

from kiket_console.producing import masking

if TYPE_CHECKING:
    from pathlib import Path

KEY = b"k" * 32
MESSAGE = {"event_type": "paid", "payload": {"card": "4111", "list": ["4111", 2, None], "none": {}}}
VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=4), inner),
    max_leaves=8,
)


def test_each_value_is_masked_and_what_is_equal_looks_equal() -> None:
    masked = masking.masked(MESSAGE, KEY)

    assert masked["event_type"] == "paid"
    assert masked["payload"]["card"] == masked["payload"]["list"][0]
    assert masked["payload"]["card"] != masked["payload"]["list"][1]
    assert masked["payload"]["none"] == {}
    assert masking.masks(masked) == 4
    assert masking.masked(MESSAGE, b"x" * 32) != masked, "another project's key"


@given(VALUES)
def test_masks_stand_for_their_values_again(payload: Any) -> None:
    clear = {"event_type": "e", "payload": payload}

    text = json.dumps(masking.masked(clear, KEY))

    assert json.loads(masking.unmasked(text, json.dumps(clear), KEY)) == clear


def test_what_a_person_wrote_in_place_of_a_mask_stays() -> None:
    masked = masking.masked(MESSAGE, KEY)
    masked["payload"]["card"] = "5500"

    made = json.loads(masking.unmasked(json.dumps(masked), json.dumps(MESSAGE), KEY))

    assert made["payload"] == {"card": "5500", "list": ["4111", 2, None], "none": {}}


def test_the_digest_does_not_depend_on_the_order_of_keys() -> None:
    one, other = {"payload": {"a": 1, "b": "é"}}, {"payload": {"b": "é", "a": 1}, "x": 1}

    assert masking.digest(one) == masking.digest(other)


def test_an_answer_that_repeats_values_loses_them() -> None:
    fields = {"payload": {"card": '41"11', "short": "ab", "amount": 1234.5, "name": "Muñoz"}}
    error = f'bad card 41"11, amount 1234.5, ab, Muñoz in {json.dumps(fields)}'
    raw = json.dumps({"error": error}).encode()

    assert json.loads(masking.cutter(fields)(raw)) == {
        "error": "bad card [masked], amount [masked], ab, [masked] in "
        '{"payload": {"card": "[masked]", "short": "ab", "amount": [masked], "name": "[masked]"}}'
    }


def test_a_large_answer_to_a_large_message_is_left_out_at_once() -> None:
    fields = {"payload": {"all": [f"value {number}" for number in range(1000)]}}

    assert masking.cutter(fields)(b"x" * 1_000_000).startswith(b"[left out")


def test_the_key_is_made_once_and_is_this_users_alone(own_places: Path) -> None:
    file = own_places / "mask-key"

    key = masking.key_of(file)

    assert (len(key), masking.key_of(file)) == (32, key)
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
