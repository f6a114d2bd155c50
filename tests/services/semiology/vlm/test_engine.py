from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from schemas.catalogue import Catalogue, Sampling, SamplingKind, load_catalogue
from schemas.errors import InvalidRequestError, ResourceLimitError, UnavailableError
from schemas.model_card import Canary
from schemas.recording import Interval
from schemas.segmentation import BodyPart, StaffContact, ViewKind
from schemas.semiology import Reason
from services.semiology.engines import Engine
from services.semiology.engines.vlm.engine import VlmEngine, VlmLocalEngine
from services.semiology.engines.vlm.settings import VlmSettings
from services.semiology.engines.vlm.study import VlmStudy
from tests.services.semiology.vlm import samples
from tests.services.semiology.vlm.model_server import Desk, bright, serving
from tests.support.videos import write_video

LENGTH_S = 40.0
BRIGHT = Interval(14.0, 27.0)
FIVE = Sampling(SamplingKind.CLIP, 5.0, 2.5, 2.0)
TEN = Sampling(SamplingKind.CLIP, 10.0, 5.0, 2.0)
BASE = samples.card(canary=Canary("canary.mp4", "Is it bright?", yes=0.45, tolerance=0.1))
LIMBS = samples.adapter_card("limbs", ("clonic",), canary=Canary("canary.mp4", "Is it bright?", 0.22, 0.45, 0.1))


