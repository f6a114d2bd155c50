"""The tiny model before it has learnt anything: Qwen2.5-VL's architecture, with a tokenizer of the catalogue's words.

Heads of the language model are 64 wide because vLLM's attention on CPU wants that.
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterable

SPECIAL = (
    *("<|endoftext|>", "<|im_start|>", "<|im_end|>", "<|vision_start|>", "<|vision_end|>", "<|vision_pad|>"),
    *("<|image_pad|>", "<|video_pad|>"),
)
WORDS = 640
"""Entries of the tokenizer beside the 256 bytes, most of them words of the catalogue's questions."""
TOKEN_PX = 28
"""Side of the square of pixels that becomes one token."""
TEMPLATE = """{% for message in messages %}<|im_start|>{{ message['role'] }}
{% if message['content'] is string %}{{ message['content'] }}{% else %}{% for part in message['content'] %}{% if part['type'] in ['image', 'image_url'] or 'image' in part %}<|vision_start|><|image_pad|><|vision_end|>{% elif part['type'] == 'video' or 'video' in part %}<|vision_start|><|video_pad|><|vision_end|>{% elif 'text' in part %}{{ part['text'] }}{% endif %}{% endfor %}{% endif %}<|im_end|>
{% endfor %}{% if add_generation_prompt %}<|im_start|>assistant
{% endif %}"""  # noqa: E501 (a line break in a chat template is a token)


def make_processor(texts: Iterable[str]) -> Any:
    """Pictures and text to tensors, with a byte-pair tokenizer learnt from these texts and ``yes`` and ``no``."""
    import transformers
    from tokenizers import Tokenizer, models, pre_tokenizers, trainers
    from tokenizers.pre_tokenizers import ByteLevel

    library: Any = transformers
    learner: Any = Tokenizer(models.BPE())
    learner.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    labels = ["yes", "no", "Yes", "No", " yes", " no", " Yes", " No"] * 100
    alphabet = sorted(ByteLevel.alphabet())
    trainer = trainers.BpeTrainer(vocab_size=256 + WORDS, initial_alphabet=alphabet, show_progress=False)
    learner.train_from_iterator([*texts, *labels], trainer)
    learnt = json.loads(learner.to_str())["model"]
    words: dict[str, int] = dict(learnt["vocab"])
    for name in SPECIAL:
        words[name] = len(words)
    merges = [tuple(pair) for pair in learnt["merges"]]
    tokenizer = library.Qwen2Tokenizer(
        vocab=words,
        merges=merges,
        eos_token="<|im_end|>",  # noqa: S106 (a word, no secret)
        pad_token="<|endoftext|>",  # noqa: S106
        unk_token=None,
        additional_special_tokens=list(SPECIAL[1:]),
    )
    tokenizer.chat_template = TEMPLATE
    least, most = TOKEN_PX**2, 448 * 252
    return library.Qwen2_5_VLProcessor(
        image_processor=library.Qwen2VLImageProcessor(size={"shortest_edge": least, "longest_edge": most}),
        tokenizer=tokenizer,
        video_processor=library.Qwen2VLVideoProcessor(size={"shortest_edge": least * 8, "longest_edge": most * 16}),
        chat_template=TEMPLATE,
    )


def make_model(processor: Any, seed: int) -> Any:
    """The model with random weights that follow from the seed."""
    import torch
    from transformers import Qwen2_5_VLConfig, Qwen2_5_VLForConditionalGeneration

    number = processor.tokenizer.convert_tokens_to_ids
    config = Qwen2_5_VLConfig(
        text_config={
            "vocab_size": len(processor.tokenizer), "hidden_size": 128, "intermediate_size": 256,
            "num_hidden_layers": 3, "num_attention_heads": 2, "num_key_value_heads": 2,
            "max_position_embeddings": 16384, "bos_token_id": number("<|endoftext|>"),
            "eos_token_id": number("<|im_end|>"), "pad_token_id": number("<|endoftext|>"),
            "rope_parameters": {"rope_type": "default", "rope_theta": 1e6, "mrope_section": [8, 12, 12]},
            "tie_word_embeddings": True,
        },
        vision_config={
            "depth": 2, "hidden_size": 96, "intermediate_size": 192, "num_heads": 2, "out_hidden_size": 128,
            "fullatt_block_indexes": [1],
        },
        image_token_id=number("<|image_pad|>"), video_token_id=number("<|video_pad|>"),
        vision_start_token_id=number("<|vision_start|>"), vision_end_token_id=number("<|vision_end|>"),
        tie_word_embeddings=True,
    )  # fmt: skip
    torch.manual_seed(seed)
    return Qwen2_5_VLForConditionalGeneration(config)
