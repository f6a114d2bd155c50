"""Words with times: a Whisper network through transformers, from a local folder with its card.

Radford et al. 2022, "Robust Speech Recognition via Large-Scale Weak Supervision". The sound is cut where it is quietest
into parts that the network hears at once, so that memory does not grow with the recording; parts in which nothing is
heard are left out, because the network invents words in silence.
"""

from __future__ import annotations

import hashlib
import wave
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from schemas.engine import EngineInfo
from schemas.errors import InvalidRequestError
from schemas.model_card import ModelRole
from services.media.transcript import Transcript, Word
from services.runtime.weights import load_card

VERSION = "1"
PART_S = 29.0
"""Whisper hears 30 s at once."""
_CUT_WITHIN_S = 8.0
_BLOCK_S = 0.1
_SILENT_RMS = 10 ** (-55 / 20)
_NO_TORCH = "Transcripts need PyTorch and transformers: install the extra `vision`."

Samples = npt.NDArray[np.float32]


class WhisperListener:
    """Writes down what is said, by whomever."""

    def __init__(self, folder: Path, language: str = "") -> None:
        self._folder = folder
        self._language = language
        self._pipe: Any = None
        self._info: EngineInfo | None = None

    def info(self) -> EngineInfo:
        if self._info is None:
            card = load_card(self._folder, ModelRole.SPEECH)
            digest = hashlib.sha256(f"whisper {VERSION} {self._language} {card.digest}".encode()).hexdigest()
            self._info = EngineInfo(card.name, card.version, digest, card.training)
        return self._info

    def load(self) -> None:
        """Raises `InvalidRequestError`: no torch, no card, other weights, or weights that give no word times."""
        self.info()
        try:
            import torch
            from transformers import WhisperForConditionalGeneration, WhisperProcessor, pipeline
        except ImportError:
            raise InvalidRequestError(_NO_TORCH) from None
        try:
            network = WhisperForConditionalGeneration.from_pretrained(self._folder, local_files_only=True)
            processor = WhisperProcessor.from_pretrained(self._folder, local_files_only=True)
        except (OSError, ValueError) as error:
            raise InvalidRequestError(f"The Whisper weights in {self._folder.name!r} cannot be read: {error}") from None
        if getattr(network.generation_config, "alignment_heads", None) is None:
            raise InvalidRequestError(
                f"The Whisper weights in {self._folder.name!r} name no alignment heads, which give words their times."
            )
        self._pipe = pipeline(
            "automatic-speech-recognition",
            model=network,
            tokenizer=processor.tokenizer,
            feature_extractor=processor.feature_extractor,
            device="cuda" if torch.cuda.is_available() else "cpu",
        )

    def listen(self, source: Path, tell: Callable[[float], None]) -> Transcript:
        """The words of a mono 16 bit WAV on its own clock; `tell` hears the share done and may raise to stop."""
        words: list[Word] = []
        with wave.open(str(source), "rb") as heard:
            rate, count = heard.getframerate(), max(1, heard.getnframes())
            for start, samples in parts(heard):
                tell(start / count)
                if _heard_at_all(samples, rate):
                    words.extend(self._words(samples, start / rate, rate))
        return Transcript(self.info(), tuple(words), self._language)

    def _words(self, samples: Samples, start_s: float, rate: int) -> Iterator[Word]:
        options: dict[str, Any] = {"num_beams": 1, "do_sample": False}
        if self._pipe.model.generation_config.is_multilingual:
            options["task"] = "transcribe"
            if self._language:
                options["language"] = self._language
        heard = self._pipe({"raw": samples, "sampling_rate": rate}, return_timestamps="word", generate_kwargs=options)
        length_s = len(samples) / rate
        for chunk in heard["chunks"]:
            begin_s, end_s = (
                length_s if time_s is None else min(max(time_s, 0.0), length_s) for time_s in chunk["timestamp"]
            )
            text = chunk["text"].strip()
            if text:
                yield Word(text, start_s + begin_s, start_s + max(begin_s, end_s))


def parts(heard: wave.Wave_read) -> Iterator[tuple[int, Samples]]:
    """First sample and samples (float, -1 to 1) of parts of at most `PART_S`, cut where it is quiet near their end."""
    rate = heard.getframerate()
    most, block = round(PART_S * rate), round(_BLOCK_S * rate)
    rest = np.zeros(0, np.float32)
    start = 0
    while True:
        read = np.frombuffer(heard.readframes(most - rest.size), "<i2").astype(np.float32) / 32768
        samples = np.concatenate([rest, read])
        if not samples.size:
            return
        if samples.size < most:
            yield start, samples
            return
        blocks = samples[: most // block * block].reshape(-1, block)
        first = len(blocks) - round(_CUT_WITHIN_S / _BLOCK_S)
        quietest = first + int(np.square(blocks[first:]).mean(axis=1).argmin())
        end = quietest * block + block // 2
        yield start, samples[:end]
        start, rest = start + end, samples[end:]


def _heard_at_all(samples: Samples, rate: int) -> bool:
    """Some tenth of a second is louder than silence is in any room with a microphone."""
    block = round(_BLOCK_S * rate)
    blocks = np.pad(samples, (0, -samples.size % block)).reshape(-1, block)
    return bool(np.sqrt(np.square(blocks).mean(axis=1)).max() > _SILENT_RMS)
