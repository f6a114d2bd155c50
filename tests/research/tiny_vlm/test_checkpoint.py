"""The checkpoint that is checked in: from the file of a phantom it has not seen to answers better than always yes."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from research.phantom.encode import write_video
from research.phantom.render import prepare, truth_of
from research.tiny_vlm import CHECKPOINT
from research.tiny_vlm.clips import RATE_HZ, SIGNS, SIZE, WINDOW, Window, recording, truth_in
from research.tiny_vlm.scoring import score
from research.tiny_vlm.train import HELD_OUT, SEEN
from schemas.catalogue import SamplingKind, load_catalogue
from schemas.recording import Interval
from services.semiology.engines.vlm.cards import check_canaries, check_weights, read_models
from services.semiology.engines.vlm.pictures import clip_of
from services.semiology.engines.vlm.settings import VlmSettings

pytestmark = pytest.mark.vision
UNSEEN = (30_015, 30_017, 30_018, 30_019, 30_020, 30_022, 30_024)
"""A convulsion, jerks of either arm, thrashing, shaking, a calm night, and gestures."""


def test_it_beats_always_yes_on_phantoms_that_it_has_not_seen(tmp_path: Path) -> None:
    import torch

    from services.semiology.engines.vlm.local import LocalReader

    torch.set_num_threads(1)
    assert not set(UNSEEN) & {*SEEN, *HELD_OUT}
    catalogue = load_catalogue()
    models = read_models(CHECKPOINT, catalogue)
    check_weights(models, needed=True)
    reader = LocalReader(models, VlmSettings(batch=4))
    check_canaries(models, reader)
    questions = [catalogue.by_id[sign].question for sign in SIGNS]
    shown: list[Window] = []
    answers = []
    for seed in UNSEEN:
        script, look = recording(seed)
        path = tmp_path / f"{seed}.mp4"
        write_video(path, prepare(script, seed, look).frames(), look.size, look.rate_hz)
        truth = truth_of(script, seed, look)
        for first in range(0, round(truth.duration_s * RATE_HZ) - WINDOW + 1, 6):
            span = Interval(first / RATE_HZ, (first + WINDOW) / RATE_HZ)
            clip = clip_of(path, span, RATE_HZ, SIZE, SamplingKind.CLIP)
            scores = reader.score(clip, questions, models.base.card)
            assert min(one.answer_mass for one in scores) > 0.9
            answers.append([one.yes for one in scores])
            shown.append(Window(np.zeros((0, 0, 0), np.uint8), truth_in(truth, span.lo, span.hi), seed))
    found = score(shown, np.array(answers, np.float32), SIGNS)
    better = [one.sign for one in found if one.f1 > one.always_yes]
    assert len(better) >= 2, [one.line() for one in found]


def test_cards_say_always_yes_beside_each_figure_and_that_no_person_was_seen() -> None:
    for model in read_models(CHECKPOINT, load_catalogue()).all:
        assert "never seen a person" in model.card.training
        assert {one.sign for one in model.card.metrics} == set(model.card.signs)
        assert all(one.always_yes is not None for one in model.card.metrics)
    base = read_models(CHECKPOINT, load_catalogue()).base.card
    assert sum(one.lo > (one.always_yes or 0.0) for one in base.metrics) >= 2


def test_the_checkpoint_stays_small() -> None:
    assert sum(path.stat().st_size for path in CHECKPOINT.rglob("*")) < 6_000_000
