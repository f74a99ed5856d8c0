"""The command line: ``defib-coverage``, also ``python -m defib_coverage``.

Nothing is imported here before it is needed: the workers of ``serve`` import this module again and
shall not carry what only the command line uses.
"""

from __future__ import annotations

import io
import sys
from typing import TYPE_CHECKING, NoReturn

if TYPE_CHECKING:
    from collections.abc import Sequence


def main(arguments: Sequence[str] | None = None) -> NoReturn:
    """Run one command and exit.

    Args:
        arguments: what follows the program's name; the process's own by default.

    Raises:
        SystemExit: always. 0: done; 1: problems found, or nothing known; 2: could not be done, with
            the reason on stderr.
    """
    from defib_coverage.command.program import program  # noqa: PLC0415 - see the module's docstring
    from defib_coverage.errors import DefibCoverageError  # noqa: PLC0415

    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            # A chart's letters that the terminal cannot show are no reason to fail.
            stream.reconfigure(errors="replace")
    try:
        program(list(sys.argv[1:] if arguments is None else arguments), prog_name="defib-coverage")
    except DefibCoverageError as error:
        sys.stderr.write(f"{error}\n")
    sys.exit(2)


if __name__ == "__main__":
    main()
