from __future__ import annotations

import copy
import dataclasses
import json
import logging
import pickle
import sys

import pytest

from kiket_core.secret import RedactingFormatter, Redactor, Secret

VALUE = "tr0ub4dor-and-3"


@dataclasses.dataclass
class Settings:
    api_key: Secret


@pytest.mark.parametrize(
    "shown",
    [
        repr(Secret(VALUE, "KEY")),
        str(Secret(VALUE, "KEY")),
        f"{Secret(VALUE, 'KEY')}",
        "%s" % Secret(VALUE, "KEY"),  # noqa: UP031  # the old way must be safe too
        "%r" % Secret(VALUE, "KEY"),  # noqa: UP031  # the old way must be safe too
        f"{Secret(VALUE, 'KEY'):}",
    ],
)
def test_shows_its_name_and_nothing_else(shown: str) -> None:
    assert shown == "[secret:KEY]"


def test_shows_no_name_if_it_has_none() -> None:
    assert repr(Secret(VALUE)) == "[secret]"


def test_reveals_its_value_when_asked() -> None:
    assert Secret(VALUE).reveal() == VALUE


def test_looks_the_same_whatever_the_length_of_its_value() -> None:
    short, long = Secret("a", "KEY"), Secret("a" * 10_000, "KEY")
    assert repr(short) == repr(long)
    assert sys.getsizeof(short) == sys.getsizeof(long)


def test_equals_a_secret_of_the_same_value_only() -> None:
    assert Secret("añb", "A") == Secret("añb", "B")
    assert Secret("a") != Secret("b")
    assert Secret("a") != "a"


def test_has_no_hash() -> None:
    with pytest.raises(TypeError, match="unhashable"):
        hash(Secret(VALUE))


def test_cannot_be_pickled() -> None:
    with pytest.raises(TypeError, match=r"^\[secret:KEY\] cannot be pickled; send the value"):
        pickle.dumps(Secret(VALUE, "KEY"))


def test_cannot_be_written_as_json() -> None:
    with pytest.raises(TypeError, match="not JSON serializable"):
        json.dumps({"key": Secret(VALUE)})


def test_cannot_be_changed() -> None:
    secret = Secret(VALUE, "KEY")
    with pytest.raises(AttributeError, match=r"^\[secret:KEY\] cannot be changed; make a new"):
        secret.name = "OTHER"
    with pytest.raises(AttributeError, match=r"^\[secret:KEY\] cannot be changed; make a new"):
        del secret.name


def test_stays_the_same_object_when_copied() -> None:
    secret = Secret(VALUE)
    assert copy.copy(secret) is secret
    assert copy.deepcopy([secret])[0] is secret


def test_stays_shut_inside_dataclasses() -> None:
    settings = Settings(Secret(VALUE, "KEY"))
    assert repr(dataclasses.asdict(settings)) == "{'api_key': [secret:KEY]}"
    assert VALUE not in repr(settings)


def test_has_no_attribute_that_shows_the_value() -> None:
    secret = Secret(VALUE, "KEY")
    assert not hasattr(secret, "__dict__")
    assert VALUE not in repr([getattr(secret, name) for name in dir(secret)])


class TestRedactingFormatter:
    """The final text of a record is what is redacted, so nothing reaches a handler unredacted."""

    @pytest.fixture
    def registry(self) -> Redactor:
        registry = Redactor()
        registry.add("KEY", VALUE)
        return registry

    @staticmethod
    def record(message: object, *arguments: object) -> logging.LogRecord:
        return logging.LogRecord("app", logging.INFO, "app.py", 1, message, arguments, None)

    def test_redacts_what_the_arguments_bring_in(self, registry: Redactor) -> None:
        formatter = RedactingFormatter(registry=registry)
        assert formatter.format(self.record("key=%s", VALUE)) == "key=[secret:KEY]"
        assert formatter.format(self.record("key=%(k)r", {"k": VALUE})) == "key='[secret:KEY]'"
        assert formatter.format(self.record("%s", VALUE.encode())) == "b'[secret:KEY]'"

    def test_keeps_the_inner_formatters_layout(self, registry: Redactor) -> None:
        formatter = RedactingFormatter(logging.Formatter("%(levelname)s|%(message)s"), registry)
        assert formatter.format(self.record("hello")) == "INFO|hello"

    def test_redacts_tracebacks_and_stacks(self, registry: Redactor) -> None:
        record = self.record("failed")
        record.stack_info = f"Stack: {VALUE}"
        try:
            raise ValueError(VALUE)
        except ValueError:
            record.exc_info = sys.exc_info()
        text = RedactingFormatter(registry=registry).format(record)
        assert "ValueError: [secret:KEY]" in text
        assert "Stack: [secret:KEY]" in text
        assert VALUE not in text

    def test_leaves_no_unredacted_traceback_for_the_next_handler(self, registry: Redactor) -> None:
        record = self.record("failed")
        try:
            raise ValueError(VALUE)
        except ValueError:
            record.exc_info = sys.exc_info()
        RedactingFormatter(registry=registry).format(record)
        assert VALUE not in logging.Formatter().format(record)

    def test_redacts_a_record_that_cannot_be_formatted(
        self, registry: Redactor, capsys: pytest.CaptureFixture[str]
    ) -> None:
        handler = logging.StreamHandler(sys.stdout)
        handler.setFormatter(RedactingFormatter(registry=registry))
        handler.handle(self.record("no place for it", VALUE))
        shown = capsys.readouterr()
        assert shown.out.startswith(
            "'no place for it' with ('[secret:KEY]',) could not be formatted: "
        )
        assert shown.err == ""

    def test_redacts_the_parts_that_others_ask_for(self, registry: Redactor) -> None:
        formatter = RedactingFormatter(registry=registry)
        assert formatter.formatStack(VALUE) == "[secret:KEY]"
        error = ValueError(VALUE)
        assert formatter.formatException((ValueError, error, None)) == "ValueError: [secret:KEY]"
