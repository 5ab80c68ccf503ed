"""The language of docs/filters.md: what is read, and what is said when it cannot be."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

import pytest

from kiket_console import filters
from kiket_console.filters import FilterError, grammar
from kiket_console.filters.syntax import Combination, Negation, Node, Part
from kiket_console.model import Message, Source, State
from kiket_console.store.reader import Reader
from kiket_console.store.records import NewExchange
from kiket_console.store.writer import Writer

if TYPE_CHECKING:
    from pathlib import Path

SAVED = {"slow-hooks": "dur:>1s", "broken": "evnt:x", "me": "@you", "you": "@me"}


def shape(node: Node | None) -> str:
    """Write a filter's shape with all its brackets, and each part by its kind."""
    if node is None:
        return ""
    if isinstance(node, Negation):
        return f"NOT {shape(node.child)}"
    if isinstance(node, Combination):
        joined = (" OR " if node.either else " AND ").join(shape(each) for each in node.children)
        return f"({joined})"
    value = f"{node.operator}{node.value.text}" if node.value else ""
    kind = "" if node.kind in {"FIELD", "HEADER", "JSON"} else f"{node.kind.lower()} "
    return f"{kind}{node.name.text}{value}"


@pytest.mark.parametrize(
    ("text", "read"),
    [
        ("issue.created", "word issue.created"),
        ('"database is locked" since:2h session:*',
         "(string database is locked AND since:2h AND session:*)"),
        ("event:issue.* status:>=500", "(event:issue.* AND status:>=500)"),
        ("src:webhook dir:in event:issue.created,issue.updated v:v2",
         "(src:webhook AND dir:in AND event:issue.created,issue.updated AND v:v2)"),
        ("dur:>250ms -is:replayed", "(dur:>250ms AND NOT is:replayed)"),
        ("size:>64kb OR resp.size:>1mb", "(size:>64kb OR resp.size:>1mb)"),
        ("sig:bad,stale,missing", "sig:bad,stale,missing"),
        ('$.issue.priority="high" $.issue.points>=5',
         '($.issue.priority="high" AND $.issue.points>=5)'),
        ("resp$.error.code~^E4", "resp$.error.code~^E4"),
        ("$.items[*].sku:AB-*", "$.items[*].sku:AB-*"),
        ("$..assignee_id=null", "$..assignee_id=null"),
        ("h.x-request-id:req_7f* resph.content-type!~json",
         "(h.x-request-id:req_7f* AND resph.content-type!~json)"),
        ("since:15m (status:4xx | status:5xx) -status:404",
         "(since:15m AND (status:4xx OR status:5xx) AND NOT status:404)"),
        ("at:14:00..14:05 src:ipc mod:billing kind:notify",
         "(at:14:00..14:05 AND src:ipc AND mod:billing AND kind:notify)"),
        ("of:184", "of:184"),
        ("is:pending dur:>5s", "(is:pending AND dur:>5s)"),
        ("src:producer $.security_level=sensitive",
         "(src:producer AND $.security_level=sensitive)"),
        (r"path~^/v[12]/ method:post /timeout after \d+ ?ms/i",
         r"(path~^/v[12]/ AND method:post AND regex /timeout after \d+ ?ms/i)"),
        ("NOT (ext:demo-* OR tag:noise) attempt:>1",
         "(NOT (ext:demo-* OR tag:noise) AND attempt:>1)"),
        ("@slow-hooks is:changed", "(selector @slow-hooks AND is:changed)"),
    ],
)  # fmt: skip
def test_the_twenty_examples_are_read_as_intended(text: str, read: str) -> None:
    assert shape(grammar.parse(text)) == read
    found = filters.parse(text, saved=SAVED)
    assert found.text == text
    assert found.where().clause
    assert found.reading == ""


