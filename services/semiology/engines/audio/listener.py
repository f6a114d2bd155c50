"""An audio-language model behind an OpenAI-compatible server: the same first-token scores, from sound."""

from __future__ import annotations

import base64
import io
import wave
from collections.abc import Sequence
from pathlib import Path

from schemas.errors import InvalidRequestError
from schemas.model_card import CARD_FILE, ModelCard, ModelRole, parse_card
from services.semiology.engines.vlm.reader import LabelScore
from services.semiology.engines.vlm.server import MessagePart, ServerReader

SYSTEM = (
    "You listen to the sound of a video of one patient and answer questions about what can be heard. Voices may be the "
    "patient's or those of others. Judge only what is heard; do not guess."
)
SHOWN = "This is {length:.3g} s of sound."
ASK = "Answer with one word: yes or no."


class Listener:
    """One model that listens, and the server that runs it."""

    def __init__(self, card: ModelCard, server: ServerReader) -> None:
        self.card = card
        self._server = server

    def score(self, wav: bytes, length_s: float, questions: Sequence[str]) -> list[LabelScore]:
        """One score per question about the same sound (a WAV file). Raises as `ServerReader.score` does."""
        texts = [f"{SHOWN.format(length=length_s)} {question} {ASK}" for question in questions]
        return self._server.score_parts(SYSTEM, [sound_part(wav)], texts, self.card)

    def check_canary(self, folder: Path) -> None:
        """Raises `InvalidRequestError` when the model answers its canary otherwise than its card says."""
        canary = self.card.canary
        assert canary is not None
        path = folder / canary.clip
        if path.parent != folder or not path.is_file():
            raise InvalidRequestError(f"The canary's sound {canary.clip!r} does not lie beside its card.")
        data = path.read_bytes()
        (found,) = self.score(data, length_of(data), [canary.question])
        if abs(found.yes - canary.yes) > canary.tolerance or found.answer_mass < self.card.least_answer_mass:
            raise InvalidRequestError(
                f"{self.card.name!r} answers its canary with {found.yes:.4f} (answer mass {found.answer_mass:.3f}); "
                f"its card says {canary.yes:.4f} ± {canary.tolerance:g}: another model is served under its name."
            )


def sound_part(wav: bytes) -> MessagePart:
    """A WAV file as a message part."""
    return {"type": "input_audio", "input_audio": {"data": base64.b64encode(wav).decode(), "format": "wav"}}


def length_of(wav: bytes) -> float:
    """Seconds of a WAV file. Raises `InvalidRequestError` for any other file."""
    try:
        with wave.open(io.BytesIO(wav)) as file:
            return float(file.getnframes() / file.getframerate())
    except (wave.Error, EOFError) as error:
        raise InvalidRequestError(f"The canary is no WAV file: {error}.") from None


def card_in(folder: Path) -> ModelCard:
    """The card of the model that listens. Raises `InvalidRequestError` without one or for another role."""
    if not (folder / CARD_FILE).is_file():
        raise InvalidRequestError("ICTOGRAM_AUDIO_WEIGHTS holds no card.json; docs/models.md says how to write one.")
    card = parse_card((folder / CARD_FILE).read_text(encoding="utf-8"), f"{folder.name}/{CARD_FILE}")
    if card.role is not ModelRole.AUDIO_LM:
        raise InvalidRequestError(f"ICTOGRAM_AUDIO_WEIGHTS describes a {card.role.value}, not an audio_lm.")
    return card
