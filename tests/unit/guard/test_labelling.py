# SPDX-License-Identifier: Apache-2.0
"""The desk where files get their labels: what it lacks, how long it waits, what it keeps."""

import asyncio
import threading
from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import pytest

from genaiservice.api.label_config import MediaLabels, MediaLimits
from genaiservice.api.problem import ProblemError
from genaiservice.guard import labelling
from genaiservice.guard.account import Account, Route
from genaiservice.guard.core.effects import File, Unlabelled
from genaiservice.guard.holding import Larder
from genaiservice.guard.intake import RefusedError
from genaiservice.guard.labelling import LabelDesk
from tests.unit.guard.media.samples import OURS, picture

LABELS = MediaLabels(producer_code=OURS)
HASTY = replace(LABELS, limits=MediaLimits(work_seconds=0.05))


def account(user: str = "") -> Account:
    return Account(
        request="r", route=Route.IMAGES, path="", method="POST", started=0, unlabelled_for=user
    )


@pytest.fixture
def noted() -> list[dict[str, Any]]:
    return []


@pytest.fixture
def stuck(monkeypatch: pytest.MonkeyPatch) -> Iterator[threading.Event]:
    """Labelling that does not end before the event is set."""
    event = threading.Event()

    def wait(*_: object) -> None:
        event.wait(10)
        raise OSError

    monkeypatch.setattr(labelling, "label", wait)
    yield event
    event.set()


def ask(
    labels: MediaLabels,
    noted: list[Any],
    *files: bytes,
    gone: bool = False,
    recorded: bool = True,
    user: str = "",
) -> Any:
    async def run() -> Any:
        desk = LabelDesk(labels, lambda _, facts: noted.append(facts) or recorded, agreed=True)
        left = asyncio.get_running_loop().create_future()
        if gone:
            left.set_result(None)
        try:
            return await desk.label([File(data=file) for file in files], account(user), left)
        finally:
            desk.close()

    return asyncio.run(run())


def test_files_come_back_in_their_order_each_with_a_number_of_its_own(noted: list[Any]) -> None:
    found = ask(LABELS, noted, picture("image/png"), picture("image/jpeg"))
    assert [data[:3] for data in found] == [b"\x89PN", b"\xff\xd8\xff"]
    assert [facts["carrier"] for facts in noted] == ["PNG", "JPEG"]
    assert len({facts["produceId"] for facts in noted}) == 2


def test_one_file_at_fault_keeps_all_of_them_inside(noted: list[Any]) -> None:
    found = ask(LABELS, noted, picture("image/png"), b"%PDF-1.7")
    assert isinstance(found, Unlabelled)
    assert (found.reason, noted) == ("UnsupportedCarrier", [])


def test_without_a_declared_code_no_file_leaves(noted: list[Any]) -> None:
    assert ask(MediaLabels(), noted, picture("image/png")).reason == "NotDeclared"


def test_work_that_takes_too_long_is_no_longer_waited_for(
    noted: list[Any], stuck: threading.Event
) -> None:
    assert ask(HASTY, noted, b"x").reason == "TookTooLong"


def test_nobody_works_for_a_client_that_left(noted: list[Any], stuck: threading.Event) -> None:
    ask(LABELS, noted, b"x", gone=True)
    assert noted == []


def test_a_missing_package_is_told_with_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(labelling, "PACKAGES", ("no_such_package",))
    with pytest.raises(ProblemError, match=r"genaiservice-operator\[media\]"):
        LabelDesk(LABELS, lambda *_: True)


def test_a_missing_font_is_told_at_once() -> None:
    with pytest.raises(ProblemError, match="font"):
        LabelDesk(replace(LABELS, font="/nowhere.otf"), lambda *_: True)


def test_answers_share_one_larder_and_give_back_what_they_held() -> None:
    larder = Larder(10)
    assert larder.take(6)
    assert not larder.take(5)
    assert larder.take(4)
    larder.free(6)
    assert larder.take(6)
    assert not larder.take(1)


EXCEPTING = replace(LABELS, unlabelled_on_request=True)


@pytest.mark.parametrize(
    ("labels", "agreed", "user"),
    [(LABELS, True, "u"), (EXCEPTING, False, "u"), (EXCEPTING, True, "")],
)
def test_the_label_stays_without_declaration_agreement_or_user(
    labels: MediaLabels, agreed: bool, user: str
) -> None:
    desk = LabelDesk(labels, lambda *_: True, agreed=agreed)
    assert desk.recipient("", user) == ""
    assert desk.recipient("anything", user) == ""
    with pytest.raises(RefusedError, match="label_stays"):
        desk.recipient("metadata-only", user)


def test_who_may_have_it_is_the_recipient() -> None:
    assert LabelDesk(EXCEPTING, lambda *_: True, agreed=True).recipient("Metadata-Only", "u") == "u"


def test_what_is_not_in_the_log_does_not_leave_without_its_label(noted: list[Any]) -> None:
    data = picture("image/png")
    [bare] = ask(EXCEPTING, noted, data, user="u")
    assert noted[-1]["drawn"] == ""
    assert bare != data
    assert ask(EXCEPTING, noted, data, user="u", recorded=False).reason == "NotRecorded"
    assert isinstance(ask(EXCEPTING, noted, data, recorded=False), list)
