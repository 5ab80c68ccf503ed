from __future__ import annotations

import base64
import html
import json
import re
import threading
import urllib.parse

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kiket_core import _redactor
from kiket_core.secret import Match, Redactor, RedactorFullError, restorations

VALUE = "pä\"ss/w'ord +1<&\n"

# No bracket, so that a marker can never be part of a value; several alphabets on purpose.
values = st.text(
    st.characters(exclude_characters="[]", exclude_categories=["Cs"]), min_size=8, max_size=40
)
surroundings = st.text(st.characters(exclude_categories=["Cs"]), max_size=40)


def registry(**secrets: str) -> Redactor:
    redactor = Redactor()
    for name, value in secrets.items():
        redactor.add(name, value)
    return redactor


def encodings(value: str) -> dict[str, str]:
    raw = value.encode()
    quoted = urllib.parse.quote(value, safe="")
    return {
        "raw": value,
        "url": urllib.parse.quote(value),
        "url, all": quoted,
        "url, lower": re.sub("%..", lambda escape: escape[0].lower(), quoted),
        "form": urllib.parse.quote_plus(value),
        "json": json.dumps(value)[1:-1],
        "json, utf-8": json.dumps(value, ensure_ascii=False)[1:-1],
        "repr": repr(value)[1:-1],
        "repr of bytes": repr(raw)[2:-1],
        "html": html.escape(value),
        "hex": raw.hex(),
        "hex, upper": raw.hex().upper(),
        "base64": base64.b64encode(raw).decode(),
        "base64url": base64.urlsafe_b64encode(raw).decode(),
        "bytes as a JSON array": json.dumps(list(raw), separators=(",", ":")),
        "bytes as Python's JSON array": json.dumps(list(raw)),
    }


