# SPDX-License-Identifier: Apache-2.0
"""Laws of the verdict, on declarations that nobody would write.

No input makes judge() raise; the same input gives the same verdict; nothing changes before
next_change; what is not declared does not pass; and the fast evaluator agrees with jsonschema.
"""

import copy
from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import date, timedelta
from typing import Any

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from jsonschema import Draft202012Validator, FormatChecker

from genaiservice.rules.cases import FACTS, declaration_of, facts_of, put
from genaiservice.rules.judge import judge
from genaiservice.rules.numbers import FORMATS
from genaiservice.rules.pack import load_catalogue
from genaiservice.rules.paths import Void
from genaiservice.rules.verdict import Result, Severity, Verdict
from genaiservice.rules.whole import all_of, whole_schema

CATALOGUE = load_catalogue()
TODAY = date(2026, 11, 25)
CASES = [case for compiled in CATALOGUE.requirements for case in compiled.requirement.cases]
laws = settings(
    max_examples=150, deadline=None, derandomize=True, suppress_health_check=[HealthCheck.too_slow]
)


def values_of(tree: Any) -> Iterator[Any]:
    if isinstance(tree, dict | list):
        for inner in tree.values() if isinstance(tree, dict) else tree:
            yield from values_of(inner)
    else:
        yield tree


# Words that mean something somewhere, so that a wrong place is as likely as a wrong word.
WORDS = sorted({value for value in values_of(CATALOGUE.complete) if isinstance(value, str)})
days = st.dates(date(2024, 1, 1), date(2029, 12, 31)).map(date.isoformat)
leaves = (
    st.none()
    | st.booleans()
    | st.integers(-10, 2000)
    | st.integers()
    | st.floats(allow_nan=False)
    | st.text(max_size=12)
    | st.sampled_from(WORDS)
    | days
    | st.sampled_from(["Revoked", "Submitted", "LegalText", "InternalOnly", "Prohibited", "Open"])
)
json_values = st.recursive(
    leaves,
    lambda inner: (
        st.lists(inner, max_size=4)
        | st.dictionaries(
            st.sampled_from(sorted(CATALOGUE.complete)) | st.text(), inner, max_size=4
        )
    ),
    max_leaves=12,
)


def trails_of(tree: Any, trail: tuple[str | int, ...] = ()) -> Iterator[tuple[str | int, ...]]:
    items = tree.items() if isinstance(tree, dict) else enumerate(tree)
    for key, value in items:
        yield (*trail, key)
        if isinstance(value, dict | list):
            yield from trails_of(value, (*trail, key))


@st.composite
def damaged(draw: st.DrawFn) -> Any:
    """A declaration of a case with up to four places replaced by anything."""
    case = draw(st.sampled_from(CASES))
    tree = declaration_of(case, CATALOGUE.complete)
    for _ in range(draw(st.integers(0, 4))):
        trails = list(trails_of(tree))
        if trails:
            value = draw(json_values)
            put(tree, list(draw(st.sampled_from(trails))), copy.deepcopy(value))
    return tree


declarations = damaged() | json_values
shown = st.dictionaries(
    st.sampled_from(["takenAt", "replicas", "probes", "exposure", "images", "status", "failures"]),
    json_values,
)
facts = (
    st.just(FACTS)
    | st.sampled_from([facts_of(case) for case in CASES])
    | json_values
    | st.fixed_dictionaries(
        {
            "workload": json_values,
            "cluster": shown | json_values,
            "pages": st.dictionaries(
                st.sampled_from(["complaints.url", "agreement.url", "scope.publicHosts[0]"]),
                shown | json_values,
            ),
        }
    )
)


def outcome(verdict: Verdict) -> Any:
    return verdict.findings, verdict.suspension


@laws
@given(declarations, facts, st.dates())
def test_no_input_makes_judge_raise_and_every_requirement_answers(
    declaration: Any, seen: Any, today: date
) -> None:
    verdict = judge(CATALOGUE, declaration, seen, today)
    assert [found.id for found in verdict.findings] == [
        compiled.requirement.id for compiled in CATALOGUE.requirements
    ]
    for found in verdict.findings:
        assert found.field.startswith("spec.compliance") == found.open
        assert found.message.en
        assert found.message.zh
        assert len(found.message.zh) < 600
        (found.message.en + found.message.zh + found.remedy.en).encode()


@laws
@given(declarations, facts, st.dates(date(2020, 1, 1), date(2030, 1, 1)))
def test_the_same_input_gives_the_same_verdict_and_stays_unchanged(
    declaration: Any, seen: Any, today: date
) -> None:
    before = copy.deepcopy((declaration, seen))
    first = judge(CATALOGUE, declaration, seen, today)
    second = judge(load_catalogue(), copy.deepcopy(declaration), copy.deepcopy(seen), today)
    assert first == second
    assert (declaration, seen) == before


@laws
@given(damaged(), st.dates(date(2023, 1, 1), date(2030, 1, 1)), st.floats(0, 1))
def test_nothing_changes_before_the_next_change(
    declaration: Any, today: date, fraction: float
) -> None:
    verdict = judge(CATALOGUE, declaration, FACTS, today)
    if verdict.next_change is None:
        later = [today + timedelta(days=int(fraction * 20_000)), date(9000, 1, 1)]
    else:
        assert verdict.next_change > today
        last = (verdict.next_change - today).days - 1
        later = [today + timedelta(days=last), today + timedelta(days=int(fraction * last))]
    for day in later:
        assert outcome(judge(CATALOGUE, declaration, FACTS, day)) == outcome(verdict)


