# SPDX-License-Identifier: Apache-2.0
"""One HTTP exchange, without a socket: requests and model bytes in, effects out.

The shell calls, in this order: `request` once; when that held a `Forward`, `response` when the
model's head arrives, `upstream` for each read of its body, `upstream_closed` at its end (also
when it could not be reached at all). `suspend` may come at any time. Every method answers the
effects to perform, in order; after `Respond` or `End` every further call answers an empty list.
With detectors there are `Ask`s and `Wake`s among them, answered by `answered` and `woken`; the end
may then come after `upstream_closed`, while `waiting`.

Safety contract:
- no text of a prompt reaches the model, and none of an answer the client, before it was screened;
- a character that may still become part of a Block or Mask hit is in no `Send`;
- no text of an answer leaves before the detectors, where there are any, let it and the prompt pass;
- what cannot be read is not passed on: the exchange ends with an error that names the cause;
- after a Block, an error or a suspension only the closing is sent, and the model is cut off.
"""

from collections.abc import Callable, Sequence

from genaiservice.api.directive import Directive
from genaiservice.guard.core import collected, errors, form, media, prompt, protocols
from genaiservice.guard.core.effects import (
    Action,
    Begin,
    CloseUpstream,
    Decision,
    Direction,
    Effect,
    End,
    File,
    Forward,
    LabelFiles,
    Record,
    Respond,
    Send,
    Unlabelled,
    Upload,
)
from genaiservice.guard.core.label import DEFAULT_LABEL
from genaiservice.guard.core.opinion import Outcome
from genaiservice.guard.core.options import Options
from genaiservice.guard.core.policy import Policy
from genaiservice.guard.core.protocols import EVENTS, RULES, AnswerStream
from genaiservice.guard.core.request import Passage, RefusedError, Request
from genaiservice.guard.core.review import Review, review_of
from genaiservice.guard.core.reviewed import Reviewed, opened
from genaiservice.guard.core.route import DIALECTS, FORMS, lists_models
from genaiservice.guard.core.states import TABLE, Call, State
from genaiservice.guard.core.telling import Teller

__all__ = ["DEFAULT_LABEL", "TABLE", "Call", "Exchange", "Options", "State"]


