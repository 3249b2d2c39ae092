# SPDX-License-Identifier: Apache-2.0
"""`genaiservice operator | guard | version`: picks the process and imports it only then.

One image serves both processes; the guard must not carry the libraries of the operator.
"""

import argparse
import os
import sys
from pathlib import Path

from genaiservice import __version__


def main(arguments: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(
        prog="genaiservice", description="Generative-AI services: operator and guard."
    )
    commands = parser.add_subparsers(dest="command", required=True, metavar="COMMAND")
    commands.add_parser("operator", help="run the operator (settings from the environment)")
    guard = commands.add_parser("guard", help="run the guard in front of one model server")
    guard.add_argument(
        "--config", type=Path, required=True, metavar="FILE", help="guard configuration (JSON)"
    )
    commands.add_parser("version", help="print the version")
    chosen = parser.parse_args(arguments)
    match chosen.command:
        case "guard":
            from genaiservice.guard import process as guard_process

            return guard_process.main(chosen.config)
        case "operator":
            from genaiservice.control import lean

            lean.without_client()
            from genaiservice.control import process as operator_process

            return operator_process.main(os.environ)  # noqa: TID251 - handed to its settings
        case _:
            print(__version__)
            return 0


if __name__ == "__main__":
    sys.exit(main())
