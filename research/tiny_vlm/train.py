"""Trains the tiny model and its two adapters on a processor: ``python -m research.tiny_vlm.train --out DIR``.

Writes ``base``, ``limbs`` and ``body``, each with weights, card and canary: what `ICTOGRAM_VLM_WEIGHTS` points at.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path

from research.tiny_vlm.clips import RATE_HZ, SIGNS, WINDOW, Window, windows
from research.tiny_vlm.learning import learn
from research.tiny_vlm.lesson import Lesson
from research.tiny_vlm.model import make_model, make_processor
from research.tiny_vlm.scoring import Answers, SignScore, score
from research.tiny_vlm.storage import (
    BASE,
    Learnt,
    most_different,
    most_undecided,
    store_adapter,
    store_base,
    write_cards,
)
from schemas.catalogue import Catalogue, load_catalogue
from services.semiology.engines.vlm.prompts import ASK, EXPLAIN, SHOWN, SYSTEM

SEEN = range(205)
"""Seeds that are learnt from."""
HELD_OUT = range(10005, 10065)
"""Seeds that are judged on: four recordings of each story."""
ADAPTERS = {"limbs": ("clonic", "tonic"), "body": ("hyperkinetic", "full_body_shaking")}
"""View groups of the catalogue, with the signs that each adapter answers for."""
STEPS, RATE = 320, 2e-3
ADAPTER_STEPS, ADAPTER_RATE = 60, 4e-3
RANK = 8
ADAPTED = ("q_proj", "k_proj", "v_proj", "o_proj")
"""Layers of the language model; those that look have other names."""
SEED = 20261121


def main(argv: Sequence[str] | None = None) -> int:
    """The command line."""
    parser = argparse.ArgumentParser(prog="python -m research.tiny_vlm.train", description=__doc__)
    parser.add_argument("--out", type=Path, required=True, help="folder to write the models to")
    parser.add_argument("--clips", type=Path, default=Path(".cache/tiny_vlm"), help="folder of painted recordings")
    parser.add_argument("--workers", type=int, default=1, help="recordings painted at once")
    parser.add_argument("--threads", type=int, default=1, help="threads of the training")
    parser.add_argument("--steps", type=int, default=STEPS, help="steps of the base's training")
    parser.add_argument("--adapter-steps", type=int, default=ADAPTER_STEPS, help="steps of each adapter's training")
    options = parser.parse_args(argv)

    import torch

    torch.set_num_threads(options.threads)
    seen = windows(SEEN, options.clips, workers=options.workers)
    held_out = windows(HELD_OUT, options.clips, workers=options.workers)
    _tell(f"{len(seen)} windows to learn from, {len(held_out)} to be judged on")
    train(options.out, seen, held_out, steps=options.steps, adapter_steps=options.adapter_steps)
    return 0


def train(
    out: Path,
    seen: Sequence[Window],
    held_out: Sequence[Window],
    *,
    steps: int = STEPS,
    adapter_steps: int = ADAPTER_STEPS,
) -> None:
    """Learn from some windows, judge on others, and write base and adapters to a folder."""
    import torch
    from peft import LoraConfig, get_peft_model

    catalogue = load_catalogue()
    processor = make_processor(_texts(catalogue))
    model = make_model(processor, SEED)
    questions = [catalogue.by_id[sign].question for sign in SIGNS]
    lesson = Lesson(model, processor, questions)
    learn(lesson, list(model.parameters()), seen, SIGNS, steps=steps, rate=RATE, seed=SEED, tell=_tell)
    model.to(torch.float16).to(torch.float32)  # as it will be stored
    store_base(out / BASE, model, processor)
    plain = lesson.yes(held_out)
    learnt = [Learnt(BASE, _judged(BASE, held_out, plain, SIGNS), most_undecided(held_out, plain, questions))]
    for name, signs in ADAPTERS.items():
        asked = [catalogue.by_id[sign].question for sign in signs]
        adapted = get_peft_model(model, LoraConfig(r=RANK, lora_alpha=2 * RANK, target_modules=list(ADAPTED)))
        weights = [one for one in adapted.parameters() if one.requires_grad]
        lesson = Lesson(model, processor, asked)
        learn(lesson, weights, seen, signs, steps=adapter_steps, rate=ADAPTER_RATE, seed=SEED, tell=_tell)
        store_adapter(out / name, adapted)
        answers = lesson.yes(held_out)
        before = plain[:, [SIGNS.index(sign) for sign in signs]]
        learnt.append(
            Learnt(name, _judged(name, held_out, answers, signs), most_different(held_out, answers, before, asked))
        )
        model = adapted.unload()
    write_cards(out, learnt)


def _texts(catalogue: Catalogue) -> list[str]:
    """All words that the model will read, for its tokenizer."""
    shown = [text.format(n=WINDOW, step=1 / RATE_HZ) for text in SHOWN.values()]
    return [SYSTEM, *shown, ASK, EXPLAIN, *(sign.question for sign in catalogue.signs)]


def _judged(name: str, held_out: Sequence[Window], answers: Answers, signs: Sequence[str]) -> tuple[SignScore, ...]:
    scores = score(held_out, answers, signs)
    for one in scores:
        _tell(f"{name:6} {one.line()}")
    return tuple(scores)


def _tell(line: str) -> None:
    sys.stdout.write(line + "\n")
    sys.stdout.flush()


if __name__ == "__main__":
    sys.exit(main())
