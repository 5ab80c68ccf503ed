"""Carry out the rest of a program before the module that it defines runs."""

from __future__ import annotations
import __future__ as futures

import ast
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from types import FrameType


def carry_out_rest(module: Any, frame: FrameType) -> None:
    """Carry out the statements of the program `frame` after the one that defines `module`.

    What they raise is raised. Nothing happens where the program is in no file: what is defined
    further down has to wait then.
    """
    try:
        tree = ast.parse(Path(frame.f_code.co_filename).read_bytes())
    except (OSError, SyntaxError, ValueError):
        return
    for index, statement in enumerate(tree.body):
        if _first_line(statement) <= frame.f_lineno <= (statement.end_lineno or 0):
            _bind(statement, module, frame.f_globals)
            rest = ast.Module(tree.body[index + 1 :], [])
            flags = frame.f_code.co_flags & _future_flags()
            code = compile(rest, frame.f_code.co_filename, "exec", flags, dont_inherit=True)
            exec(code, frame.f_globals)  # noqa: S102  # the program's own text
            return


def _first_line(statement: ast.stmt) -> int:
    decorators: list[ast.expr] = getattr(statement, "decorator_list", [])
    return min([statement.lineno, *(each.lineno for each in decorators)])


def _bind(statement: ast.stmt, module: Any, names: dict[str, Any]) -> None:
    """Give the module the name that the statement is about to give it."""
    if isinstance(statement, ast.FunctionDef | ast.AsyncFunctionDef):
        names[statement.name] = module
    elif isinstance(statement, ast.Assign):
        for target in statement.targets:
            if isinstance(target, ast.Name):
                names[target.id] = module


def _future_flags() -> int:
    """Return the flags of code by which `from __future__` holds for a file."""
    return sum({getattr(futures, name).compiler_flag for name in futures.all_feature_names})
