"""Small cards, clips and evidence for the tests of the vision-language engines."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import asdict, replace
from pathlib import Path

import numpy as np

from schemas.catalogue import Sign, load_catalogue
from schemas.engine import EngineInfo
from schemas.model_card import Canary, ModelCard, ModelRole
from schemas.recording import IntakeResult, Interval, ObjectRef, Quality, Recording, RecordingFacts
from schemas.segmentation import Segmentation, View, ViewKind
from services.semiology.engines import Evidence, LocalView, Proposal
from services.semiology.engines.vlm.pictures import Clip, clip_from
from tests.support.videos import write_video

OBJECT = ObjectRef("file:///x", "0" * 64, 1, "video/mp4")
ENGINE = EngineInfo("test", "1", "0" * 64)
CANARY = Canary("canary.mp4", "Is it bright?", yes=0.8, base_yes=None)


def sign(name: str = "clonic", **changes: object) -> Sign:
    return replace(load_catalogue().by_id[name], **changes)  # type: ignore[arg-type]


def card(name: str = "base", digest: str = "b" * 64, **changes: object) -> ModelCard:
    base = ModelCard(name, "1", ModelRole.VLM, digest, "drawings", "Apache-2.0", canary=CANARY)
    return replace(base, **changes)  # type: ignore[arg-type]


def adapter_card(name: str, signs: tuple[str, ...], **changes: object) -> ModelCard:
    canary = replace(CANARY, yes=0.3, base_yes=0.8)
    made = card(name, "a" * 64, role=ModelRole.ADAPTER, base="b" * 64, signs=signs, canary=canary)
    return replace(made, **changes)  # type: ignore[arg-type]


def write_card(folder: Path, made: ModelCard) -> Path:
    """A model's folder without weights, as it lies beside a server."""
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "card.json").write_text(json.dumps(asdict(made)), encoding="utf-8")
    write_video(folder / "canary.mp4", seconds=0.5, rate=4)
    return folder


def write_tensors(path: Path, names: Sequence[str]) -> None:
    """A safetensors file of one number per tensor."""
    places = {name: {"dtype": "F32", "shape": [1], "data_offsets": [4 * k, 4 * k + 4]} for k, name in enumerate(names)}
    head = json.dumps(places).encode()
    path.write_bytes(len(head).to_bytes(8, "little") + head + bytes(4 * len(names)))


def site(root: Path, *adapters: ModelCard, base: ModelCard | None = None) -> Path:
    """A folder with a base and adapters."""
    write_card(root / "base", base or card())
    for adapter in adapters:
        write_card(root / adapter.name, adapter)
    return root


def clip(pictures: int = 4, seed: int = 0) -> Clip:
    random = np.random.default_rng(seed)
    return clip_from([random.integers(0, 256, (56, 84, 3), np.uint8) for _ in range(pictures)], 0.5)


def facts(duration_s: float = 30.0, rate_hz: float = 30.0, **quality: tuple[Interval, ...]) -> RecordingFacts:
    return RecordingFacts(
        "mp4", "h264", 160, 96, 0, duration_s, 0, round(duration_s * rate_hz), rate_hz, rate_hz,
        variable_rate=False, interlaced=False, has_audio=False, quality=Quality(**quality),
    )  # fmt: skip


def segmentation(**changes: object) -> Segmentation:
    return replace(Segmentation(ENGINE, OBJECT, 5.0, None), **changes)  # type: ignore[arg-type]


def view(kind: ViewKind, *missing: Interval) -> View:
    return View(kind, OBJECT, missing)


def evidence(video: Path, duration_s: float, views: dict[ViewKind, View] | None = None) -> Evidence:
    """What an engine gets, every view being the same video."""
    made = views or {}

    def open_view(kind: ViewKind) -> LocalView | None:
        return LocalView(made[kind], video) if kind in made else None

    intake = IntakeResult(facts(duration_s), OBJECT, 160, 96, 30.0, None)
    return Evidence(Recording("r1", ()), intake, segmentation(), video, None, open_view)


def episode(onset_s: float, offset_s: float, *, captured: bool = True) -> Proposal:
    onset, offset = Interval(onset_s, onset_s), Interval(offset_s, offset_s)
    return Proposal(onset, offset, captured, offset_captured=True, score=0.9, rationale="")
