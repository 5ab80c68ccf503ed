"""Settings from the environment, errors with their prefixes, results, log lines."""

from __future__ import annotations

import io
import json
import logging
import sys
import threading
from typing import Any

import pytest

from kiket_core.secret import redactor
from pywatt_sdk.core import logging as sdk_logging
from pywatt_sdk.core.config import AppConfig, Config
from pywatt_sdk.core.error import (
    AnnouncementError,
    BootstrapError,
    ConfigError,
    HandshakeError,
    NetworkError,
    PyWattSDKError,
    Result,
    SecretError,
)


@pytest.mark.parametrize(
    ("kind", "text"),
    [
        (PyWattSDKError, "it broke: low disk"),
        (BootstrapError, "bootstrap failed: it broke: low disk"),
        (HandshakeError, "handshake failed: it broke: low disk"),
        (SecretError, "secret client error: it broke: low disk"),
        (AnnouncementError, "announcement error: it broke: low disk"),
        (ConfigError, "configuration error: it broke: low disk"),
        (NetworkError, "network error: it broke: low disk"),
    ],
)
def test_an_error_tells_its_kind_and_its_cause(kind: type[PyWattSDKError], text: str) -> None:
    """Wire specification §11.2."""
    cause = OSError("low disk")
    error = kind("it broke", cause)
    assert str(error) == text
    assert (error.cause, error.__cause__) == (cause, cause)


def test_a_missing_variable_is_named() -> None:
    assert "PORT is not set" in str(ConfigError.missing_env_var("PORT"))


def test_a_result_is_a_value_or_an_error() -> None:
    good = Result.ok(2)
    bad: Result[int] = Result.err(KeyError("k"))
    assert (good.is_ok(), good.is_err(), bad.is_ok(), bad.is_err()) == (True, False, False, True)
    assert good.map(lambda n: n * 2).unwrap() == 4
    assert good.and_then(lambda n: Result.ok(str(n))).unwrap() == "2"
    assert bad.map(lambda n: n * 2) == bad
    assert bad.unwrap_or(7) == 7
    assert isinstance(bad.unwrap_err(), KeyError)
    with pytest.raises(KeyError):
        bad.unwrap()
    assert Result.ok(None).is_ok()


def test_settings_come_from_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PYWATT_LOG_LEVEL", "debug")
    monkeypatch.setenv("PYWATT_MAX_RETRIES", "5")
    monkeypatch.setenv("PYWATT_MODULE_ID", " ")
    config = Config.from_env()
    assert (config.log_level, config.max_retries, config.module_id) == ("DEBUG", 5, None)


@pytest.mark.parametrize(
    ("values", "words"),
    [
        ({"orchestrator_api": "localhost:9900"}, "orchestrator_api: .*begins with http"),
        ({"max_retries": -1}, "max_retries"),
        ({"log_format": "xml"}, "log_format"),
    ],
)
def test_a_setting_that_cannot_work_is_named(values: dict[str, Any], words: str) -> None:
    with pytest.raises(ConfigError, match=words):
        Config.from_dict(values)


def test_settings_can_be_read_and_changed_one_by_one() -> None:
    config = Config()
    config.set("max_retries", 9)
    assert (config.get("max_retries"), config.get("nothing", 1)) == (9, 1)
    assert config.to_dict()["max_retries"] == 9
    with pytest.raises(ConfigError):
        config.set("max_retries", -1)


def test_further_settings_of_an_app_are_kept() -> None:
    assert AppConfig.model_validate({"colour": "green"}).model_dump()["colour"] == "green"


@pytest.fixture
def lines(capsys: pytest.CaptureFixture[str]) -> Any:
    """Log as a module does; give what reads the lines."""
    root = logging.getLogger()
    before, level = root.handlers[:], root.level
    hooks = sys.excepthook, threading.excepthook
    root.handlers = []
    sdk_logging.init_module("debug")
    yield lambda: [json.loads(line) for line in capsys.readouterr().err.splitlines()]
    root.handlers, root.level = before, level
    sys.excepthook, threading.excepthook = hooks
    logging.captureWarnings(False)


def test_a_log_line_has_no_secret_in_message_extras_or_traceback(lines: Any) -> None:
    redactor.add("KEY", 'quo"ted-value-1')
    try:
        raise RuntimeError('bad quo"ted-value-1')
    except RuntimeError:
        logging.getLogger("mine").exception(
            'with quo"ted-value-1', extra={"body": {"k": 'quo"ted-value-1'}}
        )
    (line,) = lines()
    assert "ted-value-1" not in json.dumps(line)
    assert line["message"] == "with [secret:KEY]"
    assert line["body"] == {"k": "[secret:KEY]"}
    assert "bad [secret:KEY]" in line["exception"]


def test_a_log_line_tells_where_it_was_said(lines: Any) -> None:
    sdk_logging.safe_log("warning", "saved", rows=3, name="x")
    sdk_logging.info("done")
    first, second = lines()
    assert first["function"] == second["function"] == "test_a_log_line_tells_where_it_was_said"
    assert (first["level"], first["rows"], first["name_"]) == ("WARNING", 3, "x")
    assert first["timestamp"].endswith("Z")


@pytest.mark.parametrize("value", ["\ud800", {1, 2}, {1: "x"}, object()])
def test_whatever_is_logged_it_stays_a_line_of_json(lines: Any, value: object) -> None:
    logging.getLogger("mine").info("odd", extra={"value": value})
    assert len(lines()) == 1


def test_a_level_that_is_none_is_told(lines: Any) -> None:
    sdk_logging.init_module("loud")
    assert "no log level" in lines()[0]["message"]


def test_an_error_that_nobody_catches_is_a_log_line(lines: Any) -> None:
    error = ValueError("nobody caught me")
    sys.excepthook(ValueError, error, None)
    (line,) = lines()
    assert (line["level"], "nobody caught me" in line["exception"]) == ("CRITICAL", True)


def test_a_program_that_has_set_up_its_logs_keeps_them_redacted(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    stream = io.StringIO()
    monkeypatch.setattr(logging.getLogger(), "handlers", [logging.StreamHandler(stream)])
    sdk_logging.use_logging_of_program()
    redactor.add("KEY", "sesame-4712")
    logging.getLogger("mine").error("the key is %s", "sesame-4712")
    assert stream.getvalue() == "the key is [secret:KEY]\n"
