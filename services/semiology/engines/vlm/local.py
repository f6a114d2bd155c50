"""The same model in this process, with transformers and peft: same pictures, same words, same scores as a server."""

from __future__ import annotations

import io
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any

from schemas.errors import InvalidRequestError
from schemas.model_card import ModelCard
from services.semiology.engines.vlm.cards import Models
from services.semiology.engines.vlm.pictures import Clip
from services.semiology.engines.vlm.prompts import SYSTEM, ask_text, explain_text
from services.semiology.engines.vlm.reader import (
    TOP,
    Explanation,
    LabelScore,
    Usage,
    explanation_in,
    label_score,
)
from services.semiology.engines.vlm.settings import VlmSettings


class LocalReader:
    """Asks a model that lies in this process's memory. One question batch at a time; other threads wait."""

    def __init__(self, models: Models, settings: VlmSettings) -> None:
        """Loads base and adapters. Raises `InvalidRequestError` without torch, or for weights that do not fit it."""
        try:
            import peft
            import torch
            import transformers
        except ImportError as error:
            raise InvalidRequestError(
                f"The engine 'vlm_local' needs the extra `vision`, of which {error.name!r} is missing."
            ) from error
        if settings.device.startswith("cuda") and not torch.cuda.is_available():
            raise InvalidRequestError(f"ICTOGRAM_VLM_DEVICE is {settings.device!r}, but no CUDA device is there.")
        self._torch = torch
        self._settings = settings
        self._lock = threading.Lock()
        self._usage = Usage()
        self._base = models.base.card.served_name
        self._adapters = {model.card.served_name: f"adapter_{k}" for k, model in enumerate(models.adapters)}
        folder = str(models.base.folder)
        auto: Any = transformers.AutoProcessor
        self._processor: Any = auto.from_pretrained(folder, local_files_only=True)
        self._processor.tokenizer.padding_side = "left"
        model: Any = transformers.AutoModelForImageTextToText.from_pretrained(
            folder, local_files_only=True, dtype=getattr(torch, settings.dtype)
        )
        for adapter in models.adapters:
            name, place = self._adapters[adapter.card.served_name], str(adapter.folder)
            if isinstance(model, peft.PeftModel):
                model.load_adapter(place, adapter_name=name, local_files_only=True)
            else:
                model = peft.PeftModel.from_pretrained(model, place, adapter_name=name, local_files_only=True)
        self._model: Any = model.to(settings.device).eval()

    @property
    def clips_at_once(self) -> int:
        """Two: the next window is decoded while this one is asked about."""
        return 2

    @property
    def usage(self) -> Usage:
        """What was spent so far; in process nothing is cached between questions."""
        return self._usage

    def score(self, clip: Clip, questions: Sequence[str], card: ModelCard) -> list[LabelScore]:
        """One score per question, `batch` of them in one pass. Raises `InvalidRequestError` for an unknown card."""
        scores: list[LabelScore] = []
        size = self._settings.batch
        with self._lock, self._torch.inference_mode(), self._as(card):
            for begin in range(0, len(questions), size):
                texts = [ask_text(clip, question) for question in questions[begin : begin + size]]
                scores += self._scored(clip, texts, card)
        return scores

    def explain(self, clip: Clip, question: str, card: ModelCard) -> Explanation | None:
        """Reason and time span, written word by word; none when what came out is not the JSON that was asked for."""
        with self._lock, self._torch.inference_mode(), self._as(card):
            inputs = self._inputs(clip, [explain_text(clip, question)])
            length = int(inputs["input_ids"].shape[1])
            written = self._model.generate(
                **inputs, max_new_tokens=self._settings.explain_tokens, do_sample=False, num_beams=1
            )[0, length:]
            self._usage = self._usage.plus(
                Usage(explained=1, prompt_tokens=length, generated_tokens=int(written.shape[0]))
            )
            return explanation_in(self._processor.tokenizer.decode(written, skip_special_tokens=True))

    def _scored(self, clip: Clip, texts: Sequence[str], card: ModelCard) -> Iterator[LabelScore]:
        inputs = self._inputs(clip, texts)
        lengths = inputs["attention_mask"].sum(dim=1).tolist()
        logits = self._model(**inputs, use_cache=False, logits_to_keep=1).logits[:, -1].float()
        best = self._torch.log_softmax(logits, dim=-1).topk(min(TOP, logits.shape[-1]), dim=-1)
        self._usage = self._usage.plus(
            Usage(scored=len(texts), prompt_tokens=sum(lengths), generated_tokens=len(texts))
        )
        decode = self._processor.tokenizer.decode
        for ids, logprobs, length in zip(best.indices.tolist(), best.values.tolist(), lengths, strict=True):
            tokens = [(str(decode([number])), value) for number, value in zip(ids, logprobs, strict=True)]
            yes, mass = label_score(tokens, card)
            yield LabelScore(yes, mass, prompt_tokens=int(length), generated_tokens=1)

    def _inputs(self, clip: Clip, texts: Sequence[str]) -> Any:
        """Tensors of several prompts about one clip; the processor also marks which tokens are pictures.

        Without those marks (mm_token_type_ids) such models give other answers, silently.
        """
        from PIL import Image

        pictures = [Image.open(io.BytesIO(picture.jpeg)).convert("RGB") for picture in clip.pictures]
        prompts = [
            self._processor.apply_chat_template(_messages(clip, text), tokenize=False, add_generation_prompt=True)
            for text in texts
        ]
        inputs = self._processor(text=prompts, images=[pictures] * len(texts), padding=True, return_tensors="pt")
        return inputs.to(self._settings.device)

    @contextmanager
    def _as(self, card: ModelCard) -> Iterator[None]:
        """With the weights of a card: an adapter, or the base with every adapter switched off."""
        name = self._adapters.get(card.served_name)
        if name is not None:
            self._model.set_adapter(name)
            yield
        elif card.served_name != self._base:
            raise InvalidRequestError(f"There are no weights named {card.served_name!r}.")
        elif self._adapters:
            with self._model.disable_adapter():
                yield
        else:
            yield


def _messages(clip: Clip, text: str) -> list[dict[str, Any]]:
    return [
        {"role": "system", "content": SYSTEM},
        {"role": "user", "content": [*({"type": "image"} for _ in clip.pictures), {"type": "text", "text": text}]},
    ]
