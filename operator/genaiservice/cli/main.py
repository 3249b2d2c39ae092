# SPDX-License-Identifier: Apache-2.0
"""`genaictl` (also `kubectl genai`): the verbs, and what happens when one of them fails.

Exit codes: 0 allowed, 1 refused, 2 bad input or usage, 3 cluster unreachable.
Standard output carries the result, standard error the talk. A verb imports what it needs only
when it runs, so that a check is done before a person notices that a process started.
"""

import gc
import importlib
import io
import os
import sys
from pathlib import Path

import click

from genaiservice import __version__
from genaiservice.api.problem import Lang
from genaiservice.cli.language import from_environment, listen
from genaiservice.cli.options import lang_option, shanghai_today

__all__ = ["VERBS", "app", "main", "shanghai_today"]

VERBS = (
    "check",
    "completion",
    "deadlines",
    "doctor",
    "explain",
    "init",
    "label",
    "log",
    "plan",
    "policy",
    "report",
    "rules",
    "status",
)
"""Each is `command` in a module of its name under `cli.commands`, imported when it is asked for."""
FAILED = 70
"""Exit code for a fault of the tool itself, apart from everything that an input can cause."""


class _Verbs(click.Group):
    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        listen(args)
        if from_environment(None) is Lang.ZH:
            from genaiservice.cli.framing import frame

            frame()
        return super().parse_args(ctx, args)

    def get_params(self, ctx: click.Context) -> list[click.Parameter]:
        params = super().get_params(ctx)
        if from_environment(None) is not Lang.ZH:
            return params
        from genaiservice.cli.helping import option

        return [option(one) for one in params]

    def list_commands(self, ctx: click.Context) -> list[str]:
        return sorted((*VERBS, *super().list_commands(ctx)))

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        command = self._command(ctx, cmd_name)
        if command is None or from_environment(None) is not Lang.ZH:
            return command
        from genaiservice.cli.helping import in_chinese

        return in_chinese(command, cmd_name)

    def _command(self, ctx: click.Context, name: str) -> click.Command | None:
        if name not in VERBS:
            return super().get_command(ctx, name)
        command: click.Command = importlib.import_module(
            f"genaiservice.cli.commands.{name}"
        ).command
        return command

    def format_help_text(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        if from_environment(None) is not Lang.ZH:
            super().format_help_text(ctx, formatter)
            return
        from genaiservice.cli.helping import ABOUT

        formatter.write_paragraph()
        with formatter.indentation():
            formatter.write_text(ABOUT)


@click.group(
    cls=_Verbs,
    context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100},
)
@lang_option
def app(lang: str | None) -> None:  # heard by `listen`, before or after the verb
    """Look at GenAIServices: check files offline, see why a service waits and who has to act."""


@app.command("version")
def version() -> None:
    """Version of the tool and of the rule pack."""
    from genaiservice.cli.kept import catalogue

    pack = catalogue()
    click.echo(f"genaictl {__version__}, rule pack {pack.version} ({pack.digest[:19]})")


def main() -> None:
    # A short process that makes many small values: looking for cycles costs more than they hold.
    gc.freeze()
    gc.set_threshold(100_000, 50, 50)
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):  # a terminal in GBK or ASCII has no ✓
            stream.reconfigure(errors="backslashreplace")
    try:
        app(prog_name=_name(), complete_var="_GENAICTL_COMPLETE")
    except BrokenPipeError:
        # `genaictl … | head`: the reader has seen enough. Nothing may be flushed at the end.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        raise SystemExit(0) from None
    except KeyboardInterrupt:
        raise SystemExit(130) from None
    except Exception as error:  # a fault of ours: in words, with the place for a report
        import traceback

        place = traceback.extract_tb(error.__traceback__)[-1]
        told = f"{type(error).__name__} in {Path(place.filename).name}:{place.lineno}"
        sys.stderr.write(f"✗ genaictl itself failed / 程序内部错误: {told}\n")
        raise SystemExit(FAILED) from None


def _name() -> str:
    return "kubectl genai" if Path(sys.argv[0]).name == "kubectl-genai" else "genaictl"


if __name__ == "__main__":
    main()
