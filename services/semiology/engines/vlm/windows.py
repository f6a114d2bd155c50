"""In which pieces a recording is looked at: windows and sampling from the catalogue, the view that answers, and what
cannot be judged. Pure: nothing is decoded here.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass

from schemas.catalogue import Sampling, Sign
from schemas.model_card import ModelCard
from schemas.recording import Interval, RecordingFacts, Tri
from schemas.segmentation import BodyPart, Segmentation, View, ViewKind
from schemas.semiology import Reason

LOST_SHARE = 0.5
"""Share of a window that must not be judged from which the window is not asked about."""
LOWEST_RATE_HZ = 15.0
"""Effective frames per second under which no rhythm can be judged (clinical rule)."""
PICTURES = frozenset(
    {
        ViewKind.FULL_FRAME,
        ViewKind.SILHOUETTE,
        ViewKind.FACE_CROP,
        ViewKind.HANDS,
        ViewKind.POSE_OVERLAY,
        ViewKind.PRIVACY,
    }
)
"""Views that are pictures."""
LIMBS = frozenset({BodyPart.ARM, BodyPart.HAND, BodyPart.LEG})
SHOWN_BY = {
    ViewKind.FACE_CROP: frozenset({BodyPart.FACE, BodyPart.HEAD, BodyPart.EYES}),
    ViewKind.HANDS: frozenset({BodyPart.HAND}),
}
"""Parts whose size in the original a crop tells."""
_EDGE_S = 1e-6

Size = tuple[int, int]


@dataclass(frozen=True, slots=True)
class Lost:
    """A span in which a sign cannot be judged."""

    span: Interval
    """When."""
    reason: Reason
    """Why."""
    text: str
    """The same in one sentence."""


@dataclass(frozen=True, slots=True)
class Asked:
    """A sign and whose answer counts for it."""

    sign: Sign
    """The question."""
    card: ModelCard
    """The base or an adapter."""


@dataclass(frozen=True, slots=True)
class Look:
    """One window of one view, and all that is asked about it: its pictures are decoded once."""

    span: Interval
    """From when to when, seconds from the recording's first frame."""
    view: ViewKind
    """What is shown."""
    sampling: Sampling
    """How many pictures, and whether motion matters."""
    size: Size
    """Width and height of a picture, pixels."""
    asks: tuple[tuple[ModelCard, tuple[Sign, ...]], ...]
    """Signs by who answers, so that questions to one adapter go out together."""


@dataclass(frozen=True, slots=True)
class Plan:
    """Everything that will be asked about one recording."""

    looks: tuple[Look, ...]
    """In time order within each view."""
    blocked: Mapping[str, tuple[Lost, ...]]
    """Per sign, the spans in which it cannot be judged whatever is looked at."""
    dropped: Mapping[str, tuple[Lost, ...]]
    """Per sign, the windows that are not asked about."""


def spans_of(sampling: Sampling, duration_s: float) -> tuple[Interval, ...]:
    """The windows of a recording: every hop, and a last one that ends with it, so that all have the same length.

    A recording shorter than a window is one window.
    """
    length, hop = sampling.window_s, sampling.hop_s
    if duration_s <= length:
        return (Interval(0.0, duration_s),) if duration_s > 0 else ()
    count = int((duration_s - length) / hop + _EDGE_S) + 1
    spans = [Interval(k * hop, k * hop + length) for k in range(count)]
    if duration_s - spans[-1].hi > 1 / sampling.fps:
        spans.append(Interval(duration_s - length, duration_s))
    return tuple(spans)


def unseen(facts: RecordingFacts, segmentation: Segmentation) -> list[Lost]:
    """Spans in which no sign can be judged."""
    quality = facts.quality
    lost = [Lost(span, Reason.DARK, "The picture is too dark.") for span in quality.dark]
    lost += [Lost(span, Reason.BLURRED, "The picture is out of focus.") for span in quality.blurred]
    text = "The recorder stalled: the picture stands still."
    lost += [Lost(span, Reason.VIEW_MISSING, text) for span in quality.frozen]
    text = "The patient could not be found or was hidden."
    lost += [Lost(span, Reason.PATIENT_NOT_FOUND, text) for span in segmentation.patient_missing]
    return sorted(lost, key=lambda one: one.span)


def lost_of(sign: Sign, facts: RecordingFacts, segmentation: Segmentation) -> tuple[Lost, ...]:
    """Spans in which a sign cannot be judged whatever view is looked at, in time order."""
    whole = Interval(0.0, facts.duration_s)
    lost: list[Lost] = []
    if sign.rhythmic and 0 < facts.effective_rate_hz < LOWEST_RATE_HZ:
        text = (
            f"The picture changes {facts.effective_rate_hz:.1f} times a second; "
            f"rhythm needs at least {LOWEST_RATE_HZ:.0f}."
        )
        lost.append(Lost(whole, Reason.FRAME_RATE_TOO_LOW, text))
    if sign.rhythmic and Tri.YES in {facts.slow_motion, facts.edited}:
        text = "The video is slowed or edited; rates and durations hold only after it was retimed."
        lost.append(Lost(whole, Reason.SLOW_MOTION, text))
    lost += unseen(facts, segmentation)
    for contact in segmentation.staff_contacts:
        if _touches(contact.body_part, sign):
            text = f"Somebody touched the patient ({contact.body_part.value}) meanwhile."
            lost.append(Lost(contact.span, Reason.TOUCHED_BY_STAFF, text))
    return tuple(sorted(lost, key=lambda one: one.span))