@pytest.fixture(scope="module")
def video(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Dark, then bright for a while, then dark."""

    def draw(_: int, time_s: float) -> np.ndarray:
        return np.full((96, 160, 3), 240 if BRIGHT.lo <= time_s < BRIGHT.hi else 10, np.uint8)

    return write_video(tmp_path_factory.mktemp("video") / "v.mp4", draw, seconds=LENGTH_S, rate=4)


@pytest.fixture
def catalogue() -> Catalogue:
    """Three signs: two that share windows, one that looks longer and needs time before."""
    signs = (
        samples.sign("clonic", sampling=FIVE),
        samples.sign("tonic", sampling=FIVE),
        samples.sign("behavioural_arrest", sampling=TEN),
    )
    return replace(load_catalogue(), signs=signs)


@pytest.fixture
def desk() -> Iterator[Desk]:
    strong = bright(0.98)
    with serving(Desk({BASE.served_name: strong, LIMBS.served_name: bright(0.5)})) as ready:
        yield ready


@pytest.fixture
def settings(desk: Desk, tmp_path: Path) -> VlmSettings:
    return VlmSettings(url=desk.url, weights=str(samples.site(tmp_path, LIMBS, base=BASE)), patience_s=5.0)


@pytest.fixture
def engine(settings: VlmSettings, catalogue: Catalogue) -> VlmEngine:
    made = VlmEngine(settings, catalogue)
    made.load()
    return made


def _study(engine: VlmEngine, video: Path, **changes: object) -> VlmStudy:
    evidence = samples.evidence(video, LENGTH_S)
    return engine.study(replace(evidence, segmentation=samples.segmentation(**changes)), lambda *_: None)


def test_it_is_an_engine_that_needs_no_server_to_say_who_it_is(settings: VlmSettings, catalogue: Catalogue) -> None:
    away = VlmEngine(settings.model_copy(update={"url": "http://127.0.0.1:9/v1"}), catalogue)
    assert isinstance(away, Engine)
    info = away.info()
    assert (info.name, info.answers) == ("vlm", ("clonic", "tonic", "behavioural_arrest"))
    assert "drawings" in info.training
    assert VlmLocalEngine(settings, catalogue).info().name == "vlm_local"


def test_other_cards_or_words_are_another_engine(settings: VlmSettings, catalogue: Catalogue, tmp_path: Path) -> None:
    plain = VlmEngine(settings, catalogue).info().digest
    assert plain == VlmEngine(settings, catalogue).info().digest
    assert plain != VlmEngine(settings.model_copy(update={"explain": False}), catalogue).info().digest
    samples.write_card(tmp_path / "limbs", replace(LIMBS, version="2"))
    assert plain != VlmEngine(settings, catalogue).info().digest
    assert plain != VlmLocalEngine(settings, catalogue).info().digest


def test_an_event_is_found_where_it_is_with_the_models_words(engine: VlmEngine, video: Path) -> None:
    study = _study(engine, video)
    answer = {a.sign: a for a in study.answers(samples.episode(12.0, 30.0))}["tonic"]
    (seen,) = answer.sightings
    assert seen.onset_s.lo <= BRIGHT.lo <= seen.onset_s.hi
    assert seen.offset_s.lo <= BRIGHT.hi <= seen.offset_s.hi
    assert seen.score > 0.85
    assert answer.score == seen.score
    assert "It is bright." in seen.rationale
    assert answer.assessable_s == pytest.approx(18.0)
    assert answer.view is ViewKind.FULL_FRAME


def test_the_adapter_answers_for_its_sign_alone(engine: VlmEngine, video: Path) -> None:
    by_sign = {a.sign: a for a in _study(engine, video).answers(samples.episode(12.0, 30.0))}
    assert by_sign["clonic"].score == pytest.approx(by_sign["tonic"].score / 2, abs=0.05)


def test_an_episode_without_it_has_none_and_says_how_long_was_looked(engine: VlmEngine, video: Path) -> None:
    answer = {a.sign: a for a in _study(engine, video).answers(samples.episode(0.0, 8.0))}["tonic"]
    assert answer.sightings == ()
    assert answer.assessable_s == pytest.approx(8.0)
    assert answer.score < 0.35


def test_each_window_is_sent_once_per_adapter_and_only_positive_ones_again(
    engine: VlmEngine, video: Path, desk: Desk
) -> None:
    desk.requests.clear()
    _study(engine, video)
    explained = [r for r in desk.requests if "response_format" in r]
    scored = [r for r in desk.requests if "response_format" not in r]
    assert len(scored) == 15 * 2 + 7
    assert 0 < len(explained) < len(scored) / 2
    for request in scored:
        assert len(request["messages"][1]["content"]) in {11, 21}, "ten or twenty pictures and a question"


def test_no_second_call_where_none_is_wanted(
    settings: VlmSettings, catalogue: Catalogue, video: Path, desk: Desk
) -> None:
    quiet = VlmEngine(settings.model_copy(update={"explain": False}), catalogue)
    quiet.load()
    answer = {a.sign: a for a in _study(quiet, video).answers(samples.episode(12.0, 30.0))}["tonic"]
    assert not [r for r in desk.requests if "response_format" in r]
    assert "Written by the model" not in answer.sightings[0].rationale


def test_tracks_say_nan_where_nobody_was_found(engine: VlmEngine, video: Path) -> None:
    study = _study(engine, video, patient_missing=(Interval(0.0, 10.0),))
    track = {track.sign: track for track in study.tracks()}["tonic"]
    assert np.isnan(track.score[track.time_s < 10.0]).all()
    assert np.isfinite(track.score[track.time_s >= 10.0]).all()
    assert [(gap.span, gap.reason) for gap in study.gaps()] == [(Interval(0.0, 10.0), Reason.PATIENT_NOT_FOUND)]


def test_a_lost_patient_is_not_assessable_with_the_reason(engine: VlmEngine, video: Path) -> None:
    study = _study(engine, video, patient_missing=(Interval(0.0, 25.0),))
    answer = {a.sign: a for a in study.answers(samples.episode(3.0, 20.0))}["tonic"]
    assert (answer.assessable_s, answer.reason) == (0.0, Reason.PATIENT_NOT_FOUND)
    assert answer.sightings == ()


@pytest.mark.req("no-answer-is-no-score")
def test_a_model_that_does_not_answer_is_not_assessable(engine: VlmEngine, video: Path, desk: Desk) -> None:
    desk.models[BASE.served_name] = lambda level, _: (0.3 * level, 0.3 * (1 - level))
    answer = {a.sign: a for a in _study(engine, video).answers(samples.episode(12.0, 30.0))}["tonic"]
    assert (answer.assessable_s, answer.reason) == (0.0, Reason.LOW_ANSWER_MASS)
    assert "0.30 of its answer; its card wants 0.5" in answer.reason_text


def test_signs_that_need_time_before_are_not_judged_without_it(engine: VlmEngine, video: Path) -> None:
    study = _study(engine, video)

    def arrest(onset_s: float, *, captured: bool = True) -> Reason:
        answers = study.answers(samples.episode(onset_s, 30.0, captured=captured))
        return next(a.reason for a in answers if a.sign == "behavioural_arrest")

    assert arrest(12.0) is Reason.NONE
    assert arrest(3.0) is Reason.NO_PRECEDING_ACTIVITY
    assert arrest(12.0, captured=False) is Reason.ONSET_NOT_CAPTURED


def test_contact_by_staff_is_noted_on_what_was_seen(engine: VlmEngine, video: Path) -> None:
    contact = StaffContact(Interval(20.0, 21.0), BodyPart.HEAD)
    study = _study(engine, video, staff_contacts=(contact,))
    answer = {a.sign: a for a in study.answers(samples.episode(12.0, 30.0))}["tonic"]
    assert answer.sightings[0].touched_by_staff


def test_progress_is_told_window_by_window(engine: VlmEngine, video: Path) -> None:
    told: list[float] = []
    engine.study(samples.evidence(video, LENGTH_S), lambda fraction, *_: told.append(fraction))
    assert told == sorted(told)
    assert (len(told), told[-1]) == (15 + 7, 1.0)


def test_a_cancel_stops_the_asking(engine: VlmEngine, video: Path, desk: Desk) -> None:
    class CancelledError(BaseException):
        pass

    def cancel(*_: object) -> None:
        raise CancelledError

    desk.requests.clear()
    with pytest.raises(CancelledError):
        engine.study(samples.evidence(video, LENGTH_S), cancel)
    assert len(desk.requests) < 15


def test_a_cancel_is_noticed_while_the_server_is_waited_for(engine: VlmEngine, video: Path, desk: Desk) -> None:
    class CancelledError(BaseException):
        pass

    told: list[float] = []

    def cancel(fraction: float, *_: object) -> None:
        told.append(fraction)
        raise CancelledError

    desk.faults = [(503, {"retry-after": "2"})] * 1000
    with pytest.raises(CancelledError):
        engine.study(samples.evidence(video, LENGTH_S), cancel)
    assert told == [0.0], "before any window was answered"


def test_a_window_that_does_not_fit_ends_the_step_for_good(engine: VlmEngine, video: Path, desk: Desk) -> None:
    desk.context_tokens = 70
    with pytest.raises(ResourceLimitError, match="--max-model-len"):
        _study(engine, video)


def test_a_server_that_goes_away_in_the_middle_puts_the_step_back(engine: VlmEngine, video: Path, desk: Desk) -> None:
    def stop(fraction: float, *_: object) -> None:
        desk.faults = [(503, {"retry-after": "6"})] * 1000 if fraction > 0.3 else []

    with pytest.raises(UnavailableError) as raised:
        engine.study(samples.evidence(video, LENGTH_S), stop)
    assert raised.value.retryable


@pytest.mark.req("a-silent-adapter-is-refused")
def test_an_adapter_that_the_server_does_not_apply_is_refused_at_load(
    settings: VlmSettings, catalogue: Catalogue, desk: Desk
) -> None:
    desk.models[LIMBS.served_name] = desk.models[BASE.served_name]
    with pytest.raises(InvalidRequestError, match="'limbs' does nothing"):
        VlmEngine(settings, catalogue).load()


def test_without_a_folder_of_cards_it_says_which_setting(catalogue: Catalogue) -> None:
    with pytest.raises(InvalidRequestError, match="ICTOGRAM_VLM_WEIGHTS"):
        VlmEngine(VlmSettings(), catalogue).info()


def test_sleep_before_an_onset_belongs_to_the_episode_that_follows(
    settings: VlmSettings, catalogue: Catalogue, video: Path
) -> None:
    """What the sign is about lies before the onset; the same sighting belongs to no episode long after."""
    before = samples.sign("occur_during_sleep", sampling=TEN, needs_before_s=10.0)
    engine = VlmEngine(settings.model_copy(update={"explain": False}), replace(catalogue, signs=(before,)))
    engine.load()
    study = _study(engine, video)
    (directly,) = study.answers(samples.episode(27.0, 35.0))
    assert len(directly.sightings) == 1
    (at_the_start,) = study.answers(samples.episode(11.0, 13.0))
    assert at_the_start.sightings == ()
