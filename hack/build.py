# SPDX-License-Identifier: Apache-2.0
"""Builds the programs of the control plane once for this machine and says where they are.

`python -m hack.build` prints the folder. Rule of this module: the result is found by a hash of
everything that goes into it, so that it is never stale, and appears by one rename, so that it
is never half there. Only the standard library: it runs before anything is installed.
"""

import contextlib
import fcntl
import hashlib
import os
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

from hack.compiler import CannotBuild as CannotBuild
from hack.compiler import compile_binary, go_version, inputs_hash, say
from hack.places import cache, existing_programs

BINARY = "kube"
NEEDED = (
    "etcd",
    "helm",
    "kube-apiserver",
    "kube-controller-manager",
    "kube-scheduler",
    "kubectl",
    "kwok",
    "otelcol",
)
"""What tests and demo start; a folder in KUBEBUILDER_ASSETS may hold any of them."""

UNUSED_DAYS = 30


def programs() -> Path:
    """The folder that holds every program of NEEDED, built now when it does not exist yet."""
    given = existing_programs()
    if given is None:
        return built()
    if not given.is_dir():
        raise CannotBuild(
            f"KUBEBUILDER_ASSETS is {given}, which is no folder. Unset or correct it."
        )
    if all((given / name).exists() for name in NEEDED):
        return given
    return mixed(given, built())


def built_already() -> bool:
    """Whether `programs` comes back at once."""
    given = existing_programs()
    if given is not None and all((given / name).exists() for name in NEEDED):
        return True
    return (cache() / inputs_hash(go_version()) / "bin").is_dir()


def built() -> Path:
    version = go_version()
    home = cache() / inputs_hash(version)
    if (home / "bin").is_dir():
        os.utime(home)  # in use
        return home / "bin"
    cache().mkdir(parents=True, exist_ok=True)
    with locked(cache() / "build.lock"):
        if not (home / "bin").is_dir():  # another builder may have finished while we waited
            remove_unused()
            build(home)
    return home / "bin"


def remove_unused() -> None:
    """Remove what was begun and never finished, and what no clone has used for weeks (200 MB)."""
    for abandoned in cache().glob("building-*"):  # its builder was killed: we have the lock
        shutil.rmtree(abandoned, ignore_errors=True)
    oldest = time.time() - UNUSED_DAYS * 86_400  # noqa: TID251 - file times are wall-clock times
    for binary in cache().glob(f"*/{BINARY}"):
        if binary.parent.stat().st_mtime < oldest:
            shutil.rmtree(binary.parent, ignore_errors=True)


def mixed(given: Path, ours: Path) -> Path:
    """Links to the given programs and, for what that folder lacks, to ours."""
    name = "with-" + hashlib.sha256(str(given).encode()).hexdigest()[:12]
    target = ours.parent / name
    with locked(cache() / "build.lock"):
        for stale in ours.parent.glob("with-*"):
            if not all(link.exists() for link in stale.iterdir()):  # that folder is gone
                shutil.rmtree(stale)
        fresh = Path(tempfile.mkdtemp(dir=ours.parent))
        for program in NEEDED:
            source = given if (given / program).exists() else ours
            (fresh / program).symlink_to(source / program)
        shutil.rmtree(target, ignore_errors=True)
        fresh.rename(target)
    return target


def build(home: Path) -> None:
    work = Path(tempfile.mkdtemp(dir=cache(), prefix="building-"))
    try:
        (work / "bin").mkdir()
        compile_binary(work / BINARY)
        listed = subprocess.run(
            [work / BINARY, "components"], capture_output=True, text=True, check=True, timeout=60
        )
        for program in listed.stdout.split():
            (work / "bin" / program).symlink_to(f"../{BINARY}")
        shutil.rmtree(home, ignore_errors=True)
        work.rename(home)
    finally:
        shutil.rmtree(work, ignore_errors=True)


@contextlib.contextmanager
def locked(path: Path) -> Iterator[None]:
    with path.open("a") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            say("control plane: another process is building it; waiting for that")
            fcntl.flock(lock, fcntl.LOCK_EX)
        yield


if __name__ == "__main__":
    try:
        print(programs())
    except CannotBuild as problem:
        say(str(problem))
        sys.exit(2)
    except KeyboardInterrupt:
        say("interrupted; what is compiled so far is kept and not compiled again")
        sys.exit(130)
