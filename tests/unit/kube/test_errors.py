# SPDX-License-Identifier: Apache-2.0
import pytest

from genaiservice.kube.errors import (
    MESSAGE_LIMIT,
    ApiError,
    BudgetSpent,
    Conflict,
    Gone,
    NotFound,
    Refused,
    Terminating,
    Throttled,
    Unreachable,
    from_answer,
)


@pytest.mark.parametrize(
    ("status", "expected"),
    [
        pytest.param(400, Refused, id="malformed"),
        pytest.param(401, Refused, id="unauthorised"),
        pytest.param(403, Refused, id="forbidden"),
        pytest.param(404, NotFound, id="absent"),
        pytest.param(409, Conflict, id="somebody was faster"),
        pytest.param(410, Gone, id="list expired"),
        pytest.param(422, Refused, id="invalid"),
        pytest.param(429, Throttled, id="too many"),
        pytest.param(500, Unreachable, id="server error"),
        pytest.param(503, Unreachable, id="server away"),
    ],
)
def test_a_status_tells_what_the_caller_can_do(status: int, expected: type[ApiError]) -> None:
    error = from_answer(status, {"message": "the words of the server", "reason": "R"}, None)
    assert type(error) is expected
    assert error.message == "the words of the server"
    assert error.status == status


@pytest.mark.parametrize("body", [None, [], "text", {}, {"message": None}])
def test_an_answer_without_words_still_says_its_status(body: object) -> None:
    assert "502" in from_answer(502, body, None).message


def test_a_namespace_on_its_way_out_is_no_refusal() -> None:
    causes = [{"reason": "NamespaceTerminating", "field": "metadata.namespace"}]
    body = {"message": "unable to create new content", "details": {"causes": causes}}
    assert type(from_answer(403, body, None)) is Terminating


def test_a_spent_disruption_budget_is_not_a_busy_server() -> None:
    causes = [{"reason": "DisruptionBudget", "message": "needs 1 healthy pods and has 1"}]
    assert type(from_answer(429, {"details": {"causes": causes}}, None)) is BudgetSpent
    assert type(from_answer(429, {"details": {"retryAfterSeconds": 1}}, None)) is Throttled


def test_a_long_message_is_cut_so_that_it_fits_a_condition() -> None:
    assert len(from_answer(422, {"message": "x" * 100_000}, None).message) == MESSAGE_LIMIT


@pytest.mark.parametrize(
    ("header", "body", "expected"),
    [
        pytest.param("7", {}, 7.0, id="header"),
        pytest.param(None, {"details": {"retryAfterSeconds": 3}}, 3.0, id="body"),
        pytest.param("2", {"details": {"retryAfterSeconds": 3}}, 2.0, id="header wins"),
        pytest.param("Wed, 21 Oct 2026 07:28:00 GMT", {}, None, id="a date is not understood"),
        pytest.param("-4", {}, 0.0, id="never in the past"),
        pytest.param(None, {"details": "odd"}, None, id="odd body"),
    ],
)
def test_throttling_carries_the_time_to_wait(
    header: str | None, body: object, expected: float | None
) -> None:
    error = from_answer(429, body, header)
    assert isinstance(error, Throttled)
    assert error.retry_after_seconds == expected
