"""The words that are sent. Part of the engine's identity: other words are another engine.

Layout: system, then the pictures, then the question. Nothing before the question varies between the questions of a
window, so a server that caches prefixes looks at the pictures once.
"""

from __future__ import annotations

from typing import Any

from schemas.catalogue import SamplingKind
from services.semiology.engines.vlm.pictures import Clip

SYSTEM = (
    "You look at pictures from a video of one patient and answer questions about what can be seen of the patient. "
    "Ignore everybody else in the picture. Judge only what the pictures show; do not guess what they do not show."
)
SHOWN = {
    SamplingKind.CLIP: "These {n} pictures are frames of a video in time order, one every {step} s.",
    SamplingKind.STILLS: "These {n} pictures are stills in time order, one every {step} s.",
}
ASK = "Answer with one word: yes or no."
EXPLAIN = (
    "The answer was yes. Say in one short sentence which visible movement or posture shows it, and between which "
    "seconds it can be seen, counted from the first picture. Answer as JSON with the keys reason, onset_s and offset_s."
)
REASON_LENGTH = 300
"""Most characters of a reason."""
EXPLANATION_SCHEMA: dict[str, Any] = {
    "type": "object",
    "properties": {
        "reason": {"type": "string", "minLength": 1, "maxLength": REASON_LENGTH},
        "onset_s": {"type": "number"},
        "offset_s": {"type": "number"},
    },
    "required": ["reason", "onset_s", "offset_s"],
    "additionalProperties": False,
}


def ask_text(clip: Clip, question: str) -> str:
    """What follows the pictures when a score is wanted."""
    return f"{_shown(clip)} {question} {ASK}"


def explain_text(clip: Clip, question: str) -> str:
    """What follows the pictures when reason and time span are wanted."""
    return f"{_shown(clip)} {question} {EXPLAIN}"


def _shown(clip: Clip) -> str:
    return SHOWN[clip.kind].format(n=len(clip.pictures), step=f"{clip.step_s:.3g}")
