# SPDX-License-Identifier: Apache-2.0
"""Effects: what an `Exchange` asks the shell to do, in the order of the list.

Values only. They are made per chunk, so they are slotted but not frozen; nobody changes them.
A `Decision` is what the decision log may know of a text: where, by which rule, never what.
"""

from dataclasses import dataclass, field
from enum import StrEnum
from typing import TypeAlias

from genaiservice.api.problem import Problem


class Direction(StrEnum):
    INPUT = "input"
    OUTPUT = "output"


class Action(StrEnum):
    BLOCK = "Block"
    MASK = "Mask"
    FLAG = "Flag"
    """Seen and recorded, nothing altered (class action Flag, or screening mode Observe)."""
    REFUSE = "Refuse"
    """The request cannot be screened (not JSON, wrong types, unknown path) and goes nowhere."""
    SUSPEND = "Suspend"
    ERROR = "Error"
    """The model's answer cannot be screened or broke off; `reason` says how."""
    LABEL = "Label"
    """Nothing was found in the text; `reason` says why it carries no visible label."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Decision:
    """One decision about one text, without the text.

    `risk` is the class of the rule (`A1a`), `rule` its place in the policy (`A1a:17`), which
    `policy` (a hash) pins. `start` and `end` are offsets in characters of the original text of
    `choice` and `field`; `length` is how much of that text had been seen. `reason` is a word of
    a closed set (`term`, `request_not_json`, `upstream_garbage`, `FilingRevoked` …).
    """

    direction: Direction
    action: Action
    policy: str
    reason: str
    risk: str = ""
    rule: str = ""
    start: int = 0
    end: int = 0
    choice: int = 0
    field: str = ""
    length: int = 0


@dataclass(slots=True)
class Forward:
    """The request may go to the model, with this body."""

    body: bytes


@dataclass(slots=True)
class Upload:
    """This part of a request's body may go to the model now; the rest is on its way."""

    data: bytes


@dataclass(slots=True)
class Respond:
    """The whole answer to the client: head, body, end. Out of `request` nothing is forwarded."""

    status: int
    content_type: str
    body: bytes
    code: str = field(default="", compare=False)
    """Of an error of the guard, for its log."""


@dataclass(slots=True)
class Begin:
    """The head of an answer whose body comes as `Send`s and ends with `End`."""

    status: int
    content_type: str


@dataclass(slots=True)
class Send:
    data: bytes


@dataclass(slots=True)
class End:
    """The answer to the client is complete; nothing follows but `Record` and `CloseUpstream`."""


@dataclass(slots=True)
class CloseUpstream:
    """The model need not go on: close its connection now. Nothing it sends is wanted."""


@dataclass(frozen=True, slots=True, kw_only=True)
class File:
    """A file of the answer. `media_type` as the model says it, "" when it says none."""

    data: bytes
    media_type: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Unlabelled:
    """Why a file may not leave; `reason` is a word of a closed set (`guard.media.outcome`)."""

    reason: str
    problem: Problem


@dataclass(slots=True)
class LabelFiles:
    """These files need their labels; `Exchange.labelled` takes what came of it."""

    files: tuple[File, ...]


@dataclass(slots=True)
class Record:
    decision: Decision


@dataclass(slots=True)
class Ask:
    """Ask the detectors about this text; their outcome comes back with the number."""

    number: int
    direction: Direction
    text: str


@dataclass(slots=True)
class Wake:
    """Call `woken` with this number after so many seconds, whatever happened meanwhile."""

    number: int
    seconds: float


Effect: TypeAlias = (
    Forward
    | Upload
    | Respond
    | Begin
    | Send
    | End
    | CloseUpstream
    | LabelFiles
    | Record
    | Ask
    | Wake
)
