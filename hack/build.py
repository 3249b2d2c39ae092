# SPDX-License-Identifier: Apache-2.0
"""Builds the programs of the control plane once for this machine and says where they are.

`python -m hack.build` prints the folder. Rule of this module: the result is found by a hash of
everything that goes into it, so that it is never stale, and appears by one rename, so that it
is never half there. Only the standard library: it runs before anything is installed.
"""

import collections
import contextlib
import fcntl
import hashlib
import os
import re
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import IO

from hack.places import CONTROL_PLANE, cache, existing_programs, go_environment
from hack.processes import mortal, signal_group

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

OLDEST_GO = 21
"""Go 1.21 is the first that fetches the release which go.mod names."""
CURE = (
    "Put Go 1.21 or newer on the PATH (Debian 12 itself has 1.19: take it from go.dev or from "
    "bookworm-backports), or name a folder of ready programs in KUBEBUILDER_ASSETS."
)
REPORT_SECONDS = 5.0
UNUSED_DAYS = 30


class CannotBuild(RuntimeError):
    """The programs are missing and cannot be made here; the message says what to do."""


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


def go_version() -> str:
    """Of the toolchain that will compile: Go fetches a newer one than itself when go.mod asks."""
    try:
        said = subprocess.run(
            ["go", "version"],
            cwd=CONTROL_PLANE,
            env=go_environment(),
            capture_output=True,
            text=True,
            check=False,
        )
    except FileNotFoundError:
        raise CannotBuild(
            f"The control plane is built with Go, and there is none here. {CURE}"
        ) from None
    found = re.search(r"go1\.(\d+)\S*", said.stdout)
    if said.returncode or not found or int(found[1]) < OLDEST_GO:
        what = said.stderr.strip() or said.stdout.strip()
        raise CannotBuild(f"This Go cannot build the control plane ({what}). {CURE}")
    return said.stdout.strip()


def inputs() -> list[Path]:
    return [CONTROL_PLANE / "go.mod", CONTROL_PLANE / "go.sum", *sorted(CONTROL_PLANE.glob("*.go"))]


def inputs_hash(version: str) -> str:
    digest = hashlib.sha256(f"{version}\n{link_flags()}\n".encode())
    for path in inputs():
        digest.update(f"{path.name}\n".encode() + path.read_bytes())
    return digest.hexdigest()[:16]


def link_flags() -> str:
    """No symbol tables, and the releases that the programs shall say they are."""
    kubernetes = required("k8s.io/kubernetes")
    major, minor, _ = kubernetes.removeprefix("v").split(".")
    variables = {
        "k8s.io/component-base/version.gitVersion": kubernetes,
        "k8s.io/component-base/version.gitMajor": major,
        "k8s.io/component-base/version.gitMinor": minor,
        "helm.sh/helm/v4/internal/version.version": required("helm.sh/helm/v4"),
    }
    return " ".join(["-s -w", *(f"-X {name}={value}" for name, value in variables.items())])


def required(module: str) -> str:
    """The release of a module that go.mod names."""
    text = (CONTROL_PLANE / "go.mod").read_text()
    found = re.search(rf"^\s+{re.escape(module)} (v\d+\.\d+\.\d+)$", text, re.MULTILINE)
    if found is None:
        raise CannotBuild(f"hack/control-plane/go.mod names no release of {module}.")
    return found[1]


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


def compile_binary(target: Path) -> None:
    say("control plane: reading the module graph")
    total = len(go("list", "-deps", ".").splitlines())
    say(f"control plane: compiling up to {total} packages; about 12 minutes from nothing, once")
    # -p 2: more compilers at once need more memory than a small machine has.
    flags = ("-v", "-p", "2", "-trimpath", "-ldflags", link_flags())
    took = time.monotonic()
    go("build", *flags, "-o", str(target), ".", total=total)
    say(f"control plane: built in {elapsed(took)}")


def go(*arguments: str, total: int = 0) -> str:
    """Run Go and report how far it is; what it printed. Ends with us, its compilers too."""
    with (
        tempfile.TemporaryFile("w+") as output,
        subprocess.Popen(
            mortal("go", *arguments),
            cwd=CONTROL_PLANE,
            env=go_environment(),
            stdout=output,
            stderr=subprocess.PIPE,
            text=True,
            start_new_session=True,
        ) as process,
    ):
        assert process.stderr is not None  # noqa: S101 - for the type checker: it is a pipe
        try:
            said = follow(process.stderr, total)
        except BaseException:
            signal_group(process, signal.SIGKILL)
            raise
        if process.wait():
            raise CannotBuild(f"go {arguments[0]} failed:\n" + "\n".join(said))
        output.seek(0)
        return output.read()


def follow(lines: IO[str], total: int) -> list[str]:
    """Report what Go fetches and compiles; its last lines, for the case that it fails."""
    fetched, compiled, said = 0, 0, collections.deque[str](maxlen=30)
    began = reported = time.monotonic()
    for line in lines:
        said.append(line.rstrip())
        if line.startswith("go: downloading "):
            fetched += 1
            now = f"{fetched} modules fetched"
        else:
            compiled += 1
            now = f"{compiled} of {total} packages"
        if time.monotonic() - reported >= REPORT_SECONDS:
            reported = time.monotonic()
            what = line.split()[-1] if total else line.strip().removeprefix("go: ")
            say(f"control plane: {elapsed(began)}, {now}, {what}")
    return list(said)


@contextlib.contextmanager
def locked(path: Path) -> Iterator[None]:
    with path.open("a") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            say("control plane: another process is building it; waiting for that")
            fcntl.flock(lock, fcntl.LOCK_EX)
        yield


def elapsed(began: float) -> str:
    minutes, seconds = divmod(int(time.monotonic() - began), 60)
    return f"{minutes}:{seconds:02}"


def say(text: str) -> None:
    print(text, file=sys.stderr, flush=True)


if __name__ == "__main__":
    try:
        print(programs())
    except CannotBuild as problem:
        say(str(problem))
        sys.exit(2)
    except KeyboardInterrupt:
        say("interrupted; what is compiled so far is kept and not compiled again")
        sys.exit(130)
