# SPDX-License-Identifier: Apache-2.0
"""Which declared addresses are worth a look, and what to look for on each.

Pure: declaration in, list out. Who fetches decides how (limits on size, time, redirects, addresses)
and answers each entry with one `facts.Page` under the same field. Text and needle are compared
without blanks, case and width (`plain`): 10 个 工作日 is found as １０个工作日. The text of an
HTML page is what people see of it and the targets of its links.
"""

import re
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Any, Final

from genaiservice.api.jsontree import Json, lookup
from genaiservice.rules.numbers import CHINESE_DIGITS, in_chinese, normalise
from genaiservice.rules.paths import FieldPath, relative

_EDGE: Final = "\ue000"
"""Of private use, so that no form of normalisation takes it away."""
MOST: Final = 64
"""Addresses looked at for one service; further ones stay at level V1."""


class Kind(StrEnum):
    PAGE = "page"
    """Text for people: HTML or plain text."""
    DOCUMENT = "document"
    """Evidence with a declared SHA-256; only the hash matters."""
    FEED = "feed"
    """JSON; its needle `noneOverdue` holds when its member `overdue` is the number 0."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Needle:
    """Found when, for every group, one of its texts is in the page.

    `whole`: the texts begin with a number, and that of the page must not be a longer one."""

    name: str
    groups: tuple[tuple[str, ...], ...]
    whole: bool = False

    def found_in(self, text: str) -> bool:
        """`text` as `searchable` returns it."""
        if not self.whole:
            text = text.replace(_EDGE, "")
        return all(any(self._holds(text, plain(part)) for part in group) for group in self.groups)

    def _holds(self, text: str, part: str) -> bool:
        if not self.whole:
            return part in text
        # 10<b>个</b>工作日 is one saying; a telephone number in the line before is another.
        written = f"{_EDGE}*".join(map(re.escape, part))
        return re.search(f"(?<![0-9{CHINESE_DIGITS}十百]){written}", text) is not None


@dataclass(frozen=True, slots=True, kw_only=True)
class Wanted:
    """One address to look at. `field` is the key of its fact."""

    field: str
    url: str
    kind: Kind = Kind.PAGE
    needles: tuple[Needle, ...] = ()


def plain(text: str) -> str:
    return normalise(text).casefold()


def searchable(text: str) -> str:
    """A page for `Needle.found_in`: `plain`, but where lines and elements end is still seen."""
    return plain(text.replace("\n", _EDGE))


def pages_of(declaration: Any) -> tuple[Wanted, ...]:
    """The addresses of a declaration; what is no https address is left out."""
    found = [*_pages(declaration), *_documents(declaration)]
    return tuple(wanted for wanted in found if _is_https(wanted.url))[:MOST]


_LABEL_METHOD: Final = ("显式标识", "隐式标识", "标识方法", "标识方式", "标识样式", "content label")
_LABEL_DUTY: Final = ("主动声明", "添加标识", "标识义务", "不得删除", "不得恶意删除", "declare")


def _pages(tree: Any) -> Iterator[Wanted]:
    for path, needles in _NEEDLES.items():
        for trail, value in FieldPath.parse(path).places(tree):
            if isinstance(value, str):
                yield Wanted(field=relative(trail), url=value.strip(), needles=tuple(needles(tree)))
    for index, host in enumerate(_texts(tree, "scope.publicHosts[]")):
        if "*" in host:  # no single address: nothing to look at
            continue
        url = f"https://{host.strip()}/"
        yield Wanted(
            field=f"scope.publicHosts[{index}]", url=url, needles=tuple(_numbers_shown(tree))
        )
    feed = lookup(tree, "complaints", "ticketFeed")
    if isinstance(feed, str):
        yield Wanted(field="complaints.ticketFeed", url=feed.strip(), kind=Kind.FEED)


def _documents(tree: Any) -> Iterator[Wanted]:
    for path in DOCUMENTS:
        value = FieldPath.parse(path).value(tree)
        uri = lookup(value, "uri")
        if isinstance(uri, str):
            yield Wanted(field=path, url=uri.strip(), kind=Kind.DOCUMENT)


def _complaints(tree: Any) -> Iterator[Needle]:
    yield Needle(name="contact", groups=(_texts(tree, "complaints.phone", "complaints.email"),))
    yield from _time_limit(tree)


def _time_limit(tree: Any) -> Iterator[Needle]:
    days = lookup(tree, "complaints", "feedbackWorkingDays")
    forms = (f"{days}个工作日", f"{in_chinese(days)}个工作日", f"{days} working day")
    yield Needle(name="timeLimit", groups=(forms,), whole=True)


def _statement(tree: Any) -> Iterator[Needle]:
    for name in ("users", "occasions", "uses"):
        yield _each(name, _texts(tree, f"publicStatement.{name}[]"))


def _models(tree: Any) -> Iterator[Needle]:
    yield _each("models", _texts(tree, "models[].name"))


def _agreement(_: Any) -> Iterator[Needle]:
    yield Needle(name="LabelMethod", groups=(_LABEL_METHOD,))
    yield Needle(name="UserLabelDuty", groups=(_LABEL_DUTY,))


def _numbers_shown(tree: Any) -> Iterator[Needle]:
    filings = [item for item in lookup(tree, "filings", default=()) or () if isinstance(item, dict)]
    own = [item for item in filings if item.get("role") == "ServiceProvider"]
    algorithm = [item for item in own if item.get("kind") == "AlgorithmFiling"]
    model = [item for item in own if item.get("kind") in ("GenAIFiling", "GenAIRegistration")]
    licences = [item for item in lookup(tree, "licences", default=()) or () if _is_icp(item)]
    yield _each("algorithmNumber", _members(algorithm, "number"))
    yield _each("publicityLink", _members(algorithm, "publicityUrl"))
    yield _each("modelNumber", _members(model, "number"))
    yield _each("icpNumber", _members(licences, "number"))


def _is_icp(item: Any) -> bool:
    return lookup(item, "kind") in ("ICPFiling", "ICPLicence")


def _nothing(_: Any) -> Iterator[Needle]:
    yield from ()


_NEEDLES: Final[dict[str, Callable[[Any], Iterator[Needle]]]] = {
    "complaints.url": _complaints,
    "complaints.processUrl": _time_limit,
    "agreement.url": _agreement,
    "publicStatement.url": _statement,
    "publicStatement.limitationsUrl": _nothing,
    "publicStatement.modelOverviewUrl": _models,
    "personalInfo.rulesUrl": _nothing,
    "personalInfo.requests.url": _nothing,
    "personalInfo.trainingReuseOptOutUrl": _nothing,
}

DOCUMENTS: Final = (
    "contentSafety.keywordLibrary.ref",
    "contentSafety.testBanks.generation.ref",
    "contentSafety.testBanks.refusal.ref",
    "contentSafety.testBanks.nonRefusal.ref",
    "trainingData.manifest",
    "inspection.dossier.trainingDataSource",
    "inspection.dossier.scale",
    "inspection.dossier.types",
    "inspection.dossier.annotationRules",
    "inspection.dossier.algorithmMechanism",
)
"""EvidenceRefs whose hash a requirement compares, where an https address makes that possible."""


def _each(name: str, texts: tuple[str, ...]) -> Needle:
    return Needle(name=name, groups=tuple((text,) for text in texts))


def _members(items: Sequence[Json], key: str) -> tuple[str, ...]:
    return tuple(value for item in items if isinstance(value := item.get(key), str) and value)


def _texts(tree: Any, *paths: str) -> tuple[str, ...]:
    return tuple(
        value
        for path in paths
        for _, value in FieldPath.parse(path).places(tree)
        if isinstance(value, str)
    )


def _is_https(url: str) -> bool:
    return url[:8].lower() == "https://"
