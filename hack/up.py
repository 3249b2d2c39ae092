# SPDX-License-Identifier: Apache-2.0
"""`python -m hack.up VERB`: control plane and operator in the background, for trying things out.

`up` starts them, `status` tells about them, `down` ends them. What they leave is in .run/:
`kubeconfig`, `cluster.json`, `up.log`, after the end `logs/`, and `lock`, which the background
process holds as long as it lives: whether it lives is asked of the kernel, not of a file.
"""

import argparse
import fcntl
import json
import os
import shutil
import signal
import subprocess
import sys
import threading
import time
from dataclasses import dataclass
from pathlib import Path

from hack import operate
from hack.access import save
from hack.build import CannotBuild, programs
from hack.cluster import CommandFailed, ControlPlane, ControlPlaneFailed, running
from hack.places import ROOT, RUN
from hack.processes import ProcessEnded

UP_SECONDS = 180.0
DOWN_SECONDS = 30.0
TURN_SECONDS = 0.05

NEXT_STEPS = """\
  export KUBECONFIG={kubeconfig} PATH={bin}:{scripts}:$PATH
  kubectl apply -f examples/minimal-refused/
  kubectl get genaiservices
  genaictl status chat-draft
  kubectl explain genaiservice.spec.compliance
  make down"""


@dataclass(frozen=True, slots=True)
class Background:
    """The background process, as its folder shows it."""

    folder: Path

    @property
    def state(self) -> Path:
        return self.folder / "cluster.json"

    @property
    def kubeconfig(self) -> Path:
        return self.folder / "kubeconfig"

    @property
    def log(self) -> Path:
        return self.folder / "up.log"

    @property
    def lock(self) -> Path:
        return self.folder / "lock"

    def owner(self) -> int | None:
        """Its process id while it lives."""
        if not self.lock.exists():
            return None
        with self.lock.open("r+") as lock:
            try:
                fcntl.flock(lock, fcntl.LOCK_SH | fcntl.LOCK_NB)
            except BlockingIOError:
                return int(lock.read())
        return None

    def up(self) -> int:
        """Start it, and come back when it is usable."""
        programs()  # in the foreground, where the progress of a first build is seen
        self.folder.mkdir(exist_ok=True)
        if self.owner() is None:
            self.start()
        deadline = time.monotonic() + UP_SECONDS
        while not self.state.exists():
            if self.owner() is None or time.monotonic() > deadline:
                said = self.log.read_text(errors="replace")[-4000:]
                print(f"The control plane did not come up:\n{said}", file=sys.stderr)
                if self.owner() is not None:
                    self.down()
                return 1
            time.sleep(TURN_SECONDS)
        return self.status()

    def start(self) -> None:
        self.state.unlink(missing_ok=True)
        with self.log.open("wb") as log, self.lock.open("a+") as lock:
            # The lock is taken here and handed on, so that there is no moment without an owner.
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            server = subprocess.Popen(
                [sys.executable, "-m", "hack.up", "serve", "--folder", str(self.folder)],
                cwd=ROOT,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
                start_new_session=True,
                pass_fds=[lock.fileno()],
            )
            lock.truncate(0)
            lock.write(str(server.pid))

    def status(self) -> int:
        owner = self.owner()
        if owner is None or not self.state.exists():
            print("Nothing is running. `make up` starts it.")
            return 1
        state = json.loads(self.state.read_text())
        print(f"Control plane and operator run: {state['url']}, process {owner}.")
        print(f"Their logs: {state['logs']}")
        print("Next:\n" + NEXT_STEPS.format(**state))
        return 0

    def down(self) -> int:
        """End it, and come back when everything is gone."""
        owner = self.owner()
        if owner is None:
            print("Nothing is running.")
            return 0
        os.kill(owner, signal.SIGTERM)
        deadline = time.monotonic() + DOWN_SECONDS
        while self.owner() is not None:
            if time.monotonic() > deadline:
                print(f"Process {owner} does not end; see {self.log}.", file=sys.stderr)
                return 1
            time.sleep(TURN_SECONDS)
        print("Stopped; nothing is left running.")
        return 0

    def serve(self) -> int:
        """The background process itself: holds everything until SIGTERM."""
        ended = threading.Event()
        signal.signal(signal.SIGTERM, lambda *_: ended.set())
        with running(programs()) as plane:
            try:
                operate.install(plane)
                operate.start(plane, plane.processes)
                self.tell(plane)
                while not ended.wait(1.0):
                    if plane.processes.ended(operate.NAME):  # a kubelet would start it again
                        operate.start(plane, plane.processes)
                    plane.processes.check()
            finally:
                for path in (self.state, self.kubeconfig):
                    path.unlink(missing_ok=True)
                shutil.copytree(plane.processes.logs, self.folder / "logs", dirs_exist_ok=True)
        return 0

    def tell(self, plane: ControlPlane) -> None:
        """Write down how to reach it; from then on it counts as up."""
        save(self.kubeconfig, plane.kubeconfig.read_text())
        state = {
            "url": plane.url,
            "kubeconfig": str(self.kubeconfig),
            "bin": str(plane.bin),
            "scripts": str(Path(sys.executable).parent),
            "logs": str(plane.processes.logs),
        }
        save(self.state, json.dumps(state, indent=1))


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m hack.up", description=__doc__)
    parser.add_argument("verb", choices=("up", "status", "down", "serve"))
    parser.add_argument("--folder", type=Path, default=RUN, help="where its state is (%(default)s)")
    chosen = parser.parse_args()
    background = Background(chosen.folder.resolve())
    verbs = {
        "up": background.up,
        "status": background.status,
        "down": background.down,
        "serve": background.serve,
    }
    try:
        return verbs[chosen.verb]()
    except (CannotBuild, CommandFailed, ControlPlaneFailed, ProcessEnded, TimeoutError) as problem:
        print(problem, file=sys.stderr)
        return 1


if __name__ == "__main__":
    sys.exit(main())
