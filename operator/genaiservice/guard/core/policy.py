# SPDX-License-Identifier: Apache-2.0
"""The moderation policy, compiled once and shared by every exchange.

`compile_policy` takes the parsed policy file (`version`, `mask`, `refusal`, `classes`, `allow`,
`normalisation`) and its hash, which it only carries along. It is pure; an unusable policy raises
`ProblemError` with every problem in it, and no problem quotes a term.
"""

import zlib
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Final

from genaiservice.api import pattern
from genaiservice.api.jsontree import Json, lookup
from genaiservice.api.policy_file import FORMS, USUAL_WITHIN
from genaiservice.api.problem import Lang, Problem, ProblemError, Text
from genaiservice.guard.core.effects import Action, Decision
from genaiservice.guard.core.matcher import Risk, Rule, TermSet
from genaiservice.guard.core.normalise import Normaliser, Switches
from genaiservice.guard.core.patterns import Mixed, Patterns
from genaiservice.guard.core.repeats import Stretched
from genaiservice.guard.core.words import own_gaps

PROBLEMS_SHOWN: Final = 20
TERM_LIMIT: Final = 4096
"""Longest normalised term; a character may become up to 18."""

Entries = dict[str, tuple[int, int]]
Shape = tuple[pattern.Node, Rule]
Breaks = dict[str, frozenset[int]]


@dataclass(frozen=True, slots=True, kw_only=True)
class Policy:
    """`enforced` holds the terms that alter an answer (Block, Mask), `flagged` the others.

    A term that lies wholly inside an occurrence of a word of `allowed` is no hit.
    """

    name: str
    hash: str
    terms: int
    mask: str
    refusal: Text
    answers: Mapping[str, tuple[Text, ...]]
    """The prepared answers of the classes whose action is Replace; to a screener it is Block."""
    actions: Mapping[str, Action]
    """What each class does; a class that is not there has no terms, and blocks."""
    normaliser: Normaliser
    enforced: TermSet | Mixed | None
    flagged: TermSet | Mixed | None
    allowed: TermSet | None

    def reply(self, rule: str, lang: Lang) -> str:
        """What is said instead of what met this rule (`Rule.id`, `Decision.rule`).

        A prepared answer of its class, always the same one for the same rule and list of answers,
        so that replicas and repeated questions agree; else the refusal.
        """
        answers = self.answers.get(rule.partition(":")[0])
        if not answers:
            return self.refusal.in_(lang)
        return answers[zlib.crc32(rule.encode()) % len(answers)].in_(lang)

    def words(self, decisions: Iterable[Decision], lang: Lang, choice: int = 0) -> str:
        """The same for the Block among these decisions (of this choice of the answer).

        For every dialect's refusal, in the place of `refusal.in_`.
        """
        for decision in decisions:
            if decision.action is Action.BLOCK and decision.choice == choice:
                return self.reply(decision.rule, lang)
        return self.refusal.in_(lang)


