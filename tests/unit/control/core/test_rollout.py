# SPDX-License-Identifier: Apache-2.0
from itertools import product

import pytest

from genaiservice.control.core.rollout import EFFECTS, TRANSITIONS, Input, State, after, before


@pytest.mark.parametrize(("state", "said"), list(product(State, Input)))
def test_every_state_knows_every_input(state: State, said: Input) -> None:
    assert after(state, said) in EFFECTS


def test_the_tables_name_nothing_else() -> None:
    assert set(TRANSITIONS) == set(EFFECTS) == set(State)
    assert all(set(row) == set(Input) for row in TRANSITIONS.values())


@pytest.mark.parametrize("state", State)
def test_only_an_allowing_verdict_opens_the_gate(state: State) -> None:
    opening = {said for said in Input if EFFECTS[after(state, said)].open}
    assert opening == {Input.ALLOW}


@pytest.mark.parametrize("said", [Input.REFUSE, Input.SUSPEND])
def test_what_was_never_admitted_never_runs_without_being_allowed(said: Input) -> None:
    assert not EFFECTS[after(State.NEVER_ALLOWED, said)].runs


@pytest.mark.parametrize("state", sorted(set(State) - {State.NEVER_ALLOWED}))
def test_what_was_admitted_keeps_running_when_a_change_is_refused(state: State) -> None:
    reached = after(state, Input.REFUSE)
    assert reached is State.KEEPS_ADMITTED
    assert EFFECTS[reached].runs


@pytest.mark.parametrize(
    ("allowed", "suspended", "admitted", "expected"),
    [
        (False, False, False, State.NEVER_ALLOWED),
        (True, False, False, State.NEVER_ALLOWED),
        (False, True, False, State.NEVER_ALLOWED),
        (True, False, True, State.ALLOWED),
        (False, False, True, State.KEEPS_ADMITTED),
        (False, True, True, State.SUSPENDED),
        (True, True, True, State.SUSPENDED),
    ],
)
def test_the_former_state_is_read_from_the_status(
    allowed: bool, suspended: bool, admitted: bool, expected: State
) -> None:
    assert before(allowed=allowed, suspended=suspended, admitted=admitted) is expected
