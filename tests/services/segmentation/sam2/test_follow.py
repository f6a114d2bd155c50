"""A recording followed with a stand-in for SAM 2 whose object scores are known: parts, losses, the way back."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import pytest

from schemas.recording import Box
from services.media.geometry import Image
from services.media.masks import Mask
from services.segmentation.engines import PATIENT, PromptPoint
from services.segmentation.engines.sam2.follow import Followed, Follower, Plan
from services.segmentation.engines.sam2.people import Trail, trails
from services.segmentation.engines.sam2.prompting import Cue, mask_box
from services.segmentation.engines.sam2.session import Seen
from tests.services.segmentation.sam2.scenes import COLUMNS, ROWS, box_mask, looks
from tests.support import videos

BED, CHAIR = (0.2, 0.5, 0.6, 0.8), (0.7, 0.3, 0.85, 0.8)
RATE = 2.0
ANCHOR = {0: (Cue(PATIENT, Box(*BED)),)}
Hidden = Callable[[int, int, int], bool]
"""Whether somebody, pointed out in some instant, is hidden in another."""


@dataclass
class StandIn:
    """Keeps everybody where they were pointed out last, and hides them when told to."""

    hidden: Hidden
    backwards: bool
    shown: list[int] = field(default_factory=list)
    told: list[tuple[int, int, str]] = field(default_factory=list)
    masks_of: dict[int, tuple[int, Mask]] = field(default_factory=dict)

    @property
    def people(self) -> tuple[int, ...]:
        return tuple(self.masks_of)

    def show(self, number: int, image: Image) -> None:
        assert image.shape[2] == 3
        self.shown.append(number)

    def point_out(self, person: int, box: Box | None, points: tuple[PromptPoint, ...] = ()) -> None:
        assert box is not None
        self.told.append((self.shown[-1], person, "prompt"))
        self.masks_of[person] = self.shown[-1], box_mask(box)

    def hand_over(self, person: int, mask: Mask) -> None:
        self.told.append((self.shown[-1], person, "mask"))
        self.masks_of[person] = self.shown[-1], mask

    def masks(self) -> dict[int, Seen]:
        now = self.shown[-1]
        return {
            person: Seen(np.where(mask, 5, -5).astype(np.float32), 0.1 if self.hidden(person, since, now) else 0.9, 0.8)
            for person, (since, mask) in self.masks_of.items()
        }

    def leave(self, person: int) -> None:
        self.told.append((self.shown[-1], person, "leave"))
        del self.masks_of[person]


@dataclass
class Run:
    followed: Followed
    sessions: list[StandIn]
    shares: list[float]


@pytest.fixture
def follow(tmp_path: Path) -> Callable[..., Run]:
    def call(
        seconds: float = 10.0, part: int = 1000, boxes: tuple[tuple[tuple[float, ...], ...], ...] = ((BED,),) * 5,
        cues: dict[int, tuple[Cue, ...]] = ANCHOR, hidden: Hidden = lambda *_: False, cuts_s: tuple[float, ...] = (),
    ) -> Run:  # fmt: skip
        video = videos.write_video(tmp_path / "v.mp4", videos.scene(64, 36), seconds=seconds, rate=8)
        seen = looks(*boxes)
        found = trails(seen)
        patient = next((one for one in found if one.people[0].box == Box(*BED)), Trail())
        others = tuple(enumerate((one for one in found if one is not patient), 1))
        plan = Plan(round(seconds * RATE), RATE, part, seen, patient, others, cues, cuts_s)
        sessions: list[StandIn] = []
        shares: list[float] = []

        def opened(*, backwards: bool) -> StandIn:
            sessions.append(StandIn(hidden, backwards))
            return sessions[-1]

        followed = Follower(video, plan, (ROWS, COLUMNS), opened, shares.append).run()  # type: ignore[arg-type]
        return Run(followed, sessions, shares)

    return call


def _there(run: Run) -> list[bool]:
    return [bool(mask.any()) for mask in run.followed.masks.patient]


def test_every_instant_gets_one_mask(follow: Callable[..., Run]) -> None:
    run = follow()
    assert np.allclose(run.followed.masks.time_s, np.arange(20) / RATE)
    assert all((mask == box_mask(BED)).all() for mask in run.followed.masks.patient)
    assert run.followed.sure == pytest.approx(np.full(20, 0.72))
    assert run.followed.prompted_again == 0
    assert run.shares == sorted(run.shares)
    assert 0.9 < run.shares[-1] <= 1.0


def test_parts_hand_masks_over(follow: Callable[..., Run]) -> None:
    run = follow(seconds=20.0, part=16, boxes=((BED, CHAIR),) * 10)
    assert [session.shown for session in run.sessions] == [[*range(16)], [*range(12, 28)], [*range(24, 40)]]
    assert [session.told for session in run.sessions[1:]] == [
        [(12, PATIENT, "mask"), (12, 1, "mask")],
        [(24, PATIENT, "mask"), (24, 1, "mask")],
    ]
    assert len(run.followed.masks.time_s) == 40
    assert all(_there(run))
    assert all(mask.any() for mask in run.followed.masks.others)
    assert run.followed.switches_s == ()


def test_a_patient_hidden_at_the_border_is_handed_over_where_they_were_seen(follow: Callable[..., Run]) -> None:
    run = follow(seconds=20.0, part=16, boxes=((BED,),) * 10, hidden=lambda _person, _since, now: now in {12, 13})
    assert run.sessions[1].told == [(14, PATIENT, "mask")]
    assert _there(run) == [k not in {12, 13} for k in range(40)]


def test_a_patient_lost_before_the_border_is_pointed_out_in_the_next_part(follow: Callable[..., Run]) -> None:
    run = follow(
        seconds=20.0, part=16, boxes=((BED,),) * 4 + ((),) * 4 + ((BED,),) * 2,
        hidden=lambda _person, since, now: since < 10 <= now,
    )  # fmt: skip
    assert run.sessions[1].told == []
    assert (32, PATIENT, "prompt") in run.sessions[2].told
    assert _there(run) == [k < 10 or k >= 32 for k in range(40)]


def test_two_parts_that_disagree_are_reported(follow: Callable[..., Run]) -> None:
    run = follow(
        seconds=20.0, part=16, boxes=((BED,),) * 10, hidden=lambda _person, since, now: since == 12 and now == 13
    )
    assert run.followed.switches_s == ()
    run = follow(seconds=20.0, part=16, boxes=((BED,),) * 10, hidden=lambda _person, since, _now: since == 12)
    assert run.followed.switches_s == (7.5,)


def test_after_a_loss_the_next_look_prompts_again(follow: Callable[..., Run]) -> None:
    run = follow(hidden=lambda _person, since, now: since < 5 <= now)
    assert run.sessions[0].told == [(0, PATIENT, "prompt"), (12, PATIENT, "prompt")]
    assert _there(run) == [k < 5 or k >= 12 for k in range(20)]
    assert run.followed.prompted_again == 1
    assert (run.followed.sure[5:12] == 0).all()


def test_a_short_loss_is_left_to_sam_2(follow: Callable[..., Run]) -> None:
    run = follow(hidden=lambda _person, _since, now: now in {5, 6, 7})
    assert run.sessions[0].told == [(0, PATIENT, "prompt")]
    assert run.followed.prompted_again == 0


def test_the_way_back_begins_at_the_sure_look(follow: Callable[..., Run]) -> None:
    run = follow(seconds=25.0, boxes=((), (), *((BED,),) * 10), cues={40: (Cue(PATIENT, Box(*BED)),)})
    forward, back = run.sessions
    assert forward.shown == [*range(50)]
    assert back.backwards
    assert back.shown == [*range(40, -1, -1)]
    assert all(_there(run))
    assert run.shares == sorted(run.shares)


def test_on_the_way_back_a_lost_patient_is_prompted_again(follow: Callable[..., Run]) -> None:
    run = follow(cues={16: (Cue(PATIENT, Box(*BED)),)}, hidden=lambda _person, since, now: since == 16 and now < 14)
    assert run.sessions[1].told == [(16, PATIENT, "prompt"), (8, PATIENT, "prompt")]
    assert _there(run) == [k <= 8 or k >= 14 for k in range(20)]


def test_who_comes_in_is_followed_and_let_go_when_gone(follow: Callable[..., Run]) -> None:
    run = follow(
        seconds=20.0, boxes=((BED,), (BED, CHAIR), (BED,), *((BED,),) * 7),
        hidden=lambda person, _since, now: person == 1 and now >= 8,
    )  # fmt: skip
    told = [entry for entry in run.sessions[0].told if entry[1] == 1]
    assert told == [(4, 1, "prompt"), (28, 1, "leave")]
    assert [bool(mask.any()) for mask in run.followed.masks.others] == [4 <= k < 8 for k in range(40)]


def test_a_mask_on_somebody_else_is_reported_and_put_right(follow: Callable[..., Run]) -> None:
    cues = {0: (Cue(PATIENT, Box(*CHAIR)),)}
    run = follow(boxes=((BED, CHAIR),) * 5, cues=cues)
    assert run.followed.switches_s == (2.0,)
    boxes = [mask_box(mask) for mask in run.followed.masks.patient]
    assert boxes[0] is not None
    assert boxes[0] == pytest.approx(Box(*CHAIR), abs=0.03)
    assert boxes[-1] == pytest.approx(Box(*BED), abs=0.03)


def test_after_a_cut_the_patient_is_pointed_out_again(follow: Callable[..., Run]) -> None:
    run = follow(cuts_s=(4.7,))
    assert run.sessions[0].told == [(0, PATIENT, "prompt"), (12, PATIENT, "prompt")]


def test_a_report_that_raises_stops_the_work(tmp_path: Path) -> None:
    class Stopped(BaseException):
        pass

    def stop(share: float) -> None:
        if share > 0.2:
            raise Stopped

    video = videos.write_video(tmp_path / "v.mp4", videos.scene(64, 36), seconds=10, rate=8)
    plan = Plan(20, RATE, 100, (), Trail(), (), ANCHOR)
    session = StandIn(lambda *_: False, backwards=False)
    with pytest.raises(Stopped):
        Follower(video, plan, (ROWS, COLUMNS), lambda **_: session, stop).run()  # type: ignore[arg-type, return-value]
    assert len(session.shown) == 5
