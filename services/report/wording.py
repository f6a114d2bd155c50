"""Fixed words: how the report writes times, sides, strengths and reasons.

ILAE terms are used where the catalogue's titles do. Nothing here says that a sign was absent or that anything was
normal: what was not seen is "not seen", with the time over which it could have been.
"""

from __future__ import annotations

import re
from collections.abc import Sequence

from schemas.catalogue import SignGroup, load_catalogue
from schemas.recording import Interval, Recording, Tri
from schemas.segmentation import BodyPart
from schemas.semiology import Author, FindingStatus, Occurrence, Phase, Reason, Side, SideRefersTo, StateBefore

STATUS_WORDS: dict[FindingStatus, str] = {
    FindingStatus.PRESENT: "Present",
    FindingStatus.POSSIBLE: "Possible",
    FindingStatus.NOT_SEEN: "Not seen",
    FindingStatus.NOT_ASSESSABLE: "Not assessable",
    FindingStatus.NOT_TESTED: "Not tested",
}

REASON_WORDS: dict[Reason, str] = {
    Reason.NONE: "no reason given",
    Reason.NO_ENGINE: "no engine of this version answers for it",
    Reason.VIEW_MISSING: "the view that it needs is missing",
    Reason.FACE_TOO_SMALL: "the face is too small in the picture",
    Reason.FACE_NOT_VISIBLE: "the face is not visible",
    Reason.DARK: "the picture is too dark",
    Reason.BLURRED: "the picture is out of focus",
    Reason.CAMERA_MOVING: "the camera moves",
    Reason.FRAME_RATE_TOO_LOW: "too few pictures per second",
    Reason.SLOW_MOTION: "the video seems to be played in slow motion",
    Reason.PATIENT_NOT_FOUND: "the patient was not found in the picture",
    Reason.BODY_AXIS_UNKNOWN: "the patient's left and right could not be told apart",
    Reason.TOUCHED_BY_STAFF: "somebody touched the patient",
    Reason.ONSET_NOT_CAPTURED: "the onset was not captured",
    Reason.TOO_SHORT: "the time that could be judged was too short",
    Reason.NO_AUDIO: "there is no usable sound",
    Reason.NO_QUESTION_HEARD: "no question to the patient was heard",
    Reason.NO_PRECEDING_ACTIVITY: "no voluntary activity was seen before it",
    Reason.NOT_TESTED_BY_STAFF: "nobody tested it",
    Reason.AGE_OUT_OF_SCOPE: "the patient's age or condition is out of scope",
    Reason.LOW_ANSWER_MASS: "the engine gave no clear answer",
}

PHASE_WORDS: dict[Phase, str] = {
    Phase.UNKNOWN: "phase unknown",
    Phase.INITIAL: "initial",
    Phase.SUBSEQUENT: "subsequent",
    Phase.POST_ICTAL: "post-ictal",
}

STATE_WORDS: dict[StateBefore, str] = {
    StateBefore.AWAKE: "awake",
    StateBefore.APPARENTLY_ASLEEP: "apparently asleep",
    StateBefore.UNKNOWN: "unknown",
}

_PART_WORDS: dict[BodyPart, str] = {
    BodyPart.WHOLE_BODY: "whole body",
    BodyPart.HEAD: "head",
    BodyPart.FACE: "face",
    BodyPart.EYES: "eyes",
    BodyPart.ARM: "arm",
    BodyPart.HAND: "hand",
    BodyPart.LEG: "leg",
    BodyPart.TRUNK: "trunk",
}

_LOOSE = re.compile(r"(?<=\d) (?=(?:s|min|px|Hz)\b)|(?<=\N{PLUS-MINUS SIGN}) (?=\d)|(?<=\d) (?=\(\N{PLUS-MINUS SIGN})")

_UNCONFIRMED = " (side unconfirmed)"
_BOTH_WORDS: dict[Side, str] = {
    Side.BILATERAL_SYMMETRIC: "both sides alike",
    Side.BILATERAL_LEFT_GT: "both sides, more on the left",
    Side.BILATERAL_RIGHT_GT: "both sides, more on the right",
}


