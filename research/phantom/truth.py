"""Ground truth of a phantom recording, in the words of ``report.json``.

Times are seconds from the recording's first frame; sides are the patient's own, also in mirrored recordings.
"""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from schemas.errors import InvalidRequestError
from schemas.recording import Box
from schemas.segmentation import BodyPart
from schemas.semiology import Side

TRUTH_SCHEMA_VERSION = "1.0.0"
"""Version of the truth file's layout."""


@dataclass(frozen=True, slots=True)
class TrueOccurrence:
    """One instance of a sign that really took place in the recording."""

    sign: str
    """Catalogue id."""
    onset_s: float
    """First movement (or first moment of the posture), clipped to the recording."""
    offset_s: float
    """End of the last movement, clipped to the recording."""
    side: Side
    """The patient's own side; what it refers to is the catalogue's."""
    body_part: BodyPart
    """The part that moves or postures."""
    visible: bool
    """The part is in the picture, not under the blanket and its movement is larger than a pixel."""
    extent_px: float
    """Largest swing of the part in the picture, pixels of this file; 0 for signs of the face."""
    rate_hz: tuple[float, float] | None = None
    """Repetition rate at onset and at offset, for rhythmic signs."""
    censored_left: bool = False
    """It was already going on at the first frame."""
    censored_right: bool = False
    """It was still going on at the last frame."""


@dataclass(frozen=True, slots=True)
class TrueEpisode:
    """One seizure."""

    id: str
    """``r1-e1``, ``r1-e2``, ..."""
    onset_s: float
    """First visible change, clipped to the recording."""
    offset_s: float
    """End, clipped to the recording."""
    onset_captured: bool
    """False: it began before the recording did."""
    offset_captured: bool
    """False: it ended after the recording did."""
    state_before: str
    """awake, apparently_asleep or unknown."""
    occurrences: tuple[TrueOccurrence, ...]
    """Signs in the order of their onset."""


@dataclass(frozen=True, slots=True)
class Span:
    """Something that is no seizure, and when."""

    kind: str
    """Movement, visitor or disturbance."""
    onset_s: float
    """Start."""
    offset_s: float
    """End."""
    side: Side = Side.UNDETERMINED
    """The patient's own side, where one side does it."""


@dataclass(frozen=True, slots=True)
class Truth:
    """Everything that is known of one phantom recording."""

    schema_version: str
    """`TRUTH_SCHEMA_VERSION` at writing."""
    script: str
    """Name of the script."""
    seed: int
    """Seed of everything random."""
    duration_s: float
    """Length of the recording."""
    rate_hz: float
    """Frame rate."""
    width_px: int
    """Picture width."""
    height_px: int
    """Picture height."""
    camera: str
    """Where the camera hangs."""
    infrared: bool
    """Night vision."""
    mirrored: bool
    """The picture is mirrored; the truth is not."""
    patient_box: Box | None
    """Union of where the patient is over the recording, as stored (so mirrored when the picture is)."""
    face_px: float
    """Median width of the face in pixels, 0 when it is never towards the camera."""
    episodes: tuple[TrueEpisode, ...]
    """Seizures; empty when there is none."""
    look_alikes: tuple[Span, ...] = ()
    """Everyday movements of the patient."""
    visitors: tuple[Span, ...] = ()
    """When others are in the picture."""
    staff_contacts: tuple[Span, ...] = ()
    """When they touch the patient."""
    disturbances: tuple[Span, ...] = ()
    """When camera or light changed."""


def truth_to_json(truth: Truth) -> str:
    """The truth as JSON text; the same truth gives the same bytes."""
    return json.dumps(asdict(truth), indent=2, sort_keys=True) + "\n"


def _occurrence(data: dict[str, Any]) -> TrueOccurrence:
    rate = data.get("rate_hz")
    plain = {
        **data,
        "side": Side(data["side"]),
        "body_part": BodyPart(data["body_part"]),
        "rate_hz": tuple(rate) if rate else None,
    }
    return TrueOccurrence(**plain)


def _span(data: dict[str, Any]) -> Span:
    return Span(**{**data, "side": Side(data["side"])})


def truth_from_json(text: str) -> Truth:
    """Read what `truth_to_json` wrote.

    Raises:
        InvalidRequestError: the text is not a truth file of this version.

    """
    try:
        data = json.loads(text)
        if data["schema_version"] != TRUTH_SCHEMA_VERSION:
            raise InvalidRequestError(f"truth version {data['schema_version']!r} is not {TRUTH_SCHEMA_VERSION}")
        episodes = tuple(
            TrueEpisode(**{**entry, "occurrences": tuple(_occurrence(o) for o in entry["occurrences"])})
            for entry in data["episodes"]
        )
        spans = {
            name: tuple(_span(entry) for entry in data[name])
            for name in ("look_alikes", "visitors", "staff_contacts", "disturbances")
        }
        box = Box(*data["patient_box"]) if data["patient_box"] else None
        return Truth(**{**data, **spans, "episodes": episodes, "patient_box": box})
    except (ValueError, KeyError, TypeError) as error:
        raise InvalidRequestError(f"not a truth file: {type(error).__name__} {error}") from error


def load_truth(path: Path) -> Truth:
    """Read a truth file.

    Raises:
        InvalidRequestError: it is not one.

    """
    return truth_from_json(path.read_text(encoding="utf-8"))
