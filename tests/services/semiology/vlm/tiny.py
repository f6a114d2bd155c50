"""A tiny Qwen2.5-VL with random weights, adapters for it, and their cards: everything a site would bring."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from schemas.catalogue import SamplingKind
from schemas.model_card import Canary, ModelCard, ModelRole
from services.runtime.weights import digest_of
from services.semiology.engines.vlm.cards import Model, Models
from services.semiology.engines.vlm.local import LocalReader
from services.semiology.engines.vlm.pictures import Clip, clip_from, whole_clip
from services.semiology.engines.vlm.settings import VlmSettings
from tests.services.semiology.vlm import samples

SPECIAL = [
    *["<|endoftext|>", "<|im_start|>", "<|im_end|>", "<|vision_start|>", "<|vision_end|>"],
    *["<|vision_pad|>", "<|image_pad|>", "<|video_pad|>"],
]
TEMPLATE = (
    "{% for m in messages %}<|im_start|>{{ m['role'] }}\n{% if m['content'] is string %}{{ m['content'] }}{% else %}"
    "{% for c in m['content'] %}{% if c['type'] == 'image' %}<|vision_start|><|image_pad|><|vision_end|>"
    "{% else %}{{ c['text'] }}{% endif %}{% endfor %}{% endif %}<|im_end|>\n{% endfor %}"
    "{% if add_generation_prompt %}<|im_start|>assistant\n{% endif %}"
)
LANGUAGE = r".*language_model.*\.(q_proj|v_proj)"
VISION = r".*visual.*\.(qkv|proj)"
# Random weights prefer no words: half of the characters mean yes, so that scores differ from 0 and 1.
CHARACTERS = [chr(code) for code in range(33, 127)]
LABELS: dict[str, Any] = {
    "yes_labels": tuple(CHARACTERS[::2]),
    "no_labels": tuple(CHARACTERS[1::2]),
    "least_answer_mass": 0.0,
}
CANARY_QUESTION = "Does an arm jerk again and again?"


def processor() -> Any:
    """Byte-level text, and pictures in tokens of 28 pixels."""
    from tokenizers.pre_tokenizers import ByteLevel
    from transformers import Qwen2_5_VLProcessor, Qwen2Tokenizer, Qwen2VLImageProcessor, Qwen2VLVideoProcessor

    vocab = {c: i for i, c in enumerate(sorted(ByteLevel.alphabet()))}
    vocab |= {name: len(vocab) + k for k, name in enumerate(SPECIAL)}
    tokenizer = Qwen2Tokenizer(
        vocab=vocab, merges=[], eos_token="<|im_end|>", pad_token="<|endoftext|>", unk_token=None,
        additional_special_tokens=SPECIAL[1:],
    )  # fmt: skip
    tokenizer.chat_template = TEMPLATE
    images = Qwen2VLImageProcessor(size={"shortest_edge": 28 * 28, "longest_edge": 112 * 112})
    videos = Qwen2VLVideoProcessor(size={"shortest_edge": 28 * 28 * 8, "longest_edge": 112 * 112 * 8})
    return Qwen2_5_VLProcessor(
        image_processor=images, tokenizer=tokenizer, video_processor=videos, chat_template=TEMPLATE
    )


def model(words: Any) -> Any:
    """Two layers each for looking and speaking; heads of 64, which model servers want."""
    import torch
    from transformers import Qwen2_5_VLConfig, Qwen2_5_VLForConditionalGeneration

    number = words.tokenizer.convert_tokens_to_ids
    config = Qwen2_5_VLConfig(
        text_config={
            "vocab_size": len(words.tokenizer), "hidden_size": 128, "intermediate_size": 256, "num_hidden_layers": 2,
            "num_attention_heads": 2, "num_key_value_heads": 1, "max_position_embeddings": 8192,
            "bos_token_id": number("<|endoftext|>"), "eos_token_id": number("<|im_end|>"),
            "pad_token_id": number("<|endoftext|>"),
            "rope_parameters": {"rope_type": "default", "rope_theta": 1e6, "mrope_section": [8, 12, 12]},
        },
        vision_config={
            "depth": 2, "hidden_size": 64, "intermediate_size": 128, "num_heads": 2, "out_hidden_size": 128,
            "fullatt_block_indexes": [1],
        },
        image_token_id=number("<|image_pad|>"), video_token_id=number("<|video_pad|>"),
        vision_start_token_id=number("<|vision_start|>"), vision_end_token_id=number("<|vision_end|>"),
    )  # fmt: skip
    torch.manual_seed(0)
    made = Qwen2_5_VLForConditionalGeneration(config).eval()
    with torch.no_grad():
        made.lm_head.weight.mul_(8.0)  # random weights are undecided: louder ones differ from question to question
    return made


def save_base(folder: Path) -> None:
    words = processor()
    model(words).save_pretrained(folder)
    words.save_pretrained(folder)


def save_adapter(folder: Path, base: Path, modules: str, *, empty: bool = False, seed: int = 1) -> None:
    """A LoRA with random weights, or one that does nothing yet."""
    import torch
    from peft import LoraConfig, get_peft_model
    from transformers import AutoModelForImageTextToText

    torch.manual_seed(seed)
    config = LoraConfig(
        r=8, lora_alpha=64, target_modules=modules, task_type="CAUSAL_LM", init_lora_weights=empty, bias="none"
    )
    get_peft_model(AutoModelForImageTextToText.from_pretrained(base), config).save_pretrained(folder)


def make_site(root: Path, adapters: dict[str, tuple[str, ...]]) -> Path:
    """A base and adapters (name → signs) with true cards: their canaries say what they really answer."""
    save_base(root / "base")
    base = write_card(root / "base", samples.card("base", digest_of(root / "base"), **LABELS))
    for k, (name, signs) in enumerate(adapters.items()):
        save_adapter(root / name, root / "base", LANGUAGE, seed=k + 1)
        made = samples.adapter_card(name, signs, digest=digest_of(root / name), base=base.digest, **LABELS)
        write_card(root / name, made)
    _tell_canaries(root, ["base", *adapters])
    return root


def write_card(folder: Path, card: ModelCard) -> ModelCard:
    samples.write_card(folder, card)
    return card


def _tell_canaries(root: Path, names: list[str]) -> None:
    """Writes what each model answers into its card."""
    cards = {name: _read(root / name) for name in names}
    models = Models(
        Model(cards["base"], root / "base"),
        tuple(Model(card, root / name) for name, card in cards.items() if card.role is ModelRole.ADAPTER),
    )
    reader = LocalReader(models, VlmSettings())
    for name, card in cards.items():
        clip = whole_clip(root / name / "canary.mp4")
        (with_it,) = reader.score(clip, [CANARY_QUESTION], card)
        (without,) = reader.score(clip, [CANARY_QUESTION], cards["base"])
        base_yes = without.yes if card.role is ModelRole.ADAPTER else None
        canary = Canary("canary.mp4", CANARY_QUESTION, with_it.yes, base_yes, tolerance=1e-3)
        samples.write_card(root / name, replace(card, canary=canary))


def _read(folder: Path) -> ModelCard:
    from schemas.model_card import parse_card

    return parse_card((folder / "card.json").read_text(encoding="utf-8"), folder.name)


def clip(seed: int = 0, pictures: int = 4) -> Clip:
    random = np.random.default_rng(seed)
    images = [np.full((56, 84, 3), 40 * k + 20, np.uint8) for k in range(pictures)]
    for image in images:
        image[10:40, random.integers(0, 50) :][:, :20] = random.integers(0, 256, 3)
    return clip_from(images, 0.5, SamplingKind.CLIP)
