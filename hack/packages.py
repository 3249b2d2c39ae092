# SPDX-License-Identifier: Apache-2.0
"""`python -m hack.packages nginx …`: programs of Debian that tests decode with
and benchmarks compare with.

Installs what is missing when that is possible without asking (root, apt-get); otherwise says
what to install. Rule of this module: what is there is left as it is, and no service is started.
"""

import os
import shutil
import subprocess
import sys

from hack.places import environment

PROGRAMS = {
    "ffmpeg": "ffprobe",
    "libarchive-zip-perl": "crc32",
    "libimage-exiftool-perl": "exiftool",
    "nginx": "nginx",
    "redis-server": "redis-server",
}
"""Debian package -> the program that shows that it is installed."""

APT_SECONDS = 600


def missing(packages: list[str]) -> list[str]:
    # Daemons lie in /usr/sbin, which is not on the PATH of every user.
    path = environment().get("PATH", "") + ":/usr/sbin:/sbin"
    return [package for package in packages if not shutil.which(PROGRAMS[package], path=path)]


def install(packages: list[str]) -> str:
    """Install them; what went wrong, or ""."""
    by_hand = f"Install it and start again: sudo apt-get install {' '.join(packages)}"
    if os.geteuid() != 0 or not shutil.which("apt-get"):
        return f"Missing: {', '.join(packages)}. {by_hand}"
    # RUNLEVEL=1: Debian's scripts then start no service.
    variables = {**environment(), "DEBIAN_FRONTEND": "noninteractive", "RUNLEVEL": "1"}
    for command in (["update", "-qq"], ["install", "-qq", "--no-install-recommends", *packages]):
        print(f"apt-get {' '.join(command)}", file=sys.stderr)
        done = subprocess.run(
            ["apt-get", *command],
            env=variables,
            timeout=APT_SECONDS,
            capture_output=True,
            text=True,
            check=False,
        )
        if done.returncode:
            return f"apt-get {command[0]} failed: {done.stderr.strip()[-2000:]}\n{by_hand}"
    return ""


def main(packages: list[str]) -> str | int:
    unknown = [package for package in packages if package not in PROGRAMS]
    if unknown:
        return f"Not known: {', '.join(unknown)}. Known: {', '.join(PROGRAMS)}"
    absent = missing(packages)
    return (install(absent) or 0) if absent else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
