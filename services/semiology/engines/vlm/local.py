"""The same model in this process, with transformers and peft: same pictures, same words, same scores as a server."""

from __future__ import annotations

import copy
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
        """What was spent so far; questions about one clip share the reading of its pictures."""
        return self._usage

    def score(self, clip: Clip, questions: Sequence[str], card: ModelCard) -> list[LabelScore]:
        """One score per question: the pictures are read once, then `batch` questions in one pass.

        Raises `InvalidRequestError` for an unknown card, or a model that puts its pictures elsewhere.
        """
        if not questions:
            return []
        scores: list[LabelScore] = []
        with self._lock, self._torch.inference_mode(), self._as(card):
            prefix, tails = self._split(clip, [ask_text(clip, question) for question in questions])
            read = self._model(**prefix, use_cache=True, logits_to_keep=1).past_key_values
            shared = int(prefix["input_ids"].shape[1])
            for begin in range(0, len(tails), self._settings.batch):
                some = tails[begin : begin + self._settings.batch]
                for tail, top in zip(some, self._after(read, some), strict=True):
                    yes, mass = label_score(top, card)
                    cached = shared if scores else 0
                    scores.append(LabelScore(yes, mass, shared + len(tail), cached, generated_tokens=1))
            self._usage = self._usage.plus(
                Usage(
                    scored=len(scores),
                    prompt_tokens=sum(score.prompt_tokens for score in scores),
                    cached_tokens=sum(score.cached_tokens for score in scores),
                    generated_tokens=len(scores),
                )
            )
        return scores

    def explain(self, clip: Clip, question: str, card: ModelCard) -> Explanation | None:
        """Reason and time span, written word by word; none when what came out is not the JSON that was asked for."""
        with self._lock, self._torch.inference_mode(), self._as(card):
            inputs = self._inputs(clip, self._prompt(clip, explain_text(clip, question)))
            length = int(inputs["input_ids"].shape[1])
            written = self._model.generate(
                **inputs, max_new_tokens=self._settings.explain_tokens, do_sample=False, num_beams=1
            )[0, length:]
            self._usage = self._usage.plus(
                Usage(explained=1, prompt_tokens=length, generated_tokens=int(written.shape[0]))
            )
            return explanation_in(self._processor.tokenizer.decode(written, skip_special_tokens=True))

    def _split(self, clip: Clip, texts: Sequence[str]) -> tuple[dict[str, Any], list[list[int]]]:
        """What the prompts share, with the pictures, as tensors; and the tokens in which each of them goes on."""
        prompts = [self._prompt(clip, text) for text in texts]
        tokens = [self._processor.tokenizer(prompt)["input_ids"] for prompt in prompts]
        same = min(len(one) for one in tokens) - 1
        same = next((k for k in range(same) if len({one[k] for one in tokens}) > 1), same)
        tails = [one[same:] for one in tokens]
        whole = self._inputs(clip, prompts[0])
        ids = whole["input_ids"]
        shared = ids.shape[1] - len(tails[0])
        if ids[0, shared:].tolist() != tails[0]:
            raise InvalidRequestError("The model's processor does not put the pictures before the question.")
        prefix = {name: value[:, :shared] if value.shape[:2] == ids.shape else value for name, value in whole.items()}
        return prefix, tails

    def _after(self, read: Any, tails: Sequence[Sequence[int]]) -> Iterator[list[tuple[str, float]]]:
        """The most probable first tokens after each tail, from what was read before; `read` stays as it is.

        Shorter tails are filled up behind: no token looks ahead, so nothing sees the filling.
        """
        torch = self._torch
        longest = max(len(tail) for tail in tails)
        ids = torch.zeros((len(tails), longest), dtype=torch.long)
        for row, tail in enumerate(tails):
            ids[row, : len(tail)] = torch.tensor(tail)
        ends, place = torch.unique(torch.tensor([len(tail) - 1 for tail in tails]), return_inverse=True)
        cache = copy.deepcopy(read)
        cache.batch_repeat_interleave(len(tails))
        device = self._settings.device
        out = self._model(
            input_ids=ids.to(device), past_key_values=cache, use_cache=True, logits_to_keep=ends.to(device)
        )
        last = out.logits[torch.arange(len(tails)), place].float()
        best = torch.log_softmax(last, dim=-1).topk(min(TOP, last.shape[-1]), dim=-1)
        decode = self._processor.tokenizer.decode
        for numbers, logprobs in zip(best.indices.tolist(), best.values.tolist(), strict=True):
            yield [(str(decode([number])), value) for number, value in zip(numbers, logprobs, strict=True)]

    def _prompt(self, clip: Clip, text: str) -> str:
        return str(
            self._processor.apply_chat_template(_messages(clip, text), tokenize=False, add_generation_prompt=True)
        )

    def _inputs(self, clip: Clip, prompt: str) -> Any:
        """Tensors of a prompt with its pictures; the processor also marks which tokens are pictures.

        Without those marks (mm_token_type_ids) such models give other answers, silently.
        """
        from PIL import Image

        pictures = [Image.open(io.BytesIO(picture.jpeg)).convert("RGB") for picture in clip.pictures]
        return self._processor(text=[prompt], images=[pictures], return_tensors="pt").to(self._settings.device)

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
