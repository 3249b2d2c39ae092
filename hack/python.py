# SPDX-License-Identifier: Apache-2.0
"""Says what is missing before the virtual environment is made, instead of failing half way.

Rule of this module: plain enough that an old Python can still read it.
"""

import importlib.util
import sys

NEEDED = (3, 11)


def missing() -> str:
    found = sys.version.split()[0]
    if sys.version_info < NEEDED:
        return f"Python 3.11 or newer is needed, this is {found}: make PYTHON=/path/to/python3.11"
    absent = [name for name in ("venv", "ensurepip") if importlib.util.find_spec(name) is None]
    if absent:
        return f"Python {found} has no {' and no '.join(absent)}. Debian: apt install python3-venv"
    return ""


if __name__ == "__main__":
    sys.exit(missing() or 0)
