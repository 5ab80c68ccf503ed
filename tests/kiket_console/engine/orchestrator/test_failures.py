"""Why a module did not start is said by its code's place, its own last words, or its handshake."""

from __future__ import annotations

from pathlib import Path

from kiket_console.declared import Declared
from kiket_console.engine.orchestrator import failures
from kiket_console.module_facts import ModuleFacts
from kiket_console.worker_spec import ModuleSpec

FOLDER = Path("/shop/search")
SPEC = ModuleSpec(
    name="search",
    folder=FOLDER,
    entry="main.py",
    import_roots=(FOLDER,),
    interpreter=Path("/usr/bin/python3"),
    watch=(FOLDER,),
    declared=Declared(secrets=("KEY",)),
)
RAISED = (
    "CRITICAL The module ended by an error of its own.",
    "Traceback (most recent call last):",
    '  File "/lib/site-packages/pywatt_sdk/_running.py", line 67, in run',
    "    runner.run(live())",
    '  File "/shop/search/main.py", line 6, in create_app',
    "    settings()",
    '  File "/shop/search/lib/settings.py", line 3, in settings',
    '    return {}["region"]',
    "           ~~^^^^^^^^^^",
    "KeyError: 'region'",
)


def test_an_error_of_its_code_is_told_by_file_and_line() -> None:
    problem = failures.early_end(SPEC, ModuleFacts("starting"), 1, RAISED)
    assert problem.sentence == "lib/settings.py:3: KeyError: 'region'"
    assert (problem.file, problem.line) == ("lib/settings.py", 3)
    assert problem.traceback == RAISED[4:]
    again = failures.end_behind(SPEC, ("127.0.0.1", 80), 1, RAISED)
    assert again.sentence == problem.sentence


def test_an_error_behind_which_it_went_on_is_not_why_it_ended() -> None:
    problem = failures.early_end(SPEC, ModuleFacts(), 1, (*RAISED, "INFO tried again"))
    assert problem.sentence.startswith("main.py ended with exit status 1 before it announced")


def test_what_the_interpreter_warns_of_at_its_end_hides_no_error() -> None:
    warned = "WARNING sys:1: RuntimeWarning: coroutine 'connect' was never awaited"
    problem = failures.early_end(SPEC, ModuleFacts(), 1, (*RAISED, warned, ""))
    assert problem.sentence == "lib/settings.py:3: KeyError: 'region'"


def test_what_it_wrote_last_is_repeated_whatever_it_is() -> None:
    problem = failures.early_end(SPEC, ModuleFacts(), 1, ("INFO begins", "no database", ""))
    assert problem.sentence == (
        "main.py ended with exit status 1 before it announced itself; its last line: no database"
    )
    mute = failures.early_end(SPEC, ModuleFacts(), 1, ()).sentence
    assert mute.endswith("before it announced itself, and wrote nothing to standard error.")


def test_one_that_says_hello_and_is_silent_then_has_an_app_that_is_not_made() -> None:
    sentence = failures.silence(SPEC, ModuleFacts(sdk="pywatt_sdk 0.1.0"), ()).sentence
    assert "the function that makes its app has not returned" in sentence
    assert "announce_s" in sentence
    assert "init line" not in sentence


def test_its_own_last_words_are_repeated() -> None:
    said = ("CRITICAL The module cannot run. configuration error: no region is set.",)
    problem = failures.early_end(SPEC, ModuleFacts(), 1, said)
    assert problem.sentence == (
        "main.py ended with exit status 1 before it announced itself: "
        "The module cannot run. configuration error: no region is set."
    )


def test_a_secret_that_it_did_not_get_is_told_with_what_to_do() -> None:
    facts = ModuleFacts(asked=(("OTHER", True), ("KEY", False)))
    problem = failures.early_end(SPEC, facts, 1, ("CRITICAL secret client error",))
    assert problem.sentence.startswith(
        "The secret KEY has no value; `kiket-console secrets set KEY`"
    )
    assert "without it main.py ended with exit status 1" in problem.sentence
    facts = ModuleFacts(asked=(("GUESSED", False),))
    assert "is not declared for it" in failures.silence(SPEC, facts, ()).sentence


def test_what_it_was_given_last_is_a_hint() -> None:
    facts = ModuleFacts(asked=(("KEY", True),))
    assert "after it was given KEY" in failures.silence(SPEC, facts, ()).sentence
    told = failures.unreachable(SPEC, ("127.0.0.1", 8080), 10, ()).sentence
    assert "127.0.0.1:8080, but took no connection there within 10 s" in told
    assert "announce 127.0.0.1:0" in told


def test_an_error_of_what_is_installed_is_told_all_the_same() -> None:
    raised = (*RAISED[:4], "ImportError: no such library")
    problem = failures.early_end(SPEC, ModuleFacts(), 1, raised)
    assert problem.sentence == "main.py ended by an error: ImportError: no such library"
