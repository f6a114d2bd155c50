"""Who is who over the looks, and who is the patient."""

from __future__ import annotations

from schemas.recording import Box
from services.segmentation.engines import PATIENT, Prompt, PromptPoint
from services.segmentation.engines.sam2.looks import Look
from services.segmentation.engines.sam2.people import anchor, choose, numbered, pointed_out, trails
from tests.services.segmentation.sam2.scenes import looks, person

BED = (0.2, 0.5, 0.6, 0.8)
DOOR, CHAIR = (0.85, 0.2, 0.98, 0.8), (0.7, 0.3, 0.85, 0.8)
BESIDE = (0.55, 0.2, 0.7, 0.8)


def test_a_walk_between_looks_is_one_trail_and_the_bed_another() -> None:
    seen = looks((BED,), (BED, DOOR), (BED, CHAIR), (BED, BESIDE), (BED,))
    found = trails(seen)
    assert [trail.looks for trail in found] == [[0, 1, 2, 3, 4], [1, 2, 3]]


def test_whoever_lies_in_the_same_place_after_a_while_is_the_same() -> None:
    found = trails(looks((BED,), (), (), (), (), (), (BED,)))
    assert [trail.looks for trail in found] == [[0, 6]]


def test_after_a_while_nobody_is_the_same_elsewhere() -> None:
    found = trails(looks((DOOR,), (), (), (), (), (CHAIR,)))
    assert [trail.looks for trail in found] == [[0], [5]]


def test_two_people_do_not_share_a_look() -> None:
    close = (0.25, 0.5, 0.65, 0.8)
    found = trails(looks((BED, close), (close, BED)))
    assert [trail.looks for trail in found] == [[0, 1], [0, 1]]
    assert {trail.people[0].box for trail in found} == {Box(*BED), Box(*close)}
    assert all(trail.people[0].box == trail.people[1].box for trail in found)


def test_the_patient_stays_longest() -> None:
    seen = looks((BED,), (BED, DOOR), (BED, CHAIR), (BED,))
    chosen = choose(trails(seen), seen, None)
    assert chosen is not None
    assert chosen.patient.looks == [0, 1, 2, 3]
    assert 0.5 < chosen.confidence < 0.9


def test_of_two_who_stay_the_patient_lies_where_movement_stays() -> None:
    seen = looks(*((CHAIR, BED),) * 4)
    by_movement = choose(trails(seen), seen, Box(0.25, 0.55, 0.5, 0.75))
    assert by_movement is not None
    assert by_movement.patient.people[0].box == Box(*BED)
    other = choose(trails(seen), seen, Box(0.72, 0.3, 0.84, 0.6))
    assert other is not None
    assert other.patient.people[0].box == Box(*CHAIR)


def test_somebody_who_paces_all_along_is_not_the_patient() -> None:
    paces = [(0.3 + 0.12 * (k % 4), 0.1, 0.42 + 0.12 * (k % 4), 0.45) for k in range(8)]
    seen = looks(*((where, BED) for where in paces))
    chosen = choose(trails(seen), seen, None)
    assert chosen is not None
    assert chosen.patient.people[0].box == Box(*BED)


def test_without_anybody_there_is_no_choice() -> None:
    seen = looks((), (), ())
    assert choose(trails(seen), seen, None) is None


def test_somebody_seen_once_in_a_long_recording_is_no_patient() -> None:
    seen = looks((DOOR,), *((),) * 20)
    assert choose(trails(seen), seen, None) is None


def test_following_begins_where_the_patient_is_sure_and_alone() -> None:
    seen = (
        Look(0, (person(BED, 0.6),)),
        Look(2, (person(BED, 0.9), person((0.3, 0.3, 0.6, 0.8)))),
        Look(4, (person(BED, 0.9),)),
    )
    trail = next(trail for trail in trails(seen) if trail.people[0].box == Box(*BED))
    assert anchor(trail, seen) == 2


def test_a_drawn_box_names_the_one_inside_it() -> None:
    seen = looks((BED, CHAIR), (BED, CHAIR))
    found = trails(seen)
    assert pointed_out(found, seen, Prompt(1.0, PATIENT, Box(0.15, 0.3, 0.65, 0.95))).people[0].box == Box(*BED)
    assert pointed_out(found, seen, Prompt(1.0, 2, Box(*CHAIR))).people[0].box == Box(*CHAIR)
    assert pointed_out(found, seen, Prompt(1.0, PATIENT, Box(0.0, 0.0, 0.1, 0.1))).people == []


def test_points_on_somebody_name_them_and_points_off_exclude() -> None:
    seen = looks((BED, CHAIR))
    found = trails(seen)
    on_bed = PromptPoint(0.4, 0.6)
    assert pointed_out(found, seen, Prompt(0.0, PATIENT, points=(on_bed,))).people[0].box == Box(*BED)
    both = (PromptPoint(0.78, 0.5), PromptPoint(0.4, 0.6, inside=False))
    assert pointed_out(found, seen, Prompt(0.0, PATIENT, points=both)).people[0].box == Box(*CHAIR)
    contradiction = (on_bed, PromptPoint(0.41, 0.6, inside=False))
    assert pointed_out(found, seen, Prompt(0.0, PATIENT, points=contradiction)).people == []


def test_those_pointed_out_keep_their_numbers() -> None:
    bed, door, chair = trails(looks((BED, DOOR, CHAIR)))
    assert numbered([bed, chair], bed, [(3, door)]) == [(3, door), (4, chair)]
    assert numbered([bed, chair], bed, []) == [(1, chair)]
