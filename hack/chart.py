# SPDX-License-Identifier: Apache-2.0
"""Keeps the generated parts of the chart up to date: copies of the CRDs, the table in its README.

`python -m hack.chart` writes, `python -m hack.chart --check` only says what differs (exit 1).
Rule of this module: `crds/` and the `# --` comments in values.yaml are the source, nothing here
is written by hand twice. Only the standard library.
"""

import re
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from hack.places import CHART, CRDS, ROOT

BEGIN = "<!-- values: generated from values.yaml by hack/chart.py -->"
END = "<!-- /values -->"
LINE = re.compile(r"^(?P<indent> *)(?P<key>[A-Za-z][A-Za-z0-9]*):(?P<value>.*)$")
COMMENT = re.compile(r"^ *# (?:-- )?(?P<text>.*)$")


@dataclass(frozen=True, slots=True, kw_only=True)
class Value:
    """One documented key of values.yaml; `default` as it is written there."""

    path: str
    default: str
    text: str


def documented(source: str) -> Iterator[Value]:
    """The keys below a `# --` comment, each with the comment and the default beside it."""
    lines = source.splitlines()
    path: list[str] = []
    comment: list[str] = []
    open_comment = False
    for number, line in enumerate(lines):
        if line.lstrip().startswith("# --"):
            comment, open_comment = [], True
        if open_comment and (said := COMMENT.match(line)):
            comment.append(said["text"].strip())
            continue
        found = LINE.match(line)
        if found is None:
            open_comment = False
            continue
        depth = len(found["indent"]) // 2
        path = [*path[:depth], found["key"]]
        if open_comment:
            default = found["value"].strip() or _block(lines[number + 1 :], depth)
            yield Value(path=".".join(path), default=default, text=" ".join(comment))
            open_comment = False


def _block(following: list[str], depth: int) -> str:
    """A default of several lines, as one line in flow style."""
    inner = [line.strip() for line in _deeper(following, depth)]
    return "{" + ", ".join(inner) + "}"


def _deeper(lines: list[str], depth: int) -> Iterator[str]:
    for line in lines:
        if not line.strip() or len(line) - len(line.lstrip()) <= depth * 2:
            return
        yield line


def table(source: str) -> str:
    rows = [f"| `{v.path}` | `{v.default}` | {v.text} |" for v in documented(source)]
    return "\n".join(["| value | default | what it is for |", "|---|---|---|", *rows])


def readme(now: str, source: str) -> str:
    """The README with the table between its two marks renewed."""
    before, _, rest = now.partition(BEGIN)
    _, _, after = rest.partition(END)
    return f"{before}{BEGIN}\n{table(source)}\n{END}{after}"


def wanted() -> dict[Path, str]:
    """Every generated file with the content that it should have."""
    copies = CHART / "files" / "crds"
    files = {copies / crd.name: crd.read_text("utf-8") for crd in sorted(CRDS.glob("*.yaml"))}
    page = CHART / "README.md"
    values = (CHART / "values.yaml").read_text("utf-8")
    return {**files, page: readme(page.read_text("utf-8"), values)}


def stale() -> list[Path]:
    """Files that differ, are missing, or are copies of a CRD that is gone."""
    files = wanted()
    differing = [path for path, text in files.items() if _read(path) != text]
    return differing + [path for path in _copies() if path not in files]


def _copies() -> list[Path]:
    return sorted((CHART / "files" / "crds").glob("*"))


def _read(path: Path) -> str | None:
    return path.read_text("utf-8") if path.exists() else None


def write() -> None:
    files = wanted()
    for path, text in files.items():
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, "utf-8")
    for path in _copies():
        if path not in files:
            path.unlink()


def main(arguments: list[str]) -> int:
    found = stale()
    if "--check" not in arguments:
        write()
        return 0
    for path in found:
        print(
            f"{path.relative_to(ROOT)} is not up to date: run `python -m hack.chart`",
            file=sys.stderr,
        )
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