def compile_policy(tree: Json, digest: str) -> Policy:
    """The policy ready to screen with; raises `ProblemError` for one that cannot be used."""
    problems = list(_shape_problems(tree))
    if problems:
        raise ProblemError(*problems)
    normaliser = Normaliser(switches_of(tree.get("normalisation", {})))
    classes = tuple(
        Risk(risk, _action(part), part.get("threshold", 1), sort)
        for sort in ("term", *FORMS)
        for risk, part in tree["classes"].items()
        if sort == "term" or part.get(sort)
    )
    strongest, breaks, problems = _strongest(tree["classes"], classes, normaliser)
    if problems:
        raise ProblemError(*problems[:PROBLEMS_SHOWN])
    flags = {place for place, risk in enumerate(classes) if risk.action is Action.FLAG}
    enforced = {term: at for term, at in strongest.items() if at[0] not in flags}
    flagged = {term: at for term, at in strongest.items() if at[0] in flags}
    kind = _kind(normaliser)
    shapes = list(_shapes(tree["classes"], classes, normaliser))
    sets = [
        _matcher(
            kind(entries, classes, breaks) if entries else None,
            [shape for shape in shapes if (shape[1].action is Action.FLAG) is flag],
            normaliser,
        )
        for flag, entries in ((False, enforced), (True, flagged))
    ]
    allowed = _allowed(tree.get("allow", []), strongest, shapes, normaliser)
    for entries in (enforced, flagged, strongest):
        while entries:  # one by one: freeing them all in one call would keep every stream waiting
            entries.popitem()
    return Policy(
        name=str(tree.get("name", "")),
        hash=digest,
        terms=sum(len(part["terms"]) for part in tree["classes"].values()),
        mask=tree.get("mask", "＊"),
        refusal=Text.of(tree["refusal"]),
        answers={
            risk: tuple(map(Text.of, part["answers"]))
            for risk, part in tree["classes"].items()
            if part["action"] == "Replace"
        },
        actions={risk.name: risk.action for risk in classes},
        normaliser=normaliser,
        enforced=sets[0],
        flagged=sets[1],
        allowed=allowed,
    )


def _shapes(tree: Json, classes: tuple[Risk, ...], normaliser: Normaliser) -> Iterator[Shape]:
    """Patterns and context rules, each with its place in the policy."""
    for risk, action, threshold, sort in classes:
        if sort != "term":
            continue
        for index, written in enumerate(tree[risk].get("patterns", ())):
            rule = Rule(risk=risk, index=index, action=action, sort="pattern", threshold=threshold)
            yield pattern.parse(written), rule
        for index, context in enumerate(tree[risk].get("contexts", ())):
            first, second = (
                tuple(filter(None, map(normaliser.normalise, context[key])))
                for key in ("first", "second")
            )
            rule = Rule(risk=risk, index=index, action=action, sort="context", threshold=threshold)
            yield pattern.near(first, second, context.get("within", USUAL_WITHIN)), rule


def _matcher(
    terms: TermSet | None, shapes: list[Shape], normaliser: Normaliser
) -> TermSet | Mixed | None:
    if not shapes:
        return terms
    trees, rules = zip(*shapes, strict=True)
    base = 2 * len(terms) if terms else 0
    return Mixed(terms, Patterns(trees, rules, normaliser, base), words=normaliser.words)


def _kind(normaliser: Normaliser) -> type[TermSet]:
    return Stretched if normaliser.repeats else TermSet


def _action(part: Json) -> Action:
    """Replace is Block with other words, so that nothing but the words can differ."""
    return Action.BLOCK if part["action"] == "Replace" else Action(part["action"])


def switches_of(tree: Json) -> Switches:
    return Switches(
        width=tree.get("width", True),
        case=tree.get("case", True),
        zero_width=tree.get("zeroWidth", True),
        traditional=tree.get("traditional", True),
        separators=tree.get("separators", True),
        words=tree.get("words", True),
        digits=tree.get("digits", False),
        leet=tree.get("leet", False),
        repeats=tree.get("repeats", False),
    )


def _strongest(
    tree: Json, classes: tuple[Risk, ...], normaliser: Normaliser
) -> tuple[Entries, Breaks | None, list[Problem]]:
    """Normalised term -> its place; of equal terms the one with the strongest action counts.

    And the terms that have gaps of their own, when word boundaries count.
    """
    entries: Entries = {}
    breaks: Breaks = {}
    problems: list[Problem] = []
    for place, risk in enumerate(classes):
        terms = tree[risk.name]["terms" if risk.sort == "term" else risk.sort]
        for index, normal in enumerate(normaliser.normalise_all(terms)):
            if not 2 <= len(normal) <= TERM_LIMIT:
                if risk.sort != "term":
                    continue  # the term itself is met; what a switch leaves of a form is no matter
                problems.append(_unusable_term(f"classes.{risk.name}.terms[{index}]", len(normal)))
                continue
            other = entries.get(normal)
            if other is None or classes[other[0]].strength < risk.strength:
                entries[normal] = (place, index)
            written = terms[index]
            if normaliser.words and written != normal:
                own = own_gaps(written, normaliser)
                if own:
                    breaks[normal] = breaks.get(normal, frozenset()) | own
    return entries, breaks if normaliser.words else None, problems


