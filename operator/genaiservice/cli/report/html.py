# SPDX-License-Identifier: Apache-2.0
"""The page as one HTML document for screen and paper (A4), without any outside asset or script.

Rule: colour only repeats what a sign and a word say; the words come from the page and words.py.
"""

from collections.abc import Iterator
from importlib import resources
from typing import Final
from xml.etree.ElementTree import Element

from genaiservice.api.problem import Lang, Text
from genaiservice.cli.report.changes import headline, short_digest
from genaiservice.cli.report.duties import duties
from genaiservice.cli.report.markup import element, written
from genaiservice.cli.report.page import Origin, Page
from genaiservice.cli.report.summary import summary
from genaiservice.cli.report.words import (
    AS_OF,
    DECLARATION,
    FIELD_NAMES,
    LAW,
    LEVEL,
    LEVELS,
    NO_ADVICE,
    NOTICE,
    REPORT,
    RULE_PACK,
    SERVICE,
    permitted,
)

# Even if a text ever became markup, nothing of it could run or be fetched.
_POLICY: Final = "default-src 'none'; style-src 'unsafe-inline'"
_TONGUE: Final = {Lang.ZH: "zh-CN", Lang.EN: "en"}
_FOOTER: Final = Text(en="Page {page} of {pages}", zh="第 {page} 页，共 {pages} 页")


def as_html(page: Page, lang: Lang) -> str:
    root = element(
        "html",
        _head(page, lang),
        element(
            "body",
            element("main", *_body(page, lang)),
        ),
        lang=_TONGUE[lang],
    )
    return written(root)


def _head(page: Page, lang: Lang) -> Element:
    policy = {"http-equiv": "Content-Security-Policy", "content": _POLICY}
    style = (resources.files(__package__) / "report.css").read_text("utf-8")
    return element(
        "head",
        element("meta", charset="utf-8"),
        element("meta", None, **policy),
        element("meta", name="viewport", content="width=device-width, initial-scale=1"),
        element("title", f"{page.title} · {REPORT.in_(lang)} · {page.as_of}"),
        element("style", style + _running(page, lang)),
    )


def _running(page: Page, lang: Lang) -> str:
    """What stands at the foot of each printed page. No text of a user may come in here."""
    left = f"{AS_OF.in_(lang)} {page.as_of} · {_pack(page, lang)}"
    before, _, rest = _FOOTER.in_(lang).partition("{page}")
    between, _, after = rest.partition("{pages}")
    number = f"{_css(before)} counter(page) {_css(between)} counter(pages) {_css(after)}"
    return (
        "@page { @bottom-left { content: "
        + _css(left)
        + "; } @bottom-right { content: "
        + number
        + "; } }\n"
    )


def _css(text: str) -> str:
    """A string of a style sheet in which only letters and digits stand for themselves."""
    signs = (one if one.isalnum() and one.isascii() else f"\\{ord(one):06x}" for one in text)
    return f'"{"".join(signs)}"'


def _pack(page: Page, lang: Lang) -> str:
    return f"{RULE_PACK.in_(lang)} {page.rule_pack} ({short_digest(page.digest)})"


def _body(page: Page, lang: Lang) -> Iterator[Element]:
    yield _masthead(page, lang)
    yield _verdict(page, lang)
    yield from summary(page, lang)
    yield from duties(page, lang)
    yield _closing(lang)


def _masthead(page: Page, lang: Lang) -> Element:
    facts = [
        (SERVICE, f"{page.namespace}/{page.name}" if page.namespace else page.name),
        *((title, value.in_(lang)) for title, value in page.header),
        (DECLARATION, _declaration(page, lang)),
        (AS_OF, page.as_of.isoformat()),
        (RULE_PACK, f"{page.rule_pack} ({short_digest(page.digest)})"),
    ]
    return element(
        "header",
        element("p", REPORT.in_(lang), kind="kicker"),
        element("h1", page.title),
        element("p", LAW.in_(lang), kind="law"),
        element("ul", *(_fact(title.in_(lang), value) for title, value in facts), kind="facts"),
    )


def _fact(title: str, value: str) -> Element:
    return element("li", element("span", title), element("b", value))


def _declaration(page: Page, lang: Lang) -> str:
    where = str(page.generation) if page.origin is Origin.CLUSTER else page.place
    return f"{page.origin.words.in_(lang)} {where}".strip()


def _verdict(page: Page, lang: Lang) -> Element:
    allowed = page.outcome.allowed
    words = headline(allowed, page.outcome.suspended).in_(lang)
    limits = permitted(page).in_(lang)
    return element(
        "section",
        element(
            "p", element("span", "✓" if allowed else "✗", kind="sign"), " ", words, kind="word"
        ),
        element(
            "div",
            element("p", page.outcome.message.in_(lang)),
            element("p", limits, kind="limits"),
            kind="because",
        ),
        kind=f"verdict {'good' if allowed else 'block'}",
    )


def _closing(lang: Lang) -> Element:
    levels = [
        element("li", element("b", level.value), " ", text.in_(lang))
        for level, text in LEVELS.items()
    ]
    return element(
        "footer",
        element("div", element("h3", LEVEL.in_(lang)), element("ul", *levels)),
        element(
            "div",
            element("h3", NOTICE.in_(lang)),
            element("p", NO_ADVICE.in_(lang)),
            element("p", FIELD_NAMES.in_(lang)),
        ),
    )
