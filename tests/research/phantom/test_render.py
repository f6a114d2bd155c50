"""What is painted agrees with what is said to be true."""

from __future__ import annotations

import hashlib
from functools import cache
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from research.phantom import make, truth_path
from research.phantom.look import Look, look_for
from research.phantom.render import Stagecraft, prepare, render, truth_of
from research.phantom.script import Act, Disturbance, Script
from research.phantom.scripts import AWKWARD, LOOK_ALIKES, SCRIPTS, SEIZURES, named
from research.phantom.truth import load_truth, truth_from_json, truth_to_json
from schemas.catalogue import load_catalogue
from schemas.errors import InvalidRequestError
from services.media.decode import audio, frames, probe

SIZE = (320, 180)
SMALL = Look(size=SIZE, rate_hz=25.0)
JERKING = Script(
    "jerking", 14.0, (Act("clonic", 5.0, 12.0, "right", 1, {"first_hz": 3.0, "last_hz": 3.0}),), blanket=0.0
)
SHORT = Script("short", 3.0, (Act("wave", 0.5, 2.8, "left"),))


@cache
def _painted(mirrored: bool = False) -> tuple[Stagecraft, NDArray[np.float64]]:
    craft = prepare(JERKING, 4, look_for(JERKING, size=SIZE, rate_hz=25.0, mirrored=mirrored))
    return craft, np.array(list(craft.frames()), dtype=np.float64)


def _around_hand(craft: Stagecraft, side: str) -> tuple[slice, slice]:
    points = np.concatenate(craft.people[0].body.arms[side].joints[2:])
    seen = craft.camera.project(points)
    low, high = seen[:, :2].min(axis=0) - 4, seen[:, :2].max(axis=0) + 4
    return slice(max(int(low[1]), 0), int(high[1])), slice(max(int(low[0]), 0), int(high[0]))


def _energy(pictures: NDArray[np.float64], window: tuple[slice, slice]) -> NDArray[np.float64]:
    patch = pictures[:, window[0], window[1]]
    return np.asarray(np.abs(np.diff(patch, axis=0)).mean(axis=(1, 2)))


def test_the_jerking_hand_changes_the_picture_at_the_scripted_rate() -> None:
    craft, pictures = _painted()
    energy = _energy(pictures, _around_hand(craft, "right"))[int(6.5 * 25) : int(11.5 * 25)]
    power = np.abs(np.fft.rfft(energy - energy.mean())) ** 2
    hz = np.fft.rfftfreq(len(energy), 1 / 25)
    strongest = hz[1 + power[1:].argmax()]
    # One jerk out and back changes the picture once or twice.
    assert min(abs(strongest - 3.0), abs(strongest - 6.0)) < 0.35


def test_the_picture_moves_where_and_when_the_truth_says() -> None:
    craft, pictures = _painted()
    right = _energy(pictures, _around_hand(craft, "right"))
    left = _energy(pictures, _around_hand(craft, "left"))
    truth = truth_of(JERKING, 4, SMALL)
    (episode,) = truth.episodes
    inside = slice(int((episode.onset_s + 0.5) * 25), int(episode.offset_s * 25))
    before = slice(0, int(episode.onset_s * 25) - 2)
    assert right[inside].mean() > 1.5 * right[before].mean()
    assert right[inside].mean() - right[before].mean() > 5 * abs(left[inside].mean() - left[before].mean())
    assert {o.side for o in episode.occurrences} == {"right"}
    assert all(o.visible and o.extent_px > 8 for o in episode.occurrences)


@pytest.mark.slow
def test_mirroring_flips_the_pixels_and_not_the_truth() -> None:
    _, straight = _painted()
    _, flipped = _painted(mirrored=True)
    np.testing.assert_array_equal(straight, flipped[:, :, ::-1])
    one, other = (truth_of(JERKING, 4, look_for(JERKING, size=SIZE, rate_hz=25.0, mirrored=m)) for m in (False, True))
    assert one.episodes == other.episodes
    assert (one.mirrored, other.mirrored) == (False, True)
    assert one.patient_box is not None
    assert other.patient_box is not None
    assert one.patient_box.left == pytest.approx(1 - other.patient_box.right)


def test_the_same_seed_gives_the_same_file_and_another_seed_another(tmp_path: Path) -> None:
    def digest(seed: int, name: str) -> tuple[str, str]:
        make_into = tmp_path / name
        truth = render(SHORT, seed, make_into, SIZE, audio=True)
        return hashlib.sha256(make_into.read_bytes()).hexdigest(), truth_to_json(truth)

    first, again, other = digest(1, "a.mp4"), digest(1, "b.mp4"), digest(2, "c.mp4")
    assert first == again
    assert first[0] != other[0]


