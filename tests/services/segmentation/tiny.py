"""Tiny networks with random weights in local folders, with their cards: what they say means nothing, how is real."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from services.runtime.weights import digest_of


def write_card(folder: Path, role: str, **changes: str) -> None:
    card = {
        "name": f"tiny-{role}", "version": "1", "role": role, "digest": digest_of(folder), "training": "random weights",
        "license": "Apache-2.0",
    }  # fmt: skip
    (folder / "card.json").write_text(json.dumps(card | changes), encoding="utf-8")


def vitpose(folder: Path, joints: int = 17) -> Path:
    """A ViTPose of two layers, 64 x 48 pixels."""
    import torch
    from transformers import VitPoseBackboneConfig, VitPoseConfig, VitPoseForPoseEstimation

    torch.manual_seed(1)
    backbone = VitPoseBackboneConfig(
        image_size=[64, 48], patch_size=[16, 16], hidden_size=16, num_hidden_layers=2, num_attention_heads=2,
        out_indices=[2],
    )  # fmt: skip
    config = VitPoseConfig(backbone_config=backbone, num_labels=joints)
    VitPoseForPoseEstimation(config).save_pretrained(folder)
    (folder / "preprocessor_config.json").write_text(json.dumps({"size": {"height": 64, "width": 48}}))
    write_card(folder, "pose")
    return folder


def whisper(folder: Path, *, alignment_heads: Any = ((0, 0),)) -> Path:
    """A Whisper of one layer that knows bytes as words."""
    import torch
    from transformers import (
        GenerationConfig,
        WhisperConfig,
        WhisperFeatureExtractor,
        WhisperForConditionalGeneration,
        WhisperProcessor,
        WhisperTokenizerFast,
    )
    from transformers.convert_slow_tokenizer import bytes_to_unicode

    torch.manual_seed(3)
    vocabulary = {letter: index for index, letter in enumerate(bytes_to_unicode().values())}
    special = ["<|endoftext|>", "<|startoftranscript|>", "<|en|>", "<|transcribe|>", "<|translate|>", "<|startofprev|>",
               "<|startoflm|>", "<|nospeech|>", "<|notimestamps|>"]  # fmt: skip
    special += [f"<|{0.02 * step:.2f}|>" for step in range(1501)]
    vocabulary |= {name: 256 + index for index, name in enumerate(special)}
    ids = {name: vocabulary[name] for name in special[:9]}
    folder.mkdir(exist_ok=True)
    tokenizer = WhisperTokenizerFast(vocab=vocabulary, merges=[])
    tokenizer.add_special_tokens({"additional_special_tokens": special[1:]})
    config = WhisperConfig(
        vocab_size=len(vocabulary), d_model=16, encoder_layers=1, decoder_layers=1, encoder_attention_heads=2,
        decoder_attention_heads=2, encoder_ffn_dim=16, decoder_ffn_dim=16, num_mel_bins=80, max_target_positions=64,
        pad_token_id=256, bos_token_id=256, eos_token_id=256, decoder_start_token_id=257, begin_suppress_tokens=[],
    )  # fmt: skip
    network = WhisperForConditionalGeneration(config)
    network.generation_config = GenerationConfig(
        eos_token_id=256, pad_token_id=256, bos_token_id=256, decoder_start_token_id=257, max_length=48,
        is_multilingual=True, lang_to_id={"<|en|>": ids["<|en|>"]}, no_timestamps_token_id=ids["<|notimestamps|>"],
        task_to_id={"transcribe": ids["<|transcribe|>"], "translate": ids["<|translate|>"]},
        prev_sot_token_id=ids["<|startofprev|>"], return_timestamps=False, max_initial_timestamp_index=50,
        **({"alignment_heads": [list(head) for head in alignment_heads]} if alignment_heads else {}),
    )  # fmt: skip
    network.save_pretrained(folder)
    WhisperProcessor(WhisperFeatureExtractor(feature_size=80), tokenizer).save_pretrained(folder)
    write_card(folder, "speech")
    return folder
