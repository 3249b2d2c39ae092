# SPDX-License-Identifier: Apache-2.0
"""The named checks: what a requirement file may ask that JSON Schema cannot say.

Dates relative to today, working-day clocks, comparisons between fields, limits that a service may
override, and comparisons with facts that the operator reads itself. This is the list of words; what
they do is in `day_checks`, `value_checks`, `cluster_checks` and `page_checks`.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from genaiservice.rules import cluster_checks as cluster
from genaiservice.rules import day_checks as days
from genaiservice.rules import page_checks as pages
from genaiservice.rules import value_checks as values
from genaiservice.rules.subject import Build


@dataclass(frozen=True, slots=True, kw_only=True)
class Word:
    """A named check: how it is built, and the arguments it takes.

    Those in `paths` name fields, those in `limits` may name a limit in place of a number. `facts`:
    it compares with what was gathered and belongs under `verify`.
    """

    build: Build
    meaning: str
    arguments: Mapping[str, str]
    paths: tuple[str, ...] = ()
    limits: tuple[str, ...] = ()
    may_lack: frozenset[str] = frozenset()
    facts: bool = False


VOCABULARY: Final[dict[str, Word]] = {
    "notInFuture": Word(
        build=days.not_in_future,
        meaning="the day has come: it is today or earlier",
        arguments={},
    ),
    "validThrough": Word(
        build=days.valid_through,
        meaning="the day is the last one on which something is valid, and has not passed",
        arguments={},
    ),
    "atMostDaysOld": Word(
        build=days.at_most_days_old,
        meaning="the day has come and lies at most `days` days back",
        arguments={"days": "integer or limit"},
        limits=("days",),
    ),
    "withinWorkingDays": Word(
        build=days.within_working_days,
        meaning="`days` working days after the day in field `of` have not run out",
        arguments={"of": "string", "days": "integer"},
        paths=("of",),
    ),
    "doneWithinWorkingDays": Word(
        build=days.done_within_working_days,
        meaning="of an object: the day `done` has come, or `days` working days after the day "
        "`begin` have not run out",
        arguments={"begin": "string", "done": "string", "days": "integer"},
    ),
    "doneWithinDays": Word(
        build=days.done_within_days,
        meaning="of an object: the day `done` has come, or `days` days after the day `begin` have "
        "not run out",
        arguments={"begin": "string", "done": "string", "days": "integer"},
    ),
    "notBefore": Word(
        build=days.not_before,
        meaning="the day is not earlier than the day in `field`",
        arguments={"field": "string"},
        paths=("field",),
    ),
    "atLeast": Word(
        build=values.at_least,
        meaning="the number is at least `limit`",
        arguments={"limit": "limit"},
        limits=("limit",),
    ),
    "atMost": Word(
        build=values.at_most,
        meaning="the number is at most `limit`",
        arguments={"limit": "limit"},
        limits=("limit",),
    ),
    "eachAtLeast": Word(
        build=values.each_at_least,
        meaning="of an object: each of the numbers at `keys` is at least `limit`",
        arguments={"keys": "array", "limit": "limit"},
        limits=("limit",),
    ),
    "namesALimit": Word(
        build=values.names_a_limit,
        meaning="the text is the name of a limit that may be overridden",
        arguments={},
    ),
    "sameAs": Word(
        build=values.same_as,
        meaning="the value equals one of the values at `fields` (items picked by `where`)",
        arguments={"fields": "array", "where": "object"},
        paths=("fields",),
        may_lack=frozenset({"where"}),
    ),
    "containsValueOf": Word(
        build=values.contains_value_of,
        meaning="the value contains one of the values at `fields`",
        arguments={"fields": "array", "where": "object"},
        paths=("fields",),
        may_lack=frozenset({"where"}),
    ),
    "coversTheNight": Word(
        build=values.covers_the_night,
        meaning="the window {start, end} covers the hours from `start` to `end` over midnight",
        arguments={"start": "string", "end": "string"},
    ),
    "namesTheService": Word(
        build=cluster.names_the_service,
        meaning="the list holds the display name or the name of the service (fact)",
        arguments={},
    ),
    "metByReplicas": Word(
        build=cluster.met_by_replicas,
        meaning="the workload's floor of replicas (fact, where known) is at least the value",
        arguments={},
    ),
    "clusterHas": Word(
        build=cluster.cluster_has,
        meaning="the cluster shows `what`: podDisruptionBudget or probes",
        arguments={"what": "string"},
        facts=True,
    ),
    "notExposed": Word(
        build=cluster.not_exposed,
        meaning="nothing in the cluster lets traffic from outside reach the service",
        arguments={},
        facts=True,
    ),
    "hostsDeclared": Word(
        build=cluster.hosts_declared,
        meaning="the list holds every host on which the cluster serves the service to the outside",
        arguments={},
        facts=True,
    ),
    "hostsServed": Word(
        build=cluster.hosts_served,
        meaning="the host is one on which the cluster serves the service, if it serves any",
        arguments={},
        facts=True,
    ),
    "imagesPinned": Word(
        build=cluster.images_pinned,
        meaning="a digest is known of every image that the model's containers run",
        arguments={},
        facts=True,
    ),
    "imageOfModel": Word(
        build=cluster.image_of_model,
        meaning="the digest is one that a container of the model runs; where none runs it, nothing "
        "is known (the weights may lie on a volume)",
        arguments={},
        facts=True,
    ),
    "pageAnswers": Word(
        build=pages.page_answers,
        meaning="the address answers with status 200, or has answered otherwise for fewer than "
        "`failures` tries or `hours` hours; 403, 412, 429 and 5xx say nothing of the page",
        arguments={"failures": "integer", "hours": "integer"},
        facts=True,
    ),
    "pageSeen": Word(
        build=pages.page_seen,
        meaning="the address gives an answer, or has given none, or one of 403, 412, 429 and 5xx, "
        "for fewer than `failures` tries or `hours` hours",
        arguments={"failures": "integer", "hours": "integer"},
        facts=True,
    ),
    "pageContains": Word(
        build=pages.page_contains,
        meaning="the page holds the text `needle` (rules/pages.py), or has lacked it for fewer "
        "than `hours` hours",
        arguments={"needle": "string", "hours": "integer"},
        facts=True,
    ),
    "pageUnchanged": Word(
        build=pages.page_unchanged,
        meaning="the page has the SHA-256 declared in field `sha256`, or has had another for fewer "
        "than `hours` hours",
        arguments={"sha256": "string", "hours": "integer"},
        paths=("sha256",),
        facts=True,
    ),
}
