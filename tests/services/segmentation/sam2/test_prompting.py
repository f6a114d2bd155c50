"""When somebody is pointed out again."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from schemas.recording import Box
from services.segmentation.engines import PATIENT
from services.segmentation.engines.sam2.people import Trail
from services.segmentation.engines.sam2.prompting import Cue, Situation, advise, mask_box
from tests.services.segmentation.sam2.scenes import box_mask, person

BED, CHAIR = (0.2, 0.5, 0.6, 0.8), (0.7, 0.3, 0.85, 0.8)
LYING, SITTING = Trail([0, 1], [person(BED)] * 2), Trail([0], [person(CHAIR)])
CALM = Situation(
    masks={PATIENT: box_mask(BED), 1: box_mask(CHAIR)}, followed={PATIENT, 1}, patient_lost_s=0.0, begun=True,
    after_cut=False, room=3,
)  # fmt: skip


def test_while_all_goes_well_nobody_is_pointed_out() -> None:
    found = advise(CALM, 0, LYING, [(1, SITTING)])
    assert found.cues == ()
    assert not found.mistaken


@pytest.mark.parametrize(("lost_s", "again"), [(0.4, False), (1.9, False), (2.0, True), (60.0, True)])
def test_a_patient_lost_for_a_while_is_pointed_out_again(lost_s: float, again: bool) -> None:
    lost = replace(CALM, masks={1: box_mask(CHAIR)}, patient_lost_s=lost_s)
    assert advise(lost, 0, LYING, [(1, SITTING)]).cues == ((Cue(PATIENT, Box(*BED)),) if again else ())


def test_a_patient_whom_the_look_does_not_show_stays_lost() -> None:
    lost = replace(CALM, masks={}, patient_lost_s=9.0)
    assert advise(lost, 5, LYING, []).cues == ()


def test_a_patient_not_yet_pointed_out_waits_for_the_sure_look() -> None:
    before = replace(CALM, masks={}, followed=set(), begun=False, patient_lost_s=9.0)
    assert advise(before, 0, LYING, []).cues == ()


def test_a_mask_on_somebody_else_is_a_mistake_and_put_right() -> None:
    wrong = replace(CALM, masks={PATIENT: box_mask(CHAIR)}, followed={PATIENT})
    found = advise(wrong, 0, LYING, [(1, SITTING)])
    assert found.mistaken
    assert found.cues[0] == Cue(PATIENT, Box(*BED))


def test_a_mask_beside_both_is_no_mistake() -> None:
    beside = replace(CALM, masks={PATIENT: box_mask((0.0, 0.0, 0.2, 0.3))})
    assert not advise(beside, 0, LYING, [(1, SITTING)]).mistaken


def test_who_comes_in_is_followed_while_there_is_room() -> None:
    alone = replace(CALM, masks={PATIENT: box_mask(BED)}, followed={PATIENT})
    assert advise(alone, 0, LYING, [(1, SITTING)]).cues == (Cue(1, Box(*CHAIR)),)
    assert advise(replace(alone, room=0), 0, LYING, [(1, SITTING)]).cues == ()


def test_who_has_a_mask_already_is_not_followed_twice() -> None:
    renamed = replace(CALM, followed={PATIENT, 1})
    assert advise(renamed, 0, LYING, [(7, SITTING)]).cues == ()


def test_after_a_cut_everybody_is_pointed_out_again() -> None:
    cut = replace(CALM, after_cut=True)
    assert advise(cut, 0, LYING, [(1, SITTING)]).cues == (Cue(PATIENT, Box(*BED)), Cue(1, Box(*CHAIR)))


def test_the_box_around_a_mask() -> None:
    assert mask_box(box_mask((0.25, 0.5, 0.75, 1.0))) == Box(0.25, 0.5, 0.75, 1.0)
    assert mask_box(np.zeros((4, 4), bool)) is None