def _allowed(
    words: list[str], terms: Entries, shapes: list[Shape], normaliser: Normaliser
) -> TermSet | None:
    """Only words that contain a term matter; the others would keep text open without cause."""
    lookout = _matcher(
        _kind(normaliser)(terms, (Risk("", Action.FLAG),)) if terms and words else None,
        shapes,
        normaliser,
    )
    if not words or lookout is None:
        return None
    normals = (normaliser.normalise(word) for word in words)
    useful = {word: (0, 0) for word in normals if word and lookout.hits(word)}
    return TermSet(useful, (Risk("", Action.FLAG),)) if useful else None


def _unusable_term(where: str, size: int) -> Problem:
    return Problem(
        what=Text(
            en=f"the term has {size} characters after normalisation",
            zh=f"该词归一化后有 {size} 个字符",
        ),
        why=Text(
            en=f"a term needs 2 to {TERM_LIMIT}; a shorter one would stop ordinary text",
            zh=f"词条需 2 至 {TERM_LIMIT} 个字符；过短会误拦正常文本",
        ),
        next=Text(
            en="remove it, write it out, or switch off the normalisation that shortens it",
            zh="请删除、写全，或关闭使其变短的归一化开关",
        ),
        where=where,
    )


def _shape_problems(tree: Any) -> Iterator[Problem]:
    checks: tuple[tuple[tuple[str, ...], bool, str], ...] = (
        (("version",), lookup(tree, "version") == 1, "1"),
        (("mask",), _is_mask(lookup(tree, "mask", default="＊")), "a string of 0 to 8 characters"),
        (("refusal", "en"), isinstance(lookup(tree, "refusal", "en"), str), "a string"),
        (("refusal", "zh"), isinstance(lookup(tree, "refusal", "zh"), str), "a string"),
        (("classes",), isinstance(lookup(tree, "classes"), dict), "an object"),
        (("allow",), _is_strings(lookup(tree, "allow", default=[])), "a list of strings"),
        (("normalisation",), _is_switches(lookup(tree, "normalisation", default={})), "booleans"),
    )
    for path, holds, wanted in checks:
        if not holds:
            yield _misshapen(".".join(path), wanted)
    classes = lookup(tree, "classes")
    if not isinstance(classes, dict):
        return
    if len(classes) > 80:
        yield _misshapen("classes", "at most 80 classes")  # each has three sorts of terms
    for risk, part in classes.items():
        if lookup(part, "action") not in ("Block", "Replace", "Mask", "Flag"):
            yield _misshapen(f"classes.{risk}.action", "Block, Replace, Mask or Flag")
        if lookup(part, "action") == "Replace" and not lookup(part, "answers"):
            yield _misshapen(f"classes.{risk}.answers", "at least one prepared answer")
        if not _is_strings(lookup(part, "terms")):
            yield _misshapen(f"classes.{risk}.terms", "a list of strings")


def _is_strings(value: Any) -> bool:
    return isinstance(value, list) and all(isinstance(item, str) for item in value)


def _is_mask(value: Any) -> bool:
    return isinstance(value, str) and len(value) <= 8


def _is_switches(value: Any) -> bool:
    return isinstance(value, dict) and all(isinstance(switch, bool) for switch in value.values())


def _misshapen(where: str, wanted: str) -> Problem:
    return Problem(
        what=Text(en="the policy file is malformed here", zh="策略文件此处格式有误"),
        why=Text(en=f"expected: {wanted}", zh=f"应为：{wanted}"),
        next=Text(
            en="let the operator render the file again, or correct it",
            zh="请由控制器重新生成，或自行更正",
        ),
        where=where,
    )
