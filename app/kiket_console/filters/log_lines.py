"""The same language for log lines: its fields are those of a line.

    parse('level:>=warn ext:billing "timed out"').where()

Grammar, patterns, times and errors are those of exchanges; only the fields are others.
"""

from __future__ import annotations

import time
from dataclasses import dataclass
from difflib import get_close_matches
from typing import TYPE_CHECKING, Final

from kiket_console.filters import field_tests, grammar, literals, syntax
from kiket_console.filters.asking import (
    COMPARISONS,
    Asked,
    compiled,
    listed,
    patterns,
    spans,
    words,
)
from kiket_console.filters.building import UNKNOWN_FIELD, asked_of
from kiket_console.filters.error import FilterError
from kiket_console.filters.message_tests import LEVELS, LogTest
from kiket_console.filters.patterns import Containing
from kiket_console.filters.query import (
    Combined,
    Inverse,
    Never,
    Nothing,
    Query,
    Subject,
    Test,
    Where,
)
from kiket_console.filters.row_tests import Fact, Number, NumberTest, Text, TextTest
from kiket_console.filters.syntax import Negation, Node, Part
from kiket_console.model import Detail, Exchange, LogLine, Message, Source, State
from kiket_console.text import visible

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from kiket_console.filters.patterns import Pattern
