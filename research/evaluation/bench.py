"""Measure the installed engines on a stated set of phantoms, with the whole-frame rule beside them.

``python -m research.evaluation.bench --out DIR [--n N] [--quick]``
"""

from __future__ import annotations

import argparse
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from rich.console import Console

from research.evaluation.pipeline import Pipeline
from research.evaluation.prediction import Prediction, prediction_from_spans
from research.evaluation.score import Scored, score
from research.evaluation.table import report, scores_to_json
from research.evaluation.whole_frame_rule import detect
from research.phantom import truth_path
from research.phantom.render import render
from research.phantom.script import CAMERAS, Script
from research.phantom.scripts import AWKWARD, LOOK_ALIKES, SCRIPTS, SEIZURES, named, vary
from research.phantom.truth import Truth, load_truth, truth_to_json
from schemas.errors import IctogramError

QUICK = ("focal_clonic_right_arm", "tonic_clonic", "hyperkinetic", "tooth_brushing", "calm", "turning_over")
SEED_BASE = 1000


@dataclass(frozen=True, slots=True)
class Item:
    """One recording of the set: everything that decides how it looks."""

    name: str
    script: Script
    seed: int
    camera: str
    infrared: bool
    size: tuple[int, int]


def stated_set(rounds: int, *, quick: bool) -> Iterator[Item]:
    """The set: each script once per round, with its own seed, sides, camera and colours in turn."""
    names = QUICK if quick else (*SEIZURES, *AWKWARD, *LOOK_ALIKES)
    size = (480, 270) if quick else (640, 360)
    for turn in range(rounds):
        for place, name in enumerate(names):
            seed = SEED_BASE + turn * len(SCRIPTS) + place
            # The first round tells each story as it is written; later ones change sides, rates and sizes.
            script = named(name) if turn == 0 else vary(named(name), seed)
            yield Item(f"{name}-{seed}", script, seed, CAMERAS[(place + turn) % 3], (place + turn) % 2 == 0, size)


def rendered(item: Item, folder: Path) -> tuple[Path, Truth]:
    """The recording and its truth, rendered unless it is there already."""
    video = folder / f"{item.name}.mp4"
    truth_file = truth_path(video)
    if not truth_file.exists():
        truth = render(item.script, item.seed, video, item.size, camera=item.camera, infrared=item.infrared)
        truth_file.write_text(truth_to_json(truth), encoding="utf-8")
    return video, load_truth(truth_file)


def _said(pipeline: Pipeline, item: Item, video: Path, truth: Truth, console: Console) -> Prediction:
    """What the engines say; a recording that a step refuses is one of which nothing could be judged."""
    try:
        return pipeline.analyse(item.name, video, mirrored=truth.mirrored)
    except IctogramError as error:
        console.print(f"{item.name}: {error.code}: {error.message}", style="red", highlight=False)
        return Prediction(truth.duration_s, 0.0, ())


def _rule(video: Path, truth: Truth) -> Prediction:
    return prediction_from_spans(detect(video), truth.duration_s)


def run(items: list[Item], out: Path, console: Console) -> None:
    """Render, analyse, score, print, and write ``bench.json`` into `out`."""
    videos = out / "videos"
    videos.mkdir(parents=True, exist_ok=True)
    pipeline = Pipeline(out / "store")
    engine: list[Scored] = []
    rule: list[Scored] = []
    for number, item in enumerate(items, start=1):
        video, truth = rendered(item, videos)
        said = _said(pipeline, item, video, truth, console)
        engine.append(Scored(item.name, truth, said))
        rule.append(Scored(item.name, truth, _rule(video, truth)))
        spans = ", ".join(f"{e.onset_s:.1f}-{e.offset_s:.1f}" for e in said.episodes) or "none"
        true = ", ".join(f"{e.onset_s:.1f}-{e.offset_s:.1f}" for e in truth.episodes) or "none"
        console.print(f"{number}/{len(items)} {item.name}: true {true}; said {spans}", highlight=False)
    scores = {pipeline.name: score(engine), "whole-frame rule": score(rule)}
    about = {"recordings": [_identity(item) for item in items], "phantom": True}
    (out / "bench.json").write_text(scores_to_json(scores, about), encoding="utf-8")
    console.print(report(scores))


def _identity(item: Item) -> dict[str, object]:
    return {
        "name": item.name,
        "script": item.script.name,
        "seed": item.seed,
        "camera": item.camera,
        "infrared": item.infrared,
        "size": list(item.size),
    }


def main() -> None:
    """Command line."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--out", type=Path, required=True, help="folder for videos and bench.json; kept between runs")
    parser.add_argument("--n", type=int, default=1, help="rounds over the set, each with other seeds and sides")
    parser.add_argument("--quick", action="store_true", help=f"only {len(QUICK)} small recordings")
    parser.add_argument("--only", default="", help="only recordings whose name contains this")
    arguments = parser.parse_args()
    items = [i for i in stated_set(arguments.n, quick=arguments.quick) if arguments.only in i.name]
    run(items, arguments.out, Console(width=200))


if __name__ == "__main__":
    main()