class Exchange:
    """`created` (Unix seconds) stands in the answers that the guard makes itself."""

    def __init__(self, policy: Policy, options: Options, created: int = 0) -> None:
        self._policy = policy
        self._options = options
        self._created = created
        self._teller = Teller(policy.hash, created)
        self._state = State.NEW
        self._asked: Request | None = None
        self._stream: AnswerStream | None = None
        self._status = 0
        self._content_type = ""
        self._files = False
        self._awaited: media.Awaited | None = None
        self._form: form.Upload | None = None
        self._body = bytearray()
        self._review = review_of(policy, options)
        self._ready: list[Effect] = []

    @property
    def state(self) -> State:
        return self._state

    @property
    def streaming(self) -> bool:
        """Whether the client asked for a stream (known after `request`)."""
        return self._asked is not None and self._asked.stream

    @property
    def model(self) -> str:
        """The model that the request names, for the trace; empty when it names none."""
        return self._asked.model if self._asked else ""

    @property
    def held(self) -> int:
        """How many characters of a streamed answer wait to be decided."""
        return self._stream.held if self._stream else 0

    @property
    def held_bytes(self) -> int:
        """How many bytes of a streamed answer wait for detectors."""
        return self._stream.held_bytes if isinstance(self._stream, Reviewed) else 0

    @property
    def waiting(self) -> bool:
        """Whether the client's answer depends on detectors that have not said anything yet."""
        return self._review is not None and self._review.open and self._state is not State.DONE

    def request(self, path: str, content_type: str, body: bytes) -> list[Effect]:
        """Effects of a whole request: `Forward`, or `Respond` and nothing goes to the model.

        `path` is without query. GET requests come with an empty body.
        """
        return self._call(Call.REQUEST, path, content_type, body)

    def open_upload(self, path: str, content_type: str) -> list[Effect]:
        """Instead of `request`, for a body that goes on as it comes; nothing, or `Respond`."""
        return self._call(Call.OPEN_UPLOAD, path, content_type)

    def upload(self, data: bytes) -> list[Effect]:
        """A part of the body: `Upload`s of what may go on, or `Respond` and `CloseUpstream`."""
        return self._call(Call.UPLOAD, data)

    def uploaded(self) -> list[Effect]:
        """The body has ended; the last `Upload`, or `Respond` and `CloseUpstream`."""
        return self._call(Call.UPLOADED)

    def response(self, status: int, content_type: str) -> list[Effect]:
        """The model's head arrived. A streamed answer begins at once, a whole one is held."""
        return self._call(Call.RESPONSE, status, content_type)

    def upstream(self, data: bytes) -> list[Effect]:
        """Bytes of the model's body, cut anywhere; already without content or transfer coding."""
        stream = self._stream
        if stream is None or self._state is not State.STREAMING:
            return self._call(Call.UPSTREAM, data)
        effects = stream.feed(data)  # the path of every chunk goes round the table
        if stream.finished:
            self._state = State.DONE
        return effects

    def upstream_closed(self, error: str | None) -> list[Effect]:
        """The model's body ended: orderly (None), or broke off.

        `error` is one of `connect_failed`, `connect_timeout`, `first_byte_timeout`,
        `between_bytes_timeout`, `reset`, `protocol_error`, `answers_held`, `drain_timeout`;
        another word counts as `protocol_error`. Before `response` it becomes an HTTP 502 or 504.
        """
        return self._call(Call.CLOSED, None if error is None else errors.of_upstream(error))

    def break_off(self, fault: str) -> list[Effect]:
        """The same, and nobody waits any more: what detectors have not judged does not leave."""
        effects = self.upstream_closed(fault)
        if self._stream is not None and self._state is State.STREAMING:
            self._state, reason = State.DONE, errors.of_upstream(fault)
            record = Record(self._teller.decision(Direction.OUTPUT, Action.ERROR, reason))
            effects += [*self._stream.fail(reason), record]
        return effects

    def answered(self, number: int, outcome: Outcome) -> list[Effect]:
        """The detectors' outcome of the `Ask` with this number; a late one changes nothing."""
        return self._call(Call.ANSWERED, number, outcome)

    def woken(self, number: int) -> list[Effect]:
        """The time of the `Wake` with this number is over."""
        return self._call(Call.WOKEN, number)

    def labelled(self, outcome: Sequence[bytes] | Unlabelled) -> list[Effect]:
        """What came of `LabelFiles`: the files in their order, or why they may not leave."""
        return self._call(Call.LABELLED, outcome)

    def suspend(self, directive: Directive) -> list[Effect]:
        """The kill switch: refuses what has not begun (451), ends a stream with an error event."""
        return self._call(Call.SUSPEND, directive)

    def _call(self, call: Call, *values: object) -> list[Effect]:
        step = TABLE[self._state].get(call)
        if step is None:
            return []
        effects: list[Effect] = getattr(self, step[0])(*values)
        return effects

    # The request.

    def _request(self, path: str, content_type: str, body: bytes) -> list[Effect]:
        self._state = State.ASKED
        if lists_models(path) or path in self._options.paths:
            return [Forward(body)]
        dialect = DIALECTS.get(path)
        if dialect is None:
            return self._refuse("path_refused")
        self._teller.rules = RULES[dialect]
        try:
            given = protocols.read(dialect, content_type, body)
            asked = self._asked = given.asked
            decisions = prompt.screen(self._policy, self._options, given.passages)
        except RefusedError as error:
            return self._refuse(error.reason, error.where)
        records: list[Effect] = [Record(decision) for decision in decisions]
        actions = {decision.action for decision in decisions}
        masked = Action.MASK in actions
        if Action.BLOCK in actions or (masked and not given.tree):  # a form is not written anew
            return [*self._blocked(asked, body, decisions), *records]
        # What was not altered goes as it came, byte for byte.
        forward = Forward(given.rendered() if masked or given.altered else body)
        return [forward, *records, *self._reviewed_prompt(given.passages)]

    def _reviewed_prompt(self, passages: list[Passage]) -> list[Effect]:
        """The model may begin meanwhile: nothing of its answer leaves before the outcome."""
        return [] if self._review is None else self._review.prompt(passages)

    def _blocked(self, asked: Request, body: bytes, decisions: list[Decision]) -> list[Effect]:
        self._state = State.DONE
        words = self._policy.words(decisions, asked.language)
        return [self._teller.said(asked, words, body)]

    def _refuse(self, reason: str, where: str = "") -> list[Effect]:
        self._state = State.DONE
        return self._teller.refused(reason, where)

    def _open_upload(self, path: str, content_type: str) -> list[Effect]:
        self._state = State.UPLOADING
        dialect = DIALECTS.get(path)
        if dialect not in FORMS:
            return self._refuse("path_refused")
        self._teller.rules = RULES[dialect]
        try:
            self._form = form.Upload(dialect, content_type)
        except RefusedError as error:
            return self._refuse(error.reason, error.where)
        return []

    def _upload(self, data: bytes) -> list[Effect]:
        if self._form is None:
            return []
        try:
            effects, stopped = form.screen(self._policy, self._options, self._form, data)
        except RefusedError as error:
            return [*self._refuse(error.reason, error.where), CloseUpstream()]
        if not stopped:
            return effects
        self._state = State.DONE
        return [self._teller.told("content_filter"), *effects, CloseUpstream()]

    def _uploaded(self) -> list[Effect]:
        if self._form is None:
            return []
        passages = self._form.passages
        try:
            rest, self._asked = self._form.end()
        except RefusedError as error:
            return [*self._refuse(error.reason, error.where), CloseUpstream()]
        self._state, self._form = State.ASKED, None
        return [Upload(rest), *self._reviewed_prompt(passages)]

    def _early(self, status: int, content_type: str) -> list[Effect]:
        """The model answers before it was asked: only to say that it will not."""
        if status < 400:
            return [*self._failed("upstream_garbage", None), CloseUpstream()]
        self._status, self._content_type = status, content_type
        self._state = State.COLLECTING
        return []

    # The answer's head.

    def _response(self, status: int, content_type: str) -> list[Effect]:
        self._status, self._content_type = status, content_type
        kind = content_type.partition(";")[0].strip().lower()
        asked, rules = self._asked, self._teller.rules
        if asked is None or rules is None:
            self._state = State.PASSING
            return [Begin(status, content_type)]
        if status == 200 and rules.stream is not None and kind == rules.stream_type:
            self._state = State.STREAMING
            self._stream = opened(self._review, rules.stream, self._policy, self._options, asked)
            return [Begin(200, errors.EVENTS if kind == EVENTS else kind)]
        self._files = media.brings_files(asked.dialect, kind)
        self._state = State.COLLECTING
        return []

    def _unreachable(self, reason: str | None) -> list[Effect]:
        reason = "upstream_unreachable" if reason in (None, "upstream_broke_off") else reason
        return self._failed(str(reason), None)

    # Bodies.

    def _pass(self, data: bytes) -> list[Effect]:
        return [Send(data)] if data else []

    def _pass_end(self, reason: str | None) -> list[Effect]:
        self._state = State.DONE
        if reason is None:
            return [End()]
        return [Record(self._teller.decision(Direction.OUTPUT, Action.ERROR, reason)), End()]

    def _stream_feed(self, data: bytes) -> list[Effect]:
        return self.upstream(data)

    def _stream_end(self, reason: str | None) -> list[Effect]:
        if self._stream is None:
            return []
        effects = self._stream.close(reason)
        if self._stream.finished:
            self._state = State.DONE
        return effects

    def _collect(self, data: bytes) -> list[Effect]:
        limit = self._options.answer_bytes if self._status == 200 else collected.ERROR_BYTES
        if self._files and self._status == 200 and not self._options.files:
            return [*self._failed("media_unlabelled", None), CloseUpstream()]
        if len(self._body) + len(data) > limit:
            reason = "answer_too_large" if self._status == 200 else "upstream_error"
            return [*self._failed(reason, self._status), CloseUpstream()]
        self._body += data
        return []

    def _collected(self, reason: str | None) -> list[Effect]:
        if reason is not None:
            return self._failed(reason, None)
        data = bytes(self._body)
        self._body.clear()
        if self._status >= 400:
            self._state = State.DONE
            return collected.model_error(self._policy, self._status, data, self._teller)
        asked, answer = self._asked, File(data=data, media_type=self._content_type)
        if self._status != 200 or asked is None:
            return self._failed("upstream_garbage", None)
        options = self._options if self._review is None else self._review.options
        try:
            ready = collected.screened(self._policy, options, asked, answer, self._teller)
        except collected.CannotLeaveError as error:
            self._state = State.DONE
            return error.effects
        if not isinstance(ready, media.Awaited):
            return self._deliver(ready)
        if ready.files and not self._options.files:
            return self._failed("media_unlabelled", None)
        self._state, self._awaited = State.LABELLING, ready
        return [LabelFiles(ready.files)]

    def _given_up(self, reason: str | None) -> list[Effect]:
        return self._failed(reason or "upstream_broke_off", None)

    def _labelled(self, outcome: Sequence[bytes] | Unlabelled) -> list[Effect]:
        if not isinstance(outcome, Unlabelled):
            return self._deliver(self._awaited.effects(outcome) if self._awaited else [])
        self._state = State.DONE
        decision = self._teller.decision(Direction.OUTPUT, Action.ERROR, outcome.reason)
        return [Respond(502, errors.JSON, errors.unlabelled(outcome)), Record(decision)]

    def _deliver(self, effects: list[Effect]) -> list[Effect]:
        """A whole answer is ready: it leaves now, or when the detectors let it."""
        questions = [] if self._review is None else self._review.turn(1, final=True)
        if self.waiting:
            self._state, self._ready = State.REVIEWING, effects
            return questions
        self._state = State.DONE
        return effects

    def _failed(self, reason: str, status: int | None) -> list[Effect]:
        self._state = State.DONE
        return self._teller.failed(reason, status)

    # What detectors say.

    def _answered(self, number: int, outcome: Outcome) -> list[Effect]:
        return self._judged(lambda review: review.answered(number, outcome))

    def _woken(self, number: int) -> list[Effect]:
        return self._judged(lambda review: review.woken(number))

    def _judged(self, say: Callable[[Review], list[Effect]]) -> list[Effect]:
        review, asked, stream = self._review, self._asked, self._stream
        if review is None or asked is None:
            return []
        effects = say(review)
        if isinstance(stream, Reviewed):
            effects = stream.judged(effects)
            if stream.finished:
                self._state = State.DONE
        elif review.over:
            self._state = State.DONE
            effects = [review.closing(asked, self._teller), *effects, CloseUpstream()]
        elif self._state is State.REVIEWING and not review.open:
            self._state = State.DONE
            effects = [*self._ready, *effects]
        return effects

    # The kill switch.

    def _suspend_before(self, directive: Directive) -> list[Effect]:
        closing: list[Effect] = [] if self._state is State.NEW else [CloseUpstream()]
        self._state = State.DONE
        return [*self._teller.suspended(directive, self._asked), *closing]

    def _suspend_passing(self, directive: Directive) -> list[Effect]:
        self._state = State.DONE
        return [self._teller.suspension(directive, self._asked), End(), CloseUpstream()]

    def _suspend_stream(self, directive: Directive) -> list[Effect]:
        self._state = State.DONE
        return self._stream.suspend(directive) if self._stream else []
