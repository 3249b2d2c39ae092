# SPDX-License-Identifier: Apache-2.0
"""The rollout gate as a table: states, inputs, and what each state lets happen.

No `if` decides a transition: an input that a state does not know is a missing key. A service that
was never admitted has nothing to suspend, so it stays where it is; pods that run nevertheless are
told to refuse traffic (that follows from the verdict, not from the state).
"""

from dataclasses import dataclass
from enum import StrEnum
from typing import Final


class State(StrEnum):
    NEVER_ALLOWED = "NeverAllowed"
    ALLOWED = "Allowed"
    KEEPS_ADMITTED = "KeepsAdmitted"
    SUSPENDED = "Suspended"


class Input(StrEnum):
    ALLOW = "Allow"
    """No blocking finding, no suspension, the policy can be used, the pods are its own."""
    REFUSE = "Refuse"
    SUSPEND = "Suspend"


TRANSITIONS: Final[dict[State, dict[Input, State]]] = {
    State.NEVER_ALLOWED: {
        Input.ALLOW: State.ALLOWED,
        Input.REFUSE: State.NEVER_ALLOWED,
        Input.SUSPEND: State.NEVER_ALLOWED,
    },
    State.ALLOWED: {
        Input.ALLOW: State.ALLOWED,
        Input.REFUSE: State.KEEPS_ADMITTED,
        Input.SUSPEND: State.SUSPENDED,
    },
    State.KEEPS_ADMITTED: {
        Input.ALLOW: State.ALLOWED,
        Input.REFUSE: State.KEEPS_ADMITTED,
        Input.SUSPEND: State.SUSPENDED,
    },
    State.SUSPENDED: {
        Input.ALLOW: State.ALLOWED,
        Input.REFUSE: State.KEEPS_ADMITTED,
        Input.SUSPEND: State.SUSPENDED,
    },
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Effect:
    """open: gates are lifted and new pods come without one. admits: the spec as it stands becomes
    the admitted revision. runs: managed children exist, made from the admitted revision."""

    open: bool
    admits: bool
    runs: bool


EFFECTS: Final[dict[State, Effect]] = {
    State.NEVER_ALLOWED: Effect(open=False, admits=False, runs=False),
    State.ALLOWED: Effect(open=True, admits=True, runs=True),
    State.KEEPS_ADMITTED: Effect(open=False, admits=False, runs=True),
    State.SUSPENDED: Effect(open=False, admits=False, runs=True),
}


def before(*, allowed: bool, suspended: bool, admitted: bool) -> State:
    """The state that the last status tells; `admitted`: a revision was admitted at some time."""
    if not admitted:
        return State.NEVER_ALLOWED
    if suspended:
        return State.SUSPENDED
    return State.ALLOWED if allowed else State.KEEPS_ADMITTED


def after(state: State, said: Input) -> State:
    return TRANSITIONS[state][said]