def clock(time_s: float) -> str:
    """Seconds from the first frame as ``m:ss.s`` (``h:mm:ss.s`` from one hour on)."""
    tenths = round(max(time_s, 0.0) * 10)
    minutes, rest = divmod(tenths, 600)
    hours, minutes = divmod(minutes, 60)
    seconds = f"{rest // 10:02d}.{rest % 10}"
    return f"{hours}:{minutes:02d}:{seconds}" if hours else f"{minutes}:{seconds}"


def about(span: Interval) -> str:
    """An uncertain instant: its middle, and half its width when that is at least a twentieth of a second."""
    half = span.length_s / 2
    return clock(span.middle_s) + (f" (\N{PLUS-MINUS SIGN} {half:.1f} s)" if half >= 0.05 else "")


def length(seconds: float) -> str:
    """A duration for people: tenths below 10 s, whole seconds below 2 min, then minutes and seconds."""
    if seconds < 10:
        return f"{seconds:.1f} s"
    if seconds < 120:
        return f"{seconds:.0f} s"
    minutes, rest = divmod(round(seconds), 60)
    return f"{minutes} min {rest} s" if rest else f"{minutes} min"


def unbroken(text: str) -> str:
    """The text with spaces that no line may end at: before a unit and inside an uncertainty."""
    return _LOOSE.sub("\N{NO-BREAK SPACE}", text)


def roughly(seconds: float) -> str:
    """A duration whose ends are uncertain: tenths below 2 s only, then as `length`."""
    return length(seconds) if seconds < 2 or seconds >= 10 else f"{seconds:.0f} s"


def title(sign: str) -> str:
    """The catalogue's title of a sign; the id in words for one that this version's catalogue does not know."""
    known = load_catalogue().by_id.get(sign)
    return known.title if known else sign.replace("_", " ").capitalize()


def tells_state(sign: str) -> bool:
    """Whether a sign describes the state in which an episode began."""
    known = load_catalogue().by_id.get(sign)
    return known is not None and known.group is SignGroup.STATE


def inside(text: str) -> str:
    """A title as it stands inside a sentence: lower case at the start unless it is an abbreviation or a name."""
    first = text.split(" ", 1)[0]
    keeps = any(letter.isupper() or letter.isdigit() for letter in first[1:]) or first.endswith("'s")
    return text if keeps else text[:1].lower() + text[1:]


def listed(items: Sequence[str]) -> str:
    """Words joined as ``a, b and c``."""
    return items[0] if len(items) == 1 else f"{', '.join(items[:-1])} and {items[-1]}"


def side_is_confirmed(occurrence: Occurrence, recording: Recording | None) -> bool:
    """Whether a side may be stated: a reviewer gave it, or it is marked confirmed and mirroring is known."""
    if occurrence.author is Author.READ:
        return occurrence.side_confirmed
    return occurrence.side_confirmed and recording is not None and recording.mirrored is not Tri.UNKNOWN


def where(occurrence: Occurrence, *, confirmed: bool) -> str:
    """Body part and side in words, such as ``right arm`` or ``right arm (side unconfirmed)``; may be empty."""
    if occurrence.side_refers_to is SideRefersTo.NONE:
        return _PART_WORDS.get(occurrence.body_part, "")
    if occurrence.side is Side.UNDETERMINED:
        part = _PART_WORDS.get(occurrence.body_part, "")
        return f"{part}, side not determined" if part else "side not determined"
    words = _BOTH_WORDS.get(occurrence.side) or _one_side(occurrence)
    needs_confirmation = occurrence.side is not Side.BILATERAL_SYMMETRIC
    return words if confirmed or not needs_confirmation else f"{words}{_UNCONFIRMED}"


def marked(place: str) -> str:
    """A place for pictures: an unconfirmed side is marked with a question mark, which the legend explains."""
    return place.replace(_UNCONFIRMED, " ?")


def _one_side(occurrence: Occurrence) -> str:
    side = occurrence.side.value
    match occurrence.side_refers_to:
        case SideRefersTo.DIRECTION_TURNED:
            return f"to the patient's {side}"
        case SideRefersTo.EXTENDED_ELBOW:
            return f"{side} elbow extended"
        case SideRefersTo.LAST_JERKING_SIDE:
            return f"{side} side jerking last"
        case SideRefersTo.MOVING_FACE_SIDE:
            return f"{side} side of the face"
        case SideRefersTo.WIPING_HAND:
            return f"{side} hand"
        case _:
            part = _PART_WORDS.get(occurrence.body_part, "side")
            return f"{side} {part}"
