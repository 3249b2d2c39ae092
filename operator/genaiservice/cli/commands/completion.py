# SPDX-License-Identifier: Apache-2.0
"""`genaictl completion`: the script that teaches a shell to complete verbs and options."""

from typing import Final

import click
from click.shell_completion import get_completion_class

VARIABLE: Final = "_GENAICTL_COMPLETE"
SHELLS: Final = ("bash", "zsh", "fish")


@click.command("completion")
@click.argument("shell", type=click.Choice(SHELLS))
def command(shell: str) -> None:
    """Print the completion script: eval "$(genaictl completion bash)"."""
    found = get_completion_class(shell)
    if found is None:
        raise click.UsageError(f"no completion for {shell}")
    from genaiservice.cli.main import app

    click.echo(found(app, {}, "genaictl", VARIABLE).source())