def test_a_script_file_becomes_a_video_with_its_truth_beside_it(tmp_path: Path) -> None:
    path = tmp_path / "wave.toml"
    path.write_text(
        'name = "wave"\nduration_s = 3.0\n[[acts]]\nkind = "wave"\nonset_s = 0.5\noffset_s = 2.8\nside = "left"\n'
    )
    video = tmp_path / "wave.mp4"
    truth = make(path, 1, video, size=SIZE, rate_hz=20.0, infrared=False, camera="side", audio=True)
    assert load_truth(truth_path(video)) == truth
    facts = probe(video)
    assert (facts.width_px, facts.height_px) == SIZE
    pictures = [frame.time_s for frame in frames(video)]
    assert len(pictures) == 60
    assert pictures[-1] == pytest.approx(2.95, abs=1e-3)
    heard = np.concatenate(list(audio(video)))
    assert len(heard) / 16000 == pytest.approx(3.0, abs=0.2)
    assert 1e-4 < np.abs(heard).mean() < 0.2


def test_truth_survives_json_and_refuses_anything_else() -> None:
    truth = truth_of(named("versive_then_clonic"), 9, SMALL)
    assert truth_from_json(truth_to_json(truth)) == truth
    with pytest.raises(InvalidRequestError, match="truth version '9'"):
        truth_from_json('{"schema_version": "9"}')
    with pytest.raises(InvalidRequestError, match="not a truth file"):
        truth_from_json("{}")


@pytest.mark.parametrize("name", sorted(SCRIPTS))
def test_every_script_has_a_truth_that_holds_together(name: str) -> None:
    script = named(name)
    truth = truth_of(script, 11, look_for(script, size=(640, 360)))
    assert bool(truth.episodes) == (name in {*SEIZURES, *AWKWARD})
    known = set(load_catalogue().by_id)
    for episode in truth.episodes:
        assert 0 <= episode.onset_s < episode.offset_s <= truth.duration_s
        assert episode.occurrences
        assert any(o.visible for o in episode.occurrences)
        for item in episode.occurrences:
            assert item.sign in known
            assert episode.onset_s <= item.onset_s < item.offset_s <= episode.offset_s
    assert all(0 <= s.onset_s < s.offset_s <= truth.duration_s for s in truth.look_alikes)
    if name in LOOK_ALIKES and name != "empty_bed":
        assert truth.patient_box is not None


def test_awkward_recordings_say_what_they_missed() -> None:
    missed = truth_of(named("onset_missed"), 1, SMALL).episodes[0]
    assert (missed.onset_captured, missed.offset_captured, missed.onset_s) == (False, True, 0.0)
    assert any(o.censored_left for o in missed.occurrences)
    cut = truth_of(named("offset_cut"), 1, SMALL)
    assert (cut.episodes[0].onset_captured, cut.episodes[0].offset_captured) == (True, False)
    assert cut.episodes[0].offset_s == cut.duration_s
    assert [e.id for e in truth_of(named("two_episodes"), 1, SMALL).episodes] == ["r1-e1", "r1-e2"]


def test_signs_made_of_others_are_told_too() -> None:
    slept = truth_of(named("asleep_then_tonic_clonic"), 1, SMALL).episodes[0]
    assert slept.state_before == "apparently_asleep"
    assert {"occur_during_sleep", "bilateral_tonic_clonic", "full_body_shaking"} <= {o.sign for o in slept.occurrences}
    short = truth_of(named("tonic_clonic"), 1, SMALL).episodes[0]
    assert short.state_before == "unknown"
    assert "occur_during_sleep" not in {o.sign for o in short.occurrences}
    ending = truth_of(named("asymmetric_ending"), 1, SMALL).episodes[0].occurrences
    (last,) = (o for o in ending if o.sign == "asymmetric_clonic_ending")
    assert last.side == "left"
    assert last.onset_s > max(o.offset_s for o in ending if o.sign == "clonic" and o.side == "bilateral_symmetric")


def test_a_covered_leg_is_not_called_visible() -> None:
    act = (Act("clonic", 2.0, 8.0, "left", 1, {"arm": 0.0, "leg": 1.0}),)
    shown = truth_of(Script("bare", 10.0, act, blanket=0.0), 1, SMALL).episodes[0].occurrences
    hidden = truth_of(Script("covered", 10.0, act, blanket=0.5), 1, SMALL).episodes[0].occurrences
    assert all(o.visible for o in shown)
    assert not any(o.visible for o in hidden)


def test_disturbances_change_the_picture_and_not_the_patient() -> None:
    calm = Script("calm", 3.0)
    disturbed = Script(
        "calm", 3.0, disturbances=(Disturbance("light_switch", 1.0, 2.0), Disturbance("freeze", 2.2, 2.8))
    )
    plain, changed = (
        np.array(list(prepare(s, 2, Look(size=SIZE, rate_hz=10.0)).frames()), dtype=float) for s in (calm, disturbed)
    )
    assert changed[15].mean() > 1.2 * plain[15].mean()
    assert changed[5].mean() == pytest.approx(plain[5].mean(), rel=0.02)
    np.testing.assert_array_equal(changed[23], changed[27])


@pytest.mark.parametrize(
    ("options", "complaint"),
    [({"size": (641, 360)}, "641x360"), ({"rate_hz": 0.5}, "0.5"), ({"camera": "drone"}, "'drone'")],
)
def test_impossible_looks_are_refused(options: dict[str, object], complaint: str) -> None:
    with pytest.raises(InvalidRequestError, match=complaint):
        look_for(SHORT, **options)
