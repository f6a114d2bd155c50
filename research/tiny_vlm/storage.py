"""The models as a site would have them: a folder each, with weights, card, and a canary measured through the engine."""

from __future__ import annotations

import shutil
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
from pydantic import TypeAdapter

from research.phantom.encode import write_video
from research.tiny_vlm.clips import RATE_HZ, SIZE, Window
from research.tiny_vlm.lesson import padded
from research.tiny_vlm.scoring import Answers, SignScore
from schemas.model_card import CARD_FILE, Canary, ModelCard, ModelRole, PinnedSize
from schemas.segmentation import ViewKind
from services.runtime.weights import digest_of
from services.semiology.engines.vlm.cards import Model, Models
from services.semiology.engines.vlm.local import LocalReader
from services.semiology.engines.vlm.pictures import whole_clip
from services.semiology.engines.vlm.settings import VlmSettings

BASE = "base"
CANARY_CLIP = "canary.mp4"
UNDECIDED = 0.7
"""Answer near which a canary is looked for: far from the ends, where many weights agree."""
TRAINING = (
    "Trained from random weights on drawn figures (phantoms) alone, to test the path from pixels to findings; "
    "it has never seen a person and must not judge one."
)


@dataclass(frozen=True, slots=True)
class Learnt:
    """What was learnt under one name."""

    name: str
    """Folder and name on the card; `BASE` for the base."""
    scores: tuple[SignScore, ...]
    """Figures on held-out recordings, one per sign it answers for."""
    canary: tuple[Window, str]
    """The window and the question that tell it from others."""

    @property
    def signs(self) -> tuple[str, ...]:
        """Signs it answers for."""
        return tuple(one.sign for one in self.scores)


def store_base(folder: Path, model: Any, processor: Any) -> None:
    """Weights in half precision, with everything a server needs to load them; what lies there is replaced."""
    import torch

    shutil.rmtree(folder, ignore_errors=True)
    model.to(torch.float16).save_pretrained(folder)
    processor.save_pretrained(folder)
    model.to(torch.float32)


def store_adapter(folder: Path, adapted: Any) -> None:
    """An adapter's weights alone; what lies there is replaced."""
    shutil.rmtree(folder, ignore_errors=True)
    for config in adapted.peft_config.values():
        config.base_model_name_or_path = BASE  # and not where it lay when this was written
    adapted.save_pretrained(folder)
    (folder / "README.md").unlink(missing_ok=True)  # a form without content


def most_different(
    windows: Sequence[Window], one: Answers, other: Answers, questions: Sequence[str]
) -> tuple[Window, str]:
    """Window and question at which two sets of answers differ most: the canary of an adapter."""
    row, column = np.unravel_index(np.argmax(np.abs(one - other)), one.shape)
    return windows[int(row)], questions[int(column)]


def most_undecided(windows: Sequence[Window], answers: Answers, questions: Sequence[str]) -> tuple[Window, str]:
    """Window and question where the least change of weights shows: the canary of the base."""
    row, column = np.unravel_index(np.argmin(np.abs(answers - UNDECIDED)), answers.shape)
    return windows[int(row)], questions[int(column)]


def write_cards(out: Path, learnt: Sequence[Learnt]) -> None:
    """Cards and canaries beside the weights; the canary's figures are what the engine in process answers."""
    drafts = {one.name: _draft(out, one) for one in learnt}
    for one in learnt:
        pictures = [padded(picture) for picture in one.canary[0].pictures]
        write_video(out / one.name / CANARY_CLIP, pictures, SIZE, RATE_HZ, quality=12)
    base = Model(drafts[BASE], out / BASE)
    adapters = tuple(Model(card, out / name) for name, card in drafts.items() if name != BASE)
    reader = LocalReader(Models(base, adapters), VlmSettings())
    for one in learnt:
        card = _with_canary(reader, out / one.name, drafts, one)
        text = TypeAdapter(ModelCard).dump_json(card, indent=2).decode()
        (out / one.name / CARD_FILE).write_text(text + "\n", encoding="utf-8")


def _draft(out: Path, one: Learnt) -> ModelCard:
    is_base = one.name == BASE
    return ModelCard(
        name="tiny" if is_base else f"tiny-{one.name}",
        version="1",
        role=ModelRole.VLM if is_base else ModelRole.ADAPTER,
        digest=digest_of(out / one.name),
        training=TRAINING,
        license="Apache-2.0",
        base="" if is_base else digest_of(out / BASE),
        signs=one.signs,
        views=(ViewKind.FULL_FRAME,),
        sizes=(PinnedSize(ViewKind.FULL_FRAME, *SIZE),),
        metrics=tuple(score.metric() for score in one.scores),
    )


def _with_canary(reader: LocalReader, folder: Path, drafts: Mapping[str, ModelCard], one: Learnt) -> ModelCard:
    clip, question, card = whole_clip(folder / CANARY_CLIP), one.canary[1], drafts[one.name]
    yes = round(reader.score(clip, [question], card)[0].yes, 4)
    base_yes = None
    if one.name != BASE:
        base_yes = round(reader.score(clip, [question], drafts[BASE])[0].yes, 4)
    return replace(card, canary=Canary(CANARY_CLIP, question, yes, base_yes))