@pytest.mark.parametrize(
    ("text", "read"),
    [
        ("", ""),
        ("   ", ""),
        ("a|b", "word a|b"),
        ("a | b", "(word a OR word b)"),
        ("a || b && c", "(word a OR (word b AND word c))"),
        ("(a)|b", "(word a OR word b)"),
        ("not a or b", "(word not AND word a AND word or AND word b)"),
        ("!a NOT b", "(NOT word a AND NOT word b)"),
        ("a - b", "(word a AND word - AND word b)"),
        ("a-b", "word a-b"),
        ("-$.a", "NOT $.a"),
        ("$.a = 5", "$.a=5"),
        ("$.a !~ x", "$.a!~x"),
        ('$["a b"][0]=1', '$["a b"][0]=1'),
        ("$5", "word $5"),
        (
            "status:>=500 status>=500 status:!=500",
            "(status:>=500 AND status>=500 AND status:!=500)",
        ),
        ("event~^(a|b(c))$ x", "(event~^(a|b(c))$ AND word x)"),
        ("(event~^(a|b)$)", "event~^(a|b)$"),
        ("https://a.b/c?d=e", "word https://a.b/c?d=e"),
        ("a=b", "word a=b"),
        ("user@example.com", "word user@example.com"),
        ("/v1/webhooks", "word /v1/webhooks"),
        ("/v1/ x", "(regex /v1/ AND word x)"),
        ("/a b/i", "regex /a b/i"),
        ("'it''s'", "(string it AND string s)"),
        (r'"say \"x\" \d"', r'string say "x" \d'),
        ("EVENT:x", "EVENT:x"),
    ],
)
def test_words_and_signs_mean_what_they_do_elsewhere(text: str, read: str) -> None:
    assert shape(grammar.parse(text)) == read


@pytest.mark.parametrize(
    ("text", "column", "length", "suggestion", "says"),
    [
        ("  evnt:x ", 2, 4, "event", "Unknown field 'evnt': did you mean event:?"),
        ("a evnt:x", 2, 4, "event", "Unknown field 'evnt': did you mean event:?"),
        ("staus>=500", 0, 5, "status", "Unknown field 'staus': did you mean status:?"),
        ("std::x", 0, 3, "", "Unknown field 'std'."),
        ("~c 404", 0, 3, "status:", "There is no ~c here: status: asks for it."),
        ("a !~hq x", 2, 5, "-h:", "There is no ~hq here: h: asks for it."),
        ("a ~q", 2, 2, "is:pending", "There is no ~q here: is:pending asks for it."),
        ("status:", 7, 0, "", "A value is missing after status: in column 8."),
        ("event: x", 6, 0, "", "A value is missing after event: in column 7."),
        ("status:foo", 7, 3, "", '"foo" in column 8 is not what status takes'),
        ("sig:bda", 4, 3, "bad", '"bda" in column 5 is not what sig takes'),
        ("a sig:ok,bda", 9, 3, "bad", '"bda" in column 10'),
        ("sig:bad,", 4, 4, "bad", "A value is missing beside the comma of sig."),
        ("dur:2s", 4, 2, ">2s", "Nothing takes exactly so long"),
        ("at:10m", 0, 6, "since:10m", "at: takes a time of day, a day, or a range of times."),
        ("since:1h..2h", 6, 6, "", '"1h..2h" in column 7'),
        ("since:1h,2h", 6, 5, "1h", "since takes one value."),
        ("status:9..4", 7, 4, "4..9", "The range in column 8 ends before it begins."),
        ("event>5", 5, 1, ":", "event cannot be compared with >"),
        ('a "b', 2, 2, '"b"', "The quote in column 3 is not closed."),
        ("(a", 0, 1, "", "The bracket in column 1 is not closed."),
        ("a)", 1, 1, "", "Nothing is open that the bracket in column 2 closes."),
        ("()", 0, 1, "", "There is nothing in the brackets"),
        ("a OR", 2, 2, "", "Something is missing after OR in column 3."),
        ("OR a", 0, 2, "", "Something is missing before OR in column 1."),
        ("a AND OR b", 6, 2, "", "Something is missing before OR in column 7."),
        ("NOT", 0, 3, "", "Something is missing after NOT in column 1."),
        ("$.a[x]=1", 3, 1, "", "The bracket in column 4 holds no index"),
        ("b resp$..=1", 8, 1, "", "A key is missing"),
        ("event~[a", 6, 2, "", "The regular expression in column 7 cannot be used: missing ]"),
        ("event~(?=a)", 6, 5, "", "The regular expression in column 7 cannot be used"),
        ("/a(/", 0, 4, "", "The regular expression in column 1 cannot be used"),
        ("x @focus", 2, 6, "", "@focus is what a list on screen shows at the moment"),
        ("@slow-hoks", 0, 10, "@slow-hooks", "No filter is saved as @slow-hoks"),
        ("x @broken", 2, 7, "", "In @broken: Unknown field 'evnt'"),
        ("@me", 0, 3, "", "@me is part of itself: @me → @you → @me."),
        ("is:unred", 3, 5, "unread", '"unred" in column 4 is not what is takes'),
        ("a\0b", 1, 1, "", "The character in column 2 (U+0000) cannot be part of a filter."),
        ("a\udcff", 1, 1, "", "The character in column 2 (U+DCFF)"),
    ],
)  # fmt: skip
def test_an_error_says_what_where_and_what_to_put_there(
    text: str, column: int, length: int, suggestion: str, says: str
) -> None:
    with pytest.raises(FilterError) as caught:
        filters.parse(text, saved=SAVED)

    error = caught.value
    assert error.message.startswith(says), error.message
    assert (error.column, error.length, error.suggestion) == (column, length, suggestion)
    assert error.message.endswith(".") or error.message.endswith("?")


