# SPDX-License-Identifier: Apache-2.0
"""`python -m hack.up`: control plane and operator in the background, for trying things out.

`up` starts them, `status` tells about them, `down` ends them. The state is in .run/: `kubeconfig`,
`cluster.json`, `up.log`, and `lock`, which the background process holds as long as it lives.
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

from hack import operate
from hack.access import save
from hack.build import CannotBuild, programs
from hack.cluster import CommandFailed, ControlPlane, ControlPlaneFailed, running
from hack.places import ROOT, RUN
from hack.processes import ProcessEnded

LOCK, STATE, LOG, KUBECONFIG = (RUN / n for n in ("lock", "cluster.json", "up.log", "kubeconfig"))
UP_SECONDS = 120.0
DOWN_SECONDS = 30.0

NEXT_STEPS = """\
  export KUBECONFIG={kubeconfig} PATH={bin}:$PATH
  kubectl explain genaiservice.spec.compliance
  kubectl apply -R -f examples/
  kubectl get genaiservices --all-namespaces
  make down"""


def up() -> int:
    """Start it and come back when it is usable."""
    programs()
    RUN.mkdir(exist_ok=True)
    if owner() is None:
        start()
    deadline = time.monotonic() + UP_SECONDS
    while not STATE.exists():
        if owner() is None or time.monotonic() > deadline:
            said = LOG.read_text(errors="replace")[-4000:]
            print(f"The control plane did not come up:\n{said}", file=sys.stderr)
            if owner() is not None:
                down()
            return 1
        time.sleep(0.05)
    return status()


def start() -> None:
    STATE.unlink(missing_ok=True)
    with LOG.open("wb") as log, LOCK.open("a+") as lock:
        # The lock is taken here and handed on, so that there is no moment without an owner.
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        server = subprocess.Popen(
            [sys.executable, "-m", "hack.up", "serve"],
            cwd=ROOT,
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=subprocess.STDOUT,
            start_new_session=True,
            pass_fds=[lock.fileno()],
        )
        lock.truncate(0)
        lock.write(str(server.pid))


def status() -> int:
    if owner() is None or not STATE.exists():
        print("Nothing is running. `make up` starts it.")
        return 1
    state = json.loads(STATE.read_text())
    print(f"The control plane is at {state['url']} (process {owner()}, logs {state['logs']}).")
    print("Next:\n" + NEXT_STEPS.format(**state))
    return 0


def down() -> int:
    """End it; comes back when everything is gone."""
    pid = owner()
    if pid is None:
        print("Nothing is running.")
        return 0
    os.kill(pid, signal.SIGTERM)
    deadline = time.monotonic() + DOWN_SECONDS
    while owner() is not None:
        if time.monotonic() > deadline:
            print(f"Process {pid} does not end; see {LOG}.", file=sys.stderr)
            return 1
        time.sleep(0.05)
    print("Stopped; nothing is left running.")
    return 0


def serve() -> int:
    """The background process: holds the control plane until SIGTERM."""
    ended = threading.Event()
    signal.signal(signal.SIGTERM, lambda *_: ended.set())
    with running(programs()) as plane:
        try:
            operate.install(plane)
            operate.start(plane, plane.processes)
            write_state(plane)
            while not ended.wait(1.0):
                plane.processes.check()
        finally:
            for path in (STATE, KUBECONFIG):
                path.unlink(missing_ok=True)
            shutil.copytree(plane.processes.logs, RUN / "logs", dirs_exist_ok=True)
    return 0


def write_state(plane: ControlPlane) -> None:
    save(KUBECONFIG, plane.kubeconfig.read_text())
    state = {
        "url": plane.url,
        "kubeconfig": str(KUBECONFIG),
        "bin": str(plane.bin),
        "logs": str(plane.processes.logs),
        "data": str(plane.data),
    }
    save(STATE, json.dumps(state, indent=1))


def owner() -> int | None:
    """The background process while it lives: the kernel frees its lock however it ends."""
    if not LOCK.exists():
        return None
    with LOCK.open("r+") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_SH | fcntl.LOCK_NB)
        except BlockingIOError:
            return int(lock.read())
    return None


def main() -> int:
    verbs = {"up": up, "down": down, "status": status, "serve": serve}
    parser = argparse.ArgumentParser(prog="python -m hack.up", description=__doc__)
    parser.add_argument("verb", choices=verbs)
    try:
        return verbs[parser.parse_args().verb]()
    except (CannotBuild, CommandFailed, ControlPlaneFailed, ProcessEnded, TimeoutError) as problem:
        print(problem, file=sys.stderr)
        return 1


if __name__ == "__main__":
    sys.exit(main())
