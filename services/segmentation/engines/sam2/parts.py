"""Long recordings in overlapping parts: where they begin, what one hands to the next, whether the two agree."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np

from services.media.masks import Mask

OVERLAP_S = 2.0
"""Length that two neighbouring parts share."""
_SAME = 0.3
"""Intersection over union from which two masks of one instant show the same person."""


def parts(count: int, length: int, overlap: int) -> tuple[range, ...]:
    """The instants 0 … count - 1 in parts of at most `length`, each beginning `overlap` before the last one's end."""
    if not 0 < overlap < length:
        raise ValueError(f"parts of {length} instants cannot overlap by {overlap}")
    starts = range(0, max(1, count - overlap), length - overlap)
    return tuple(range(start, min(start + length, count)) for start in starts)


def handed(tail: Sequence[Mapping[int, Mask]]) -> tuple[int, dict[int, Mask]]:
    """What the next part begins with: the place in the overlap, and everybody's mask there.

    `tail`: masks by person in the shared instants. The first instant in which most of those people are seen is taken,
    so that what follows it can be compared.
    """
    if not tail:
        return 0, {}
    seen = [{person: mask for person, mask in sorted(masks.items()) if mask.any()} for masks in tail]
    best = max(range(len(seen)), key=lambda place: (len(seen[place]), -place))
    return best, seen[best]


def agree(one: Sequence[Mask], other: Sequence[Mask]) -> bool:
    """Whether two runs of masks over the same instants show one person; instants without either do not count."""
    shares = [overlap(a, b) for a, b in zip(one, other, strict=True) if a.any() or b.any()]
    return not shares or float(np.median(shares)) >= _SAME


def overlap(one: Mask, other: Mask) -> float:
    """Intersection over union, 0-1; two empty masks have 0."""
    union = int((one | other).sum())
    return int((one & other).sum()) / union if union else 0.0