@pytest.mark.parametrize(
    ("text", "reading", "regrouped"),
    [
        ("a OR b c", "a OR (b AND c)", "(a OR b) c"),
        ("a b OR c", "(a AND b) OR c", "a (b OR c)"),
        ("a OR b c OR d", "a OR (b AND c) OR d", "(a OR b) (c OR d)"),
        ("-a OR event:x b", "-a OR (event:x AND b)", "(-a OR event:x) b"),
        ("(a OR b) c", "", "a OR (b c)"),
        ("a OR (b c)", "", "(a OR b) c"),
        ("a OR b AND c", "", "(a OR b) c"),
        ("x (a OR b c)", "x AND (a OR (b AND c))", "(x a) OR (b AND c)"),
        ("a OR b", "", "a OR b"),
        ("a b", "", "a b"),
        ("", "", ""),
    ],
)
def test_what_may_surprise_is_shown_and_can_be_bound_the_other_way(
    text: str, reading: str, regrouped: str
) -> None:
    assert filters.parse(text).reading == reading
    assert filters.regroup(text) == regrouped
    assert filters.parse(regrouped).reading == ""


@pytest.fixture(scope="module")
def path(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a store with one exchange."""
    path = tmp_path_factory.mktemp("store") / "store.sqlite3"
    writer = Writer(path)
    writer.submit(
        [NewExchange(1, Source.WEBHOOK, "a", "b", "v1", "POST", "/", 1, State.RECEIVED, Message())]
    ).result(60)
    writer.close()
    return path


@pytest.mark.parametrize(
    "text",
    [
        "(" * 10_000,
        "(" * 4_900 + "a" + ")" * 4_900,
        "-" * 9_999 + "a",
        "NOT " * 2_499 + "a",
        "a" * 1_000_000,
        "a OR " * 1_999 + "a",
        '"' * 9_999,
        '\\"' * 4_999,
        "event:" + "*" * 9_990,
        "event~" + "(a*)*" * 1_900,
        "$" + ".a" * 4_990,
        "$" + "[0]" * 3_300,
        "at:" + "9" * 9_990,
        "size:" + "9" * 9_990,
        "id:" + "9" * 9_990,
        "$.a=" + "9" * 9_990,
        "event:" + "a," * 4_990 + "a",
        "event:" + "a," * 199 + "a",
        "id:" + "1," * 199 + "1",
        "ä ö ü ß é " * 20,
        '"äöü /x" OR ' * 99 + "a",
        "(" * 50 + "a" + " OR b)" * 50,
        "@many @many @many",
        "'" + "\\" * 9_990,
        "\u202e" * 9_000,
    ],
)
def test_hostile_texts_are_asked_or_refused_at_once(path: Path, text: str) -> None:
    saved = {"many": "@more " * 90, "more": "@most " * 90, "most": "a " * 90}
    began_s = time.process_time()
    try:
        found = filters.parse(text, saved=saved)
    except FilterError as error:
        assert 0 <= error.column <= len(text)  # noqa: PT017 (some are refused, others read)
        assert len(error.message) < 1_000  # noqa: PT017
    else:
        with Reader(path) as reader:
            reader.matching(found, 1, 9)
    assert time.process_time() - began_s < 10


def test_a_long_word_before_a_mistake_costs_nothing() -> None:
    began_s = time.process_time()
    with pytest.raises(FilterError, match="Nothing is open"):
        grammar.parse("a" * 9_990 + " )")
    assert time.process_time() - began_s < 1


def test_nothing_heavy_is_imported_with_the_package() -> None:
    import subprocess
    import sys

    code = (
        "import sys; from kiket_console import filters;"
        "print(*(set(sys.modules) & {'lark', 're2', 'orjson', 'hypothesis'}))"
    )
    found = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert found.stdout.strip() == ""


def test_a_part_is_where_it_stands() -> None:
    node = grammar.parse("  a  ( event:x )")

    assert isinstance(node, Combination)
    first, second = node.children
    assert isinstance(second, Part)
    assert (first.start, first.end, second.start, second.end) == (2, 3, 5, 16)
