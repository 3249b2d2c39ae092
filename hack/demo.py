# SPDX-License-Identifier: Apache-2.0
"""`make demo`: the main job, told step by step on a real API server.

`--lang zh|en` or the locale choose the language. With KUBECONFIG the cluster that it names is
used; without, a control plane is built once and started here. Ends with 0, nothing left running.
"""

import argparse
import sys
import threading
from pathlib import Path

from genaiservice.api.problem import Lang
from genaiservice.cli.language import from_environment
from hack.build import CannotBuild, built_already, programs
from hack.cluster import CommandFailed, ControlPlaneFailed
from hack.places import environment
from hack.processes import ProcessEnded
from hack.story import offline
from hack.story.acts import Story
from hack.story.narrator import Narrator
from hack.story.stage import staged


class Building:
    """The programs, made beside the first part of the story when this machine has none yet."""

    def __init__(self) -> None:
        self._failure: CannotBuild | None = None
        self._folder: Path | None = None
        self._thread = threading.Thread(target=self._build)
        self._thread.start()

    def _build(self) -> None:
        try:
            self._folder = programs()
        except CannotBuild as failure:
            self._failure = failure

    def folder(self) -> Path:
        self._thread.join()
        if self._failure:
            raise self._failure
        if self._folder is None:
            raise CannotBuild("the build ended without a result")
        return self._folder


def tell(narrator: Narrator) -> None:
    fetch = programs
    if not environment().get("KUBECONFIG") and not built_already():
        narrator.say(
            "The control plane is built once for this machine: about 12 minutes on two cores. "
            "Meanwhile, what needs no cluster:",
            "首次运行需在本机构建控制平面：双核约 12 分钟。其间先演示无需集群的部分：",
        )
        fetch = Building().folder
    offline.tell(narrator)
    with staged(fetch) as stage:
        Story(narrator, stage).tell()
    narrator.step("Done", "结束")
    narrator.fact(
        f"{narrator.elapsed():.0f} s; nothing is left running",
        f"{narrator.elapsed():.0f} 秒；没有遗留进程",
    )


def main() -> int:
    parser = argparse.ArgumentParser(prog="make demo", description=__doc__)
    parser.add_argument("--lang", choices=[lang.value for lang in Lang])
    narrator = Narrator(from_environment(parser.parse_args().lang))
    try:
        tell(narrator)
    except (CannotBuild, CommandFailed, ControlPlaneFailed, ProcessEnded, TimeoutError) as problem:
        print(f"✗ {problem}", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