class TestRedact:
    @pytest.mark.parametrize("encoding", encodings(VALUE))
    def test_finds_a_value_in_every_encoding(self, encoding: str) -> None:
        spelled = encodings(VALUE)[encoding]
        text = f"before {spelled} after"
        shown = "[[secret:KEY]]" if spelled.startswith("[") else "[secret:KEY]"
        assert registry(KEY=VALUE).redact(text) == f"before {shown} after"

    @pytest.mark.parametrize("user", ["", "u", "us", "use"])
    @pytest.mark.parametrize("encode", [base64.b64encode, base64.urlsafe_b64encode])
    def test_finds_a_value_inside_base64_of_something_larger(self, user: str, encode: type) -> None:
        value = "correct?horse>battery~staple"
        text = encode(f"{user}{value}:x".encode()).decode()
        redacted = registry(KEY=value).redact(text)
        assert "[secret:KEY]" in redacted
        # What is left are the neighbours, and edge characters that mix them with the value.
        assert len(redacted.replace("[secret:KEY]", "")) <= len(text) - (len(value) * 8 // 6 - 2)

    def test_prefers_the_longest_value(self) -> None:
        redactor = registry(SHORT="sk_live_abc", LONG="sk_live_abc-and-more")
        assert redactor.redact("x sk_live_abc-and-more x") == "x [secret:LONG] x"

    def test_masks_overlapping_values_whole(self) -> None:
        redactor = registry(A="abcdefgh", B="efghijklmn")
        assert redactor.redact("<abcdefghijklmn>") == "<[secret:B]>"

    def test_masks_neighbours_one_by_one(self) -> None:
        redactor = registry(A="aaaaBBBB", B="ccccDDDD")
        assert redactor.redact("aaaaBBBBccccDDDD") == "[secret:A][secret:B]"

    @pytest.mark.parametrize("value", ["abc123", "pä-7"])
    @pytest.mark.parametrize(
        ("text", "redacted"),
        [
            ("{}", "[secret:PIN]"),
            ("pin={}&x", "pin=[secret:PIN]&x"),
            ("x{}", "x{}"),
            ("{}x", "{}x"),
            ("_{}_", "_{}_"),
        ],
    )
    def test_finds_a_short_value_as_a_whole_word_only(
        self, value: str, text: str, redacted: str
    ) -> None:
        assert registry(PIN=value).redact(text.format(value)) == redacted.format(value)

    def test_leaves_very_short_values_alone(self) -> None:
        assert registry(PIN="123").redact("123 a 123") == "123 a 123"

    def test_finds_the_long_lines_of_a_value_one_by_one(self) -> None:
        lines = ["MIIEvgIBADANBgkq", "hkiG9w0BAQEFAASC"]
        key = "\n".join(["-----BEGIN PRIVATE KEY-----", *lines, "-----END PRIVATE KEY-----"])
        redactor = registry(KEY=key)
        assert redactor.redact("> hkiG9w0BAQEFAASC") == "> [secret:KEY]"
        assert redactor.redact("-----BEGIN PRIVATE KEY-----") == "-----BEGIN PRIVATE KEY-----"

    def test_finds_the_halves_of_a_web_token(self) -> None:
        redactor = registry(TOKEN="eyJhbGciOiJI.eyJzdWIiOiIx.SflKxwRJSMeKKF2QT4")
        assert redactor.redact("eyJhbGciOiJI.eyJzdWIiOiIx") == "[secret:TOKEN]"
        assert redactor.redact("SflKxwRJSMeKKF2QT4") == "[secret:TOKEN]"

    def test_survives_values_that_are_no_valid_unicode(self) -> None:
        assert registry(KEY="secret-\udcff-x").redact("a secret-\udcff-x") == "a [secret:KEY]"

    def test_returns_the_same_text_when_it_knows_nothing(self) -> None:
        text = "nothing here"
        assert Redactor().redact(text) is text

    @given(values, surroundings, surroundings, st.sampled_from(sorted(encodings(VALUE))))
    def test_lets_no_encoding_of_any_value_through(
        self, value: str, before: str, after: str, encoding: str
    ) -> None:
        spelled = encodings(value)[encoding]
        redacted = registry(A=value).redact(before + spelled + after)
        assert spelled not in redacted
        assert "[secret:A]" in redacted

    @given(st.lists(values, min_size=1, max_size=4), st.data())
    def test_agrees_with_a_search_for_each_value(
        self, secrets: list[str], data: st.DataObject
    ) -> None:
        parts = st.sampled_from(secrets) | st.text("ab01 ", max_size=9)
        text = "".join(data.draw(st.lists(parts, max_size=8)))
        redacted = registry(**{f"S{i}": value for i, value in enumerate(secrets)}).redact(text)
        assert not any(value in redacted for value in secrets)
        assert ("[secret:S" in redacted) == any(value in text for value in secrets)


class TestFind:
    def test_gives_places_in_bytes(self) -> None:
        found = registry(KEY="pässword").find("éé pässword\n".encode())
        assert found == [Match(offset=5, length=9, name="KEY")]

    def test_survives_bodies_that_are_no_text(self) -> None:
        found = registry(KEY="password").find(b"\xff\xfe\x00password\x80")
        assert found == [Match(3, 8, "KEY")]

    def test_gives_ascending_places_that_do_not_overlap(self) -> None:
        redactor = registry(A="abcdefgh", B="efghijklmn", C="abcd-longer-one")
        found = redactor.find(b"abcd-longer-one abcdefghijklmn efghijklmn")
        assert found == [Match(0, 15, "C"), Match(16, 8, "A"), Match(31, 10, "B")]

    def test_never_reaches_beyond_the_end(self) -> None:
        """Two spellings of one value share a beginning; only the shorter one stands here."""
        found = registry(KEY="0000000\x08").find(b"0000000%08")
        assert found == [Match(0, 10, "KEY")]

    def test_finds_nothing_when_it_knows_nothing(self) -> None:
        assert Redactor().find(b"password") == []

    @given(values, st.binary(max_size=30), st.sampled_from(sorted(encodings(VALUE))))
    def test_finds_what_can_be_put_back(self, value: str, around: bytes, encoding: str) -> None:
        """Taking every match out and putting a restoration in gives the same bytes."""
        raw = around + encodings(value)[encoding].encode() + around
        found = registry(A=value).find(raw)
        assert found
        for match in found:
            there = raw[match.offset : match.offset + match.length]
            assert there in restorations(value, match.length)


class TestRegistry:
    def test_keeps_redacting_the_value_that_was_replaced(self) -> None:
        redactor = registry(KEY="first-value")
        redactor.add("KEY", "second-value")
        assert redactor.redact("first-value second-value") == "[secret:KEY] [secret:KEY]"

    def test_keeps_redacting_a_discarded_value(self) -> None:
        redactor = registry(KEY="first-value")
        redactor.discard("KEY")
        redactor.discard("KEY")
        assert redactor.redact("first-value") == "[secret:KEY]"

    def test_calls_a_shared_value_by_the_name_in_use(self) -> None:
        redactor = registry(NEW="shared-value", OLD="shared-value")
        redactor.discard("OLD")
        assert redactor.redact("shared-value") == "[secret:NEW]"

    def test_sees_a_value_as_soon_as_it_is_added(self) -> None:
        redactor = registry(A="value-of-a")
        redactor.redact("value-of-a")
        redactor.add("B", "value-of-b")
        assert redactor.redact("value-of-b") == "[secret:B]"

    def test_forgets_the_oldest_retired_values_when_full(
        self, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
    ) -> None:
        monkeypatch.setattr(_redactor, "_MAX_PATTERNS", 30)
        redactor = registry(LIVE="live-value")
        for number in range(20):
            redactor.add("ROTATED", f"rotated-value-{number:02}")
        assert redactor.redact("live-value") == "[secret:LIVE]"
        assert redactor.redact("rotated-value-00") == "rotated-value-00"
        assert redactor.redact("rotated-value-18 rotated-value-19").count("[secret:") == 2
        assert "retired secret values are no longer redacted" in caplog.text

    def test_refuses_a_value_it_has_no_room_for(self, monkeypatch: pytest.MonkeyPatch) -> None:
        """A value that cannot be redacted must not be handed out: say so, do not drop another."""
        monkeypatch.setattr(_redactor, "_MAX_PATTERNS", 12)
        redactor = registry(A="value-of-a")
        with pytest.raises(RedactorFullError) as refused:
            redactor.add("B", "value-of-b")
        assert str(refused.value) == (
            "Secret 'B' cannot be protected: the redaction registry holds at most 12 patterns. "
            "Give this process fewer or shorter secrets."
        )
        assert redactor.redact("value-of-a value-of-b") == "[secret:A] value-of-b"

    def test_may_be_read_while_it_is_changed(self) -> None:
        redactor = registry(A="value-of-a")
        leaks: list[str] = []
        done = threading.Event()

        def read() -> None:
            while not done.is_set():
                shown = redactor.redact("x value-of-a x")
                if shown != "x [secret:A] x":
                    leaks.append(shown)

        readers = [threading.Thread(target=read) for _ in range(3)]
        for reader in readers:
            reader.start()
        for number in range(200):
            redactor.add("B", f"value-of-b-{number}")
        done.set()
        for reader in readers:
            reader.join()
        assert leaks == []


class TestRedactHeaders:
    @pytest.mark.parametrize(
        ("name", "value", "shown"),
        [
            ("Authorization", "Bearer abc.def", "Bearer [redacted]"),
            ("authorization", "basic dTpw", "basic [redacted]"),
            ("authorization", "AWS4-HMAC-SHA256 Credential=x", "AWS4-HMAC-SHA256 [redacted]"),
            ("authorization", "my-token with-words", "[redacted]"),
            ("Proxy-Authorization", "Bearer x", "Bearer [redacted]"),
            ("Cookie", "a=b", "[redacted]"),
            ("Set-Cookie", "a=b; Path=/", "[redacted]"),
            ("X-Kiket-Runtime-Token", "t", "[redacted]"),
            ("X-Runtime-Token", "t", "[redacted]"),
            ("X-Kiket-API-Key", "k", "[redacted]"),
            ("X-Api-Key", "k", "[redacted]"),
            ("X-Amz-Security-Token", "t", "[redacted]"),
            ("Content-Type", "text/plain", "text/plain"),
            ("X-Note", "has value-of-a inside", "has [secret:A] inside"),
        ],
    )
    def test_masks_credentials_by_name_and_secrets_by_value(
        self, name: str, value: str, shown: str
    ) -> None:
        assert registry(A="value-of-a").redact_headers([(name, value)]) == [(name, shown)]

    def test_masks_credentials_even_when_it_knows_no_secret(self) -> None:
        pairs = [("Cookie", "a"), ("A", "b"), ("Cookie", "c")]
        expected = [("Cookie", "[redacted]"), ("A", "b"), ("Cookie", "[redacted]")]
        assert Redactor().redact_headers(pairs) == expected