def _touches(touched: BodyPart, sign: Sign) -> bool:
    """Whether a hand there hides this sign: a held limb is not assessable; an unknown place may be any limb."""
    if touched is sign.body_part:
        return True
    return sign.body_part in LIMBS and touched in {BodyPart.UNSPECIFIED, BodyPart.WHOLE_BODY}


def views_of(sign: Sign, card: ModelCard, open_view: Callable[[ViewKind], View | None]) -> tuple[View, ...]:
    """Views that can answer for a sign and that there are, best first.

    Facial signs need the face itself: where no view of it was made, a picture of the whole room is no substitute.
    """
    found: list[View] = []
    for kind in sign.views:
        if kind not in PICTURES or (card.views and kind not in card.views):
            continue
        view = open_view(kind)
        if view is not None:
            found.append(view)
    if sign.facial and not any(view.kind is ViewKind.FACE_CROP for view in found):
        return ()
    return tuple(view for view in found if not sign.facial or view.kind is ViewKind.FACE_CROP)


def plan_of(
    asked: Iterable[Asked],
    facts: RecordingFacts,
    segmentation: Segmentation,
    open_view: Callable[[ViewKind], View | None],
    size_of: Callable[[ModelCard, ViewKind], Size],
) -> Plan:
    """Which windows of which views are asked what. A window goes to the best view that shows something in it."""
    groups: dict[tuple[ViewKind, Sampling, Size, Interval], dict[str, tuple[ModelCard, list[Sign]]]]
    groups = defaultdict(dict)
    blocked: dict[str, tuple[Lost, ...]] = {}
    dropped: dict[str, list[Lost]] = defaultdict(list)
    for one in asked:
        sign, card = one.sign, one.card
        blocked[sign.id] = lost_of(sign, facts, segmentation)
        views = views_of(sign, card, open_view)
        for span in spans_of(sign.sampling, facts.duration_s):
            found = _view_in(span, sign, views, blocked[sign.id])
            if isinstance(found, Lost):
                dropped[sign.id].append(found)
                continue
            key = (found.kind, sign.sampling, size_of(card, found.kind), span)
            groups[key].setdefault(card.served_name, (card, []))[1].append(sign)
    looks = [
        Look(span, view, sampling, size, tuple((card, tuple(signs)) for card, signs in cards.values()))
        for (view, sampling, size, span), cards in groups.items()
    ]
    looks.sort(key=lambda look: (look.view.value, look.sampling.kind.value, look.sampling.fps, look.span))
    return Plan(tuple(looks), blocked, {sign: tuple(lost) for sign, lost in dropped.items()})


def _view_in(span: Interval, sign: Sign, views: Sequence[View], blocked: Sequence[Lost]) -> View | Lost:
    """The best view that can be judged in a window, or why there is none."""
    if share_lost(span, [one.span for one in blocked]) >= LOST_SHARE:
        worst = max(blocked, key=lambda one: overlap_s(span, one.span))
        return Lost(span, worst.reason, worst.text)
    if not views:
        return Lost(span, Reason.VIEW_MISSING, f"No view was made that shows it ({_names(sign)}).")
    large = [view for view in views if not _too_small(view, sign)]
    if not large:
        return _smallness(span, views[0], sign)
    for view in large:
        if share_lost(span, view.missing) < LOST_SHARE:
            return view
    if sign.facial:
        return Lost(span, Reason.FACE_NOT_VISIBLE, "The face could not be seen.")
    return Lost(span, Reason.VIEW_MISSING, f"The views that show it ({_names(sign)}) show nothing here.")


def _too_small(view: View, sign: Sign) -> bool:
    """Whether the part that a crop shows has fewer pixels in the original than the sign needs (clinical rule)."""
    return 0 < view.part_px < sign.min_source_px and sign.body_part in SHOWN_BY.get(view.kind, frozenset())


def _smallness(span: Interval, view: View, sign: Sign) -> Lost:
    what, reason = ("face", Reason.FACE_TOO_SMALL) if view.kind is ViewKind.FACE_CROP else ("hand", Reason.VIEW_MISSING)
    text = f"The {what} is about {view.part_px:.0f} px in the original; this sign needs {sign.min_source_px:.0f} px."
    return Lost(span, reason, text)


def _names(sign: Sign) -> str:
    return ", ".join(kind.value for kind in sign.views)


def share_lost(span: Interval, gaps: Iterable[Interval]) -> float:
    """Share (0-1) of a span that gaps cover, overlaps of gaps counted once."""
    lost_s, reached = 0.0, span.lo
    for gap in sorted(gaps):
        lo, hi = max(gap.lo, reached), min(gap.hi, span.hi)
        if hi > lo:
            lost_s, reached = lost_s + hi - lo, hi
    return lost_s / max(span.length_s, _EDGE_S)


def overlap_s(a: Interval, b: Interval) -> float:
    """Seconds that two spans share; negative: that lie between them."""
    return min(a.hi, b.hi) - max(a.lo, b.lo)
