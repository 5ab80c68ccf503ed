"""Numbers on the command line, and what is said of a word that is none."""

from __future__ import annotations

from typing import Any

import click

_LONGEST = 19
"""Digits of the largest number that a store can hold."""


class Number(click.IntRange):
    """A whole number between two others."""

    name = "number"  # "an integer range" is what is asked for, not what a word is


class ExchangeNumber(click.types.IntParamType):
    """The number of an exchange."""

    name = "number"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> int:
        """Return the number; raises `click.BadParameter` with what lists them."""
        text = str(value)
        is_number = text.isascii() and text.isdecimal() and len(text) <= _LONGEST
        number = int(text) if is_number else 0
        if number < 1:
            listed = "`kiket-console traffic list` lists them"
            self.fail(f"{value!r} is not the number of an exchange; {listed}.", param, ctx)
        return number


EXCHANGE = ExchangeNumber()
