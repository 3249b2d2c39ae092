# SPDX-License-Identifier: Apache-2.0
"""Labels for the files of an answer: in threads of their own, few at once, within a time limit.

The loop never waits for a picture. A file leaves with both labels read back, or not at all; each
that leaves is a line in the decision log (number, hash, where the label stands), never its content.
"""

import asyncio
import hashlib
import logging
import shutil
import uuid
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from importlib.util import find_spec
from time import monotonic
from typing import Any, Final

from genaiservice.api.label_config import MediaLabels
from genaiservice.api.problem import Problem, ProblemError, Text
from genaiservice.guard import refusal
from genaiservice.guard.account import Account
from genaiservice.guard.core.effects import File, Unlabelled
from genaiservice.guard.intake import RefusedError
from genaiservice.guard.media import fonts, sniff
from genaiservice.guard.media.label import label
from genaiservice.guard.media.outcome import Labelled, LabelPlan, MediaRefused, Reason, Refused

AT_ONCE: Final = 2
"""Answers whose files are worked on at once; a large picture needs some hundred MiB meanwhile."""
PACKAGES: Final = ("PIL", "mutagen")
PROGRAMS: Final = ("ffmpeg", "ffprobe")

Outcome = list[bytes] | Unlabelled
METADATA_ONLY: Final = "metadata-only"
"""Of the header `Genai-Label`: a user asks for files without the label that people perceive."""

Facts = dict[str, str | int]
Note = Callable[[Account, Facts], bool]

log = logging.getLogger(__name__)


class LabelDesk:
    def __init__(self, labels: MediaLabels, note: Note, *, agreed: bool = False) -> None:
        """`note` takes the facts of each file that got its labels, and says whether they are in the
        log. `agreed`: every user who is let in accepted the agreement. Raises ProblemError where no
        file could get its labels."""
        _check(labels)
        self._labels = labels
        self._excepts = agreed and labels.unlabelled_on_request
        self._note = note
        self._threads = ThreadPoolExecutor(AT_ONCE, thread_name_prefix="label")

    def recipient(self, wish: str, user: str) -> str:
        """`user` (a pseudonym) where he asks for files without the label that people perceive and
        may have them (Labelling Measures Art. 9), "" for everybody else."""
        if wish.strip().lower() != METADATA_ONLY:
            return ""
        if not self._excepts or not user:
            raise RefusedError(refusal.label_stays())
        return user

    async def label(
        self, files: Sequence[File], account: Account, gone: asyncio.Future[None]
    ) -> Outcome:
        """The files in their order, or why the first at fault may not leave.

        Returns early when `gone` is done: nobody waits for them any more.
        """
        seconds = self._labels.limits.work_seconds
        ends = monotonic() + seconds
        explicit = not account.unlabelled_for
        work = asyncio.wrap_future(self._threads.submit(self._work, tuple(files), ends, explicit))
        waited: set[asyncio.Future[Any]] = {work, gone}
        # A thread cannot be stopped, so it keeps its place until it ends; what waits is withdrawn.
        done, _ = await asyncio.wait(waited, timeout=seconds, return_when="FIRST_COMPLETED")
        if work not in done:
            work.cancel()
            return _refusal(MediaRefused(Reason.TOO_SLOW))
        found = work.result()
        if isinstance(found, Unlabelled):
            return found
        noted = [self._note(account, facts) for _, facts in found]
        if account.unlabelled_for and not all(noted):
            return _refusal(MediaRefused(Reason.NOT_RECORDED))
        return [data for data, _ in found]

    def _work(
        self, files: Sequence[File], ends: float, explicit: bool
    ) -> list[tuple[bytes, Facts]] | Unlabelled:
        found = []
        for file in files:
            if monotonic() > ends:
                return _refusal(MediaRefused(Reason.TOO_SLOW))
            number = uuid.uuid4().hex
            plan = LabelPlan(labels=self._labels, produce_id=number, explicit=explicit)
            outcome = label(file.data, _media_type(file), plan)
            if isinstance(outcome, Refused):
                return _refusal(outcome)
            found.append((outcome.data, _facts(outcome)))
        return found

    def close(self) -> None:
        self._threads.shutdown(wait=False, cancel_futures=True)


def _facts(one: Labelled) -> Facts:
    """What the decision log keeps of a file, so that a file found later can be told as ours."""
    return {
        "carrier": one.carrier.value,
        "produceId": one.block.produce_id,
        "producer": one.block.content_producer,
        "drawn": one.drawn,
        "bytes": len(one.data),
        "sha256": hashlib.sha256(one.data).hexdigest(),
    }


def _media_type(file: File) -> str:
    """As the model says it, where that is the type of a file; else as the content shows."""
    known = file.media_type in sniff.TYPES
    return file.media_type if known else sniff.guess(file.data[:64], "")


def _refusal(refused: Refused | MediaRefused) -> Unlabelled:
    return Unlabelled(reason=refused.reason.value, problem=refused.problem)


def _check(labels: MediaLabels) -> None:
    """What is missing is told before the first file comes, not to its user."""
    lacking = [name for name in PACKAGES if find_spec(name) is None]
    if lacking:
        raise ProblemError(_missing(", ".join(lacking)))
    try:
        for text in (labels.image.label_text, labels.video.label_text):
            fonts.find(labels.font, text)
    except MediaRefused as error:
        raise ProblemError(error.problem) from error
    absent = [name for name in PROGRAMS if shutil.which(name) is None]
    if absent:
        log.warning(
            "MP3 and video cannot be labelled and will be refused; install ffmpeg",
            extra={"missing": ", ".join(absent)},
        )


def _missing(names: str) -> Problem:
    return Problem(
        where="media",
        what=Text(
            en=f"asks for labels in files, and {names} is not installed",
            zh=f"要求为文件添加标识，但未安装 {names}",
        ),
        why=Text(
            en="no picture or sound could leave (Labelling Measures, Art. 4 and 5)",
            zh="图片与音频将无法输出（《标识办法》第四、五条）",
        ),
        next=Text(
            en="install the extra: pip install 'genaiservice-operator[media]'; "
            "MP3 and video also need ffmpeg",
            zh="请安装附加依赖：pip install 'genaiservice-operator[media]'；"
            "MP3 与视频还需要 ffmpeg",
        ),
    )
