# SPDX-License-Identifier: Apache-2.0
"""Compiles hack/control-plane with Go, and says meanwhile how far it is.

Rule of this module: what goes into the binary is decided here alone, so that `inputs_hash` is
the name of exactly one binary. Only the standard library.
"""

import collections
import hashlib
import re
import signal
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import IO

from hack.places import CONTROL_PLANE, go_environment
from hack.processes import mortal, signal_group

OLDEST_GO = 21
"""Go 1.21 is the first that fetches the release which go.mod names."""
CURE = (
    "Put Go 1.21 or newer on the PATH (Debian 12 itself has 1.19: take it from go.dev or from "
    "bookworm-backports), or name a folder of ready programs in KUBEBUILDER_ASSETS."
)
REPORT_SECONDS = 5.0


class CannotBuild(RuntimeError):
    """The programs are missing and cannot be made here; the message says what to do."""


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


def elapsed(began: float) -> str:
    minutes, seconds = divmod(int(time.monotonic() - began), 60)
    return f"{minutes}:{seconds:02}"


def say(text: str) -> None:
    print(text, file=sys.stderr, flush=True)
