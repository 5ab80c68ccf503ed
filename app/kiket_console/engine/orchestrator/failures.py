"""Why a module did not start, in one sentence that says what to do; pure."""

from __future__ import annotations

import re
from pathlib import Path
from typing import TYPE_CHECKING

from kiket_console.engine.process import how_ended
from kiket_console.model import Problem
from kiket_console.settings_file import PROJECT_FILE
from kiket_console.text import plural
from kiket_sdk.utils import environment_secret_name

if TYPE_CHECKING:
    from kiket_console.module_facts import ModuleFacts
    from kiket_console.worker_spec import ModuleSpec, WorkerSpec

_IDENTIFY = "serialize Identify"
"""What the Rust SDK says when it has announced itself and has no TCP channel (§0, 2)."""
_SHOWN_LIMIT = 60
NO_ADDRESS = "127.0.0.1:0"
"""What a module announces that serves no HTTP of its own."""
_FRAME = re.compile(r'\s+File "([^"]+)", line (\d+)')
_RECORD = re.compile(r"(?:DEBUG|INFO|WARNING|ERROR|CRITICAL) ")
_AT_EXIT = re.compile(r"(?:WARNING )?sys:\d+: ")
"""What the interpreter warns of while it ends, as of coroutines that nobody awaited."""
_LAST_WORDS = re.compile(r"(?:CRITICAL|ERROR) (.+)")


def early_end(
    spec: WorkerSpec, facts: ModuleFacts, returncode: int | None, stderr: tuple[str, ...]
) -> Problem:
    """Say that it ended before it announced itself."""
    if _has_identify(stderr):
        return _without_tcp(spec, stderr)
    raised = _raised(spec, stderr)
    if raised is not None:
        return raised
    what = f"{_shown(spec)} {how_ended(returncode)} before it announced itself"
    last = next((line.strip() for line in reversed(stderr) if line.strip()), "")
    said = _LAST_WORDS.fullmatch(last)
    if said and all(is_answered for _, is_answered in facts.asked):
        return Problem(f"{what}: {said[1]}", traceback=stderr)
    reason = _reason(what, facts, spec.declared.secrets)
    if not reason:
        given = f", after it was given {facts.asked[-1][0]}" if facts.asked else ""
        wrote = f"; its last line: {last}" if last else ", and wrote nothing to standard error."
        reason = f"{what}{given}{wrote}"
    return Problem(reason, traceback=stderr)


def silence(spec: ModuleSpec, facts: ModuleFacts, stderr: tuple[str, ...]) -> Problem:
    """Say that it runs, and has not announced itself in the time that it has."""
    what = f"{_shown(spec)} did not announce itself within {spec.announce_s:g} s"
    reason = _reason(what, facts, spec.declared.secrets)
    if not reason:
        given = f", after it was given {facts.asked[-1][0]}" if facts.asked else ""
        task = (
            "the function that makes its app has not returned; look at what that waits for"
            if facts.sdk
            else "let it read its init line from standard input and write an announcement to "
            "standard output, as a pywatt SDK does"
        )
        reason = f"{what}{given}: {task}, or give it longer by announce_s in {PROJECT_FILE}."
    return Problem(reason, traceback=stderr)


def end_behind(
    spec: WorkerSpec,
    address: tuple[str, int],
    returncode: int | None,
    stderr: tuple[str, ...],
) -> Problem:
    """Say that it ended after it had announced *address*, and before that took connections."""
    if _has_identify(stderr):
        return _without_tcp(spec, stderr)
    raised = _raised(spec, stderr)
    if raised is not None:
        return raised
    host, port = address
    return Problem(
        f"{_shown(spec)} announced {host}:{port}, and {how_ended(returncode)} before it listened "
        "there; its last lines say why.",
        traceback=stderr,
    )


def unreachable(
    spec: WorkerSpec, address: tuple[str, int], limit_s: float, stderr: tuple[str, ...]
) -> Problem:
    """Say that it announced *address*, which takes no connections."""
    host, port = address
    return Problem(
        f"{_shown(spec)} announced {host}:{port}, but took no connection there within "
        f"{limit_s:.0f} s: let it serve on the address of its init line, or announce "
        f"{NO_ADDRESS} to be asked over standard input.",
        traceback=stderr,
    )


def _reason(what: str, facts: ModuleFacts, declared: tuple[str, ...]) -> str:
    """Return what the handshake says about *what*, the cause first; empty when it says nothing."""
    missing = next((name for name, is_answered in facts.asked if not is_answered), "")
    if missing and missing in declared:
        variable = environment_secret_name(missing)
        how = f"`kiket-console secrets set {missing}`, or {variable}=… in .env, gives it one"
        return f"The secret {missing} has no value; {how}: without it {what}."
    if missing:
        how = f"name it in the secrets of its [[module]] in {PROJECT_FILE}"
        return f"The secret {missing} is not declared for it; {how}: without it {what}."
    if facts.stray:
        return (
            f"{what}, and wrote {plural(facts.stray, 'line')} to standard output, where messages "
            "alone belong: print to standard error."
        )
    return ""


def _raised(spec: WorkerSpec, stderr: tuple[str, ...]) -> Problem | None:
    """Return the error that Python code of the module's folder ended by, if that is what it says.

    The traceback begins with the developer's own code: what called it is of no help.
    """
    frames = [(at, match) for at, line in enumerate(stderr) if (match := _FRAME.match(line))]
    own = [
        (at, Path(match[1]).relative_to(spec.folder), int(match[2]))
        for at, match in frames
        if Path(match[1]).is_relative_to(spec.folder) and "site-packages" not in match[1]
    ]
    if not frames:
        return None
    last = frames[-1][0]
    rest = [line for line in stderr[last + 1 :] if not _AT_EXIT.match(line)]
    error = next((each for each in rest if each and not each[0].isspace()), "")
    if not error or any(map(_RECORD.match, rest)):  # it went on after that one
        return None
    if not own:
        return Problem(f"{_shown(spec)} ended by an error: {error}", traceback=stderr)
    _, file, line = own[-1]
    sentence = f"{file}:{line}: {error}"
    return Problem(sentence, str(file), line, traceback=stderr[own[0][0] :])


def _has_identify(stderr: tuple[str, ...]) -> bool:
    return any(_IDENTIFY in line for line in stderr)


def _without_tcp(spec: WorkerSpec, stderr: tuple[str, ...]) -> Problem:
    return Problem(
        f"{_shown(spec)} announced itself and ended, as modules of the Rust SDK do that reach no "
        f'TCP channel: keep "tcp" in its channels in {PROJECT_FILE}.',
        traceback=stderr,
    )


def _shown(spec: WorkerSpec) -> str:
    return spec.runs if len(spec.runs) <= _SHOWN_LIMIT else f"{spec.runs[: _SHOWN_LIMIT - 1]}…"
