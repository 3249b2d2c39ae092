# SPDX-License-Identifier: Apache-2.0
import subprocess
import sys

BURST = """
import ctypes, re, sys
from genaiservice.control import memory

def resident():
    text = open("/proc/self/status").read()
    return int(re.search(r"VmRSS:\\s+(\\d+) kB", text)[1])

if sys.argv[1] == "asked":
    memory.give_back()
largest = bytearray(16 << 20)
del largest  # from here on, glibc would keep twice as much
before = resident()
page = [b"x" * 100_000 for _ in range(200)]
del page
print(resident() - before)
"""


def kept_kib(asked: str) -> int:
    run = subprocess.run(
        [sys.executable, "-c", BURST, asked], capture_output=True, text=True, check=True, timeout=30
    )
    return int(run.stdout)


def test_what_a_burst_took_is_given_back() -> None:
    assert kept_kib("asked") < 2_000 < kept_kib("not asked")
