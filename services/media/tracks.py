"""Scores over time in one file: per sign the instants, the score and where it could not be judged; NPZ."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np

from schemas.errors import InvalidRequestError

Values = np.ndarray[Any, np.dtype[np.float64]]
FORMAT = "ictogram-tracks-1"
MEDIA_TYPE = "application/x-npz"


@dataclass(frozen=True, slots=True)
class Track:
    """The score of one sign over time."""

    sign: str
    """Catalogue id, or another short name for curves that belong to no sign (``activity``)."""
    time_s: Values
    """(n,) seconds from the recording's first frame, growing."""
    score: Values
    """(n,) 0-1; NaN where it was not assessable."""

    def __post_init__(self) -> None:
        if self.time_s.ndim != 1 or self.time_s.shape != self.score.shape:
            msg = f"Track {self.sign!r} needs one score per instant; got {self.time_s.shape} and {self.score.shape}."
            raise InvalidRequestError(msg)


def save_tracks(path: Path | str | BinaryIO, tracks: Sequence[Track]) -> None:
    """Write tracks (any name; nothing is appended to it). Raises `InvalidRequestError` for a sign named twice."""
    signs = [track.sign for track in tracks]
    if len(set(signs)) != len(signs):
        msg = f"Each sign has one track; got {signs}."
        raise InvalidRequestError(msg)
    arrays: dict[str, Any] = {"format": np.array(FORMAT), "signs": np.array(signs, dtype=np.str_)}
    for index, track in enumerate(tracks):
        arrays[f"time_s_{index}"] = track.time_s.astype(np.float64)
        arrays[f"score_{index}"] = track.score.astype(np.float32)
    if isinstance(path, (str, Path)):
        with Path(path).open("wb") as file:
            np.savez_compressed(file, **arrays)
    else:
        np.savez_compressed(path, **arrays)


def load_tracks(path: Path | str | BinaryIO) -> tuple[Track, ...]:
    """Read what `save_tracks` wrote, in its order. Raises `InvalidRequestError` for any other file."""
    with np.load(path, allow_pickle=False) as data:
        if str(data["format"]) != FORMAT:
            msg = f"The track file says {str(data['format'])!r}; this version reads {FORMAT!r}."
            raise InvalidRequestError(msg)
        return tuple(
            Track(str(sign), data[f"time_s_{index}"], data[f"score_{index}"].astype(np.float64))
            for index, sign in enumerate(data["signs"])
        )
