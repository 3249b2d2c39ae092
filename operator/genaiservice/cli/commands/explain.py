# SPDX-License-Identifier: Apache-2.0
"""`genaictl explain`: what a requirement or an article asks for, and how it is checked."""

from rich.console import Console

from genaiservice.api.problem import Lang, Problem, ProblemError, Text
from genaiservice.cli import render
from genaiservice.rules.pack import load_catalogue
from genaiservice.rules.requirement import Requirement

BASES = {
    "law": Text(en="law", zh="法律法规"),
    "standard": Text(en="standard", zh="标准"),
    "guideline": Text(en="guideline", zh="指南"),
    "practice": Text(en="practice of the authorities", zh="监管实践"),
}
FROM = Text(en="in force from", zh="生效日期")
BASIS = Text(en="basis", zh="依据")
DECLARE = Text(en="declare in spec.compliance", zh="在 spec.compliance 中申报")
FAMILY = Text(en="condition", zh="状态条件")


def explain(subject: str) -> list[Requirement]:
    """Requirements by id (`IM-17-1`) or by article (`17`); raises ProblemError for neither."""
    wanted = subject.strip().upper().removeprefix("ART.").strip()
    every = [compiled.requirement for compiled in load_catalogue().requirements]
    found = [r for r in every if r.id == wanted or str(r.article) == wanted]
    if not found:
        known = ", ".join(requirement.id for requirement in every)
        raise ProblemError(
            Problem(
                what=Text(
                    en=f"no requirement or article {subject!r}", zh=f"没有要求或条款 {subject!r}"
                ),
                why=Text(en=f"known: {known}", zh=f"可用：{known}"),
                next=Text(en="give one of these, or an article number", zh="请使用其一或条款号"),
            )
        )
    return found


def show(console: Console, requirements: list[Requirement], lang: Lang) -> None:
    for requirement in requirements:
        article = render.ARTICLE.format(n=requirement.article).in_(lang)
        console.print(f"{requirement.id}  {requirement.title.in_(lang)}  ({article})", style="bold")
        basis = f"{BASES[requirement.basis.value].in_(lang)}: {requirement.source.in_(lang)}"
        render.line(console, BASIS.in_(lang), basis)
        render.line(console, FROM.in_(lang), requirement.effective_from.isoformat())
        render.line(console, FAMILY.in_(lang), requirement.family.value)
        owner = render.OWNERS[requirement.owner.value].in_(lang)
        render.line(console, render.WHO.in_(lang), owner)
        console.print(f"    {DECLARE.in_(lang)}:")
        for step in requirement.requires:
            console.print(f"      {step.field}: {step.expects.in_(lang)}", markup=False)
        console.print()
