"""What is wrong with a filter, and where."""

from __future__ import annotations

from kiket_console.errors import ConsoleError, ExitCode


class FilterError(ConsoleError):
    """A filter that cannot be read.

    `column` is 0-based and `length` the number of characters that are meant; `suggestion` is the
    text to put in their place, or empty when there is nothing to suggest.
    """

    def __init__(
        self, message: str, column: int, *, length: int = 1, suggestion: str = "", hint: str = ""
    ) -> None:
        super().__init__(message, hint=hint, exit_code=ExitCode.USAGE)
        self.column = column
        self.length = length
        self.suggestion = suggestion
