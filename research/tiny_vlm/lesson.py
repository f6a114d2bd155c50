"""One lesson: pictures of several windows, and all questions about each of them in one pass.

The questions of a window share its pictures, as they do at a model server: behind the pictures stand the questions side
by side, each with its own positions, and a mask keeps them from seeing each other.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from research.tiny_vlm.clips import RATE_HZ, SIZE, WINDOW, Pictures, Window
from services.semiology.engines.vlm.pictures import Clip, clip_from, fitted
from services.semiology.engines.vlm.prompts import SYSTEM, ask_text

if TYPE_CHECKING:
    import torch

YES, NO = "yes", "no"


def padded(picture: Pictures) -> Pictures:
    """A grey picture (height, width) as a model sees it: (height, width, 3) at the pinned size."""
    return fitted(np.repeat(picture[:, :, None], 3, axis=2), SIZE)


def shown(pictures: Pictures) -> Clip:
    """The clip that an engine would show of pictures as they are kept: grey, (frames, height, width)."""
    return clip_from([padded(one) for one in pictures], 1 / RATE_HZ)


class Lesson:
    """Turns windows into logits of the first word of each answer."""

    def __init__(self, model: Any, processor: Any, questions: Sequence[str]) -> None:
        """`model` is the Qwen2.5-VL itself, with or without LoRA layers put into it."""
        import torch

        self._torch, self._model, self._processor = torch, model, processor
        prompts = [self._prompt(question) for question in questions]
        ids = [prompt["input_ids"][0] for prompt in prompts]
        shared = min(_agreement(ids[0], other) for other in ids)
        self._ids = torch.cat([ids[0][:shared], *(one[shared:] for one in ids)])
        positions = [self._positions(prompt) for prompt in prompts]
        self._positions_all = torch.cat([positions[0][:, :shared], *(one[:, shared:] for one in positions)], dim=1)
        self._grid = prompts[0]["image_grid_thw"]
        lengths = [len(one) - shared for one in ids]
        ends = shared + np.cumsum(lengths)
        self._last = torch.tensor(ends - 1)
        owner = np.repeat(np.arange(len(ids) + 1), [shared, *lengths])
        seen = (owner[None, :] == 0) | (owner[None, :] == owner[:, None])
        seen &= np.tril(np.ones_like(seen))
        self._mask = torch.where(torch.tensor(seen), 0.0, torch.finfo(torch.float32).min)[None, None]
        tokens = processor.tokenizer.convert_tokens_to_ids([YES, NO])
        self.yes_id, self.no_id = int(tokens[0]), int(tokens[1])

    def logits(self, pictures: Sequence[Pictures]) -> torch.Tensor:
        """(windows, questions, words) of the first word; `pictures` is one (frames, height, width) array per window."""
        model, count = self._model.model, len(pictures)
        seen = model.visual(self._pixels(pictures), grid_thw=self._grid.repeat(count, 1)).pooler_output
        words = model.get_input_embeddings()(self._ids).repeat(count, 1, 1)
        where = (self._ids == self._model.config.image_token_id)[None, :, None].expand_as(words)
        read = model.language_model(
            inputs_embeds=words.masked_scatter(where, seen),
            position_ids=self._positions_all[:, None].expand(-1, count, -1),
            attention_mask={"full_attention": self._mask.expand(count, -1, -1, -1)},
            use_cache=False,
        ).last_hidden_state
        return self._torch.as_tensor(self._model.lm_head(read[:, self._last]))

    def loss(self, windows: Sequence[Window], signs: Sequence[str], flip: Sequence[bool]) -> torch.Tensor:
        """Mean cross-entropy of the first word over all questions whose answer is known."""
        views = [
            one.pictures[:, :, ::-1] if turned else one.pictures for one, turned in zip(windows, flip, strict=True)
        ]
        logits = self.logits(views).flatten(0, 1)
        truths = [one.truth.get(sign) for one in windows for sign in signs]
        wanted = self._torch.tensor([-100 if t is None else self.yes_id if t else self.no_id for t in truths])
        return self._torch.nn.functional.cross_entropy(logits, wanted, ignore_index=-100)

    def yes(self, windows: Sequence[Window], *, batch: int = 16) -> NDArray[np.float32]:
        """(windows, questions): probability of yes among yes and no."""
        shares = []
        with self._torch.inference_mode():
            for first in range(0, len(windows), batch):
                logits = self.logits([one.pictures for one in windows[first : first + batch]])
                shares.append((logits[..., self.yes_id] - logits[..., self.no_id]).sigmoid().numpy())
        return np.concatenate(shares).astype(np.float32)

    def _prompt(self, question: str) -> Any:
        from PIL import Image

        clip = shown(np.zeros((WINDOW, SIZE[1], SIZE[0]), np.uint8))
        content = [*({"type": "image"} for _ in clip.pictures), {"type": "text", "text": ask_text(clip, question)}]
        messages = [{"role": "system", "content": SYSTEM}, {"role": "user", "content": content}]
        text = self._processor.apply_chat_template(messages, tokenize=False, add_generation_prompt=True)
        blank = [Image.new("RGB", SIZE) for _ in clip.pictures]
        return self._processor(text=[text], images=[blank], return_tensors="pt")

    def _positions(self, prompt: Any) -> torch.Tensor:
        found, _ = self._model.model.get_rope_index(
            prompt["input_ids"], image_grid_thw=prompt["image_grid_thw"], attention_mask=prompt["attention_mask"],
            mm_token_type_ids=prompt["mm_token_type_ids"],
        )  # fmt: skip
        return self._torch.as_tensor(found[:, 0])

    def _pixels(self, pictures: Sequence[Pictures]) -> torch.Tensor:
        from PIL import Image

        ready = [Image.fromarray(padded(one)) for clip in pictures for one in clip]
        return self._torch.as_tensor(self._processor.image_processor(images=ready, return_tensors="pt")["pixel_values"])


def _agreement(a: torch.Tensor, b: torch.Tensor) -> int:
    """How many tokens two prompts share from the start."""
    length = min(len(a), len(b))
    differ = (a[:length] != b[:length]).nonzero()
    return int(differ[0]) if len(differ) else length