@laws
@given(damaged(), st.dates(date(2025, 1, 1), date(2029, 1, 1)))
def test_following_the_next_changes_meets_every_change(declaration: Any, start: date) -> None:
    """Looking again only on the days that verdicts name is as good as looking every day."""
    followed = judge(CATALOGUE, declaration, FACTS, start)
    for offset in range(0, 420, 35):
        day = start + timedelta(days=offset)
        while followed.next_change is not None and followed.next_change <= day:
            followed = judge(CATALOGUE, declaration, FACTS, followed.next_change)
        assert outcome(judge(CATALOGUE, declaration, FACTS, day)) == outcome(followed)


@laws
@given(st.sampled_from(sorted(CATALOGUE.complete)), damaged())
def test_a_group_that_is_not_declared_makes_nothing_pass_that_blocked(
    group: str, declaration: Any
) -> None:
    if not isinstance(declaration, dict) or group not in declaration:
        return
    before = judge(CATALOGUE, declaration, FACTS, TODAY)
    less = {key: value for key, value in declaration.items() if key != group}
    after = judge(CATALOGUE, less, FACTS, TODAY)
    if group == "profile":  # without it the stricter default counts
        assert after.allowed <= before.allowed or before.suspension == after.suspension
        return
    for old, new in zip(before.findings, after.findings, strict=True):
        # Statistics of complaints are kept by whoever says so, and by nobody else.
        if old.open and (old.id, group) != ("IM-15-2", "complaints"):
            assert new.result is not Result.PASS, (old.id, group)
            assert new.result is not Result.NOT_APPLICABLE, (old.id, group)


ONLY_WARNED = {"annotation": "IM-08-1", "inspection": "IM-19-1"}


@laws
@given(st.sets(st.sampled_from(sorted(CATALOGUE.complete)), min_size=1))
def test_an_incomplete_declaration_never_opens_the_gate(left_out: set[str]) -> None:
    asked = left_out - {"profile", "serviceStartOn", *ONLY_WARNED}  # a default, and no clock
    less = {key: value for key, value in CATALOGUE.complete.items() if key not in left_out}
    verdict = judge(CATALOGUE, less, FACTS, TODAY)
    assert verdict.allowed == (not asked)
    for group in left_out & set(ONLY_WARNED):
        (found,) = (found for found in verdict.findings if found.id == ONLY_WARNED[group])
        assert (found.result, found.severity) == (Result.UNKNOWN, Severity.WARN)


STEPWISE = replace(
    CATALOGUE,
    whole=lambda _: False,
    requirements=tuple(
        replace(compiled, whole=lambda _: False) for compiled in CATALOGUE.requirements
    ),
)


@laws
@given(declarations, st.dates(date(2025, 1, 1), date(2029, 1, 1)))
def test_the_short_way_over_whole_schemas_changes_no_verdict(declaration: Any, today: date) -> None:
    assert judge(CATALOGUE, declaration, FACTS, today) == judge(STEPWISE, declaration, FACTS, today)


# -- the oracle ----------------------------------------------------------------------------------

CHECKER = FormatChecker(formats=())
for name, known in FORMATS.items():

    def holds(value: object, known: Callable[[str], bool] = known) -> bool:
        return known(value) if isinstance(value, str) else True

    CHECKER.checks(name)(holds)


def oracle(schema: Any) -> Draft202012Validator:
    whole = {"$defs": CATALOGUE.definitions, **schema} if isinstance(schema, dict) else schema
    return Draft202012Validator(whole, format_checker=CHECKER)


CONDITIONS = [
    (CATALOGUE.whole, oracle(all_of(each.requirement for each in CATALOGUE.requirements)))
]
STEP_SCHEMAS = []
for compiled in CATALOGUE.requirements:
    rule = compiled.requirement
    CONDITIONS.append((compiled.applies, oracle(rule.applies_when)))
    CONDITIONS.append((compiled.whole, oracle(whole_schema(rule.requires))))
    for step in compiled.steps:
        if step.when is not None:
            CONDITIONS.append((step.when, oracle(step.step.when)))
        if step.schema is not None:
            STEP_SCHEMAS.append((step, step.schema, oracle(step.step.schema)))


@settings(laws, max_examples=60)
@given(declarations)
def test_the_fast_evaluator_agrees_with_jsonschema_on_declarations(declaration: Any) -> None:
    for fast, slow in CONDITIONS:
        assert fast(declaration) == slow.is_valid(declaration), slow.schema
    for step, fast, slow in STEP_SCHEMAS:
        for _, value in step.path.places(declaration):
            if isinstance(value, Void):
                continue
            assert fast(value) == slow.is_valid(value), (step.step.field, value)


@laws
@given(json_values)
def test_the_fast_evaluator_agrees_with_jsonschema_on_any_value(value: Any) -> None:
    for step, fast, slow in STEP_SCHEMAS:
        assert fast(value) == slow.is_valid(value), (step.step.field, value)
