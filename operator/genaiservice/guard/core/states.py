# SPDX-License-Identifier: Apache-2.0
"""The states of an exchange, and what each call does in each of them. A table, nothing else."""

from enum import StrEnum
from typing import Final


class State(StrEnum):
    NEW = "new"
    """No request yet."""
    UPLOADING = "uploading"
    """The request is on its way to the model part by part, as it is screened."""
    ASKED = "asked"
    """The request went to the model; its head is awaited."""
    PASSING = "passing"
    """A body without text of a model (model list, listed path) passes through."""
    STREAMING = "streaming"
    COLLECTING = "collecting"
    """A whole answer, or an error of the model, is held until it is complete."""
    LABELLING = "labelling"
    """The model's answer is complete; its files wait for their labels."""
    REVIEWING = "reviewing"
    """The whole answer is there; detectors have not said yet whether it may leave."""
    DONE = "done"


class Call(StrEnum):
    REQUEST = "request"
    OPEN_UPLOAD = "open_upload"
    UPLOAD = "upload"
    UPLOADED = "uploaded"
    RESPONSE = "response"
    UPSTREAM = "upstream"
    CLOSED = "closed"
    LABELLED = "labelled"
    ANSWERED = "answered"
    WOKEN = "woken"
    SUSPEND = "suspend"


TABLE: Final[dict[State, dict[Call, tuple[str, frozenset[State]]]]] = {
    State.NEW: {
        Call.REQUEST: ("_request", frozenset({State.ASKED, State.DONE})),
        Call.OPEN_UPLOAD: ("_open_upload", frozenset({State.UPLOADING, State.DONE})),
        Call.SUSPEND: ("_suspend_before", frozenset({State.DONE})),
    },
    State.UPLOADING: {
        Call.UPLOAD: ("_upload", frozenset({State.UPLOADING, State.DONE})),
        Call.UPLOADED: ("_uploaded", frozenset({State.ASKED, State.DONE})),
        Call.RESPONSE: ("_early", frozenset({State.COLLECTING, State.DONE})),
        Call.CLOSED: ("_unreachable", frozenset({State.DONE})),
        Call.SUSPEND: ("_suspend_before", frozenset({State.DONE})),
    },
    State.ASKED: {
        Call.ANSWERED: ("_answered", frozenset({State.ASKED, State.DONE})),
        Call.WOKEN: ("_woken", frozenset({State.ASKED, State.DONE})),
        Call.RESPONSE: (
            "_response",
            frozenset({State.PASSING, State.STREAMING, State.COLLECTING}),
        ),
        Call.CLOSED: ("_unreachable", frozenset({State.DONE})),
        Call.SUSPEND: ("_suspend_before", frozenset({State.DONE})),
    },
    State.PASSING: {
        Call.UPSTREAM: ("_pass", frozenset({State.PASSING})),
        Call.CLOSED: ("_pass_end", frozenset({State.DONE})),
        Call.SUSPEND: ("_suspend_passing", frozenset({State.DONE})),
    },
    State.STREAMING: {
        Call.ANSWERED: ("_answered", frozenset({State.STREAMING, State.DONE})),
        Call.WOKEN: ("_woken", frozenset({State.STREAMING, State.DONE})),
        Call.UPSTREAM: ("_stream_feed", frozenset({State.STREAMING, State.DONE})),
        Call.CLOSED: ("_stream_end", frozenset({State.STREAMING, State.DONE})),
        Call.SUSPEND: ("_suspend_stream", frozenset({State.DONE})),
    },
    State.COLLECTING: {
        Call.ANSWERED: ("_answered", frozenset({State.COLLECTING, State.DONE})),
        Call.WOKEN: ("_woken", frozenset({State.COLLECTING, State.DONE})),
        Call.UPSTREAM: ("_collect", frozenset({State.COLLECTING, State.DONE})),
        Call.CLOSED: (
            "_collected",
            frozenset({State.LABELLING, State.REVIEWING, State.DONE}),
        ),
        Call.SUSPEND: ("_suspend_before", frozenset({State.DONE})),
    },
    State.LABELLING: {
        Call.ANSWERED: ("_answered", frozenset({State.LABELLING, State.DONE})),
        Call.WOKEN: ("_woken", frozenset({State.LABELLING, State.DONE})),
        Call.LABELLED: ("_labelled", frozenset({State.REVIEWING, State.DONE})),
        Call.CLOSED: ("_given_up", frozenset({State.DONE})),
        Call.SUSPEND: ("_suspend_before", frozenset({State.DONE})),
    },
    State.REVIEWING: {
        Call.ANSWERED: ("_answered", frozenset({State.REVIEWING, State.DONE})),
        Call.WOKEN: ("_woken", frozenset({State.REVIEWING, State.DONE})),
        Call.CLOSED: ("_given_up", frozenset({State.DONE})),
        Call.SUSPEND: ("_suspend_before", frozenset({State.DONE})),
    },
    State.DONE: {},
}
"""State -> call -> (what is done, states it may lead to). A call that is missing does nothing."""
