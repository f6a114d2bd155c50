"""Masks over time in one small file: times, the patient, everybody else; bits packed, NPZ."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any, BinaryIO, Self

import numpy as np

from schemas.errors import InvalidRequestError

Times = np.ndarray[Any, np.dtype[np.float64]]
Masks = np.ndarray[Any, np.dtype[np.bool_]]
FORMAT = "ictogram-masks-1"
MEDIA_TYPE = "application/x-npz"


@dataclass(frozen=True, slots=True)
class MaskTrack:
    """Who is where. The masks span the whole displayed picture, whatever their resolution."""

    time_s: Times
    """(n,) seconds from the recording's first frame, growing."""
    patient: Masks
    """(n, h, w) true where the patient is."""
    others: Masks
    """(n, h, w) true where somebody else is."""

    def __post_init__(self) -> None:
        if self.patient.ndim != 3 or self.patient.shape != self.others.shape or len(self.time_s) != len(self.patient):
            msg = (
                f"Masks need one time per mask and equal shapes; got times {self.time_s.shape}, "
                f"patient {self.patient.shape}, others {self.others.shape}."
            )
            raise InvalidRequestError(msg)

    def at(self, time_s: float) -> int:
        """Index of the mask nearest to an instant (0 for an instant before the first)."""
        after = int(np.searchsorted(self.time_s, time_s))
        if after and (after == len(self.time_s) or time_s - self.time_s[after - 1] <= self.time_s[after] - time_s):
            return after - 1
        return after

    def save(self, path: Path | str | BinaryIO) -> None:
        """Write the file (any name; nothing is appended to it). Raises OSError."""
        np_arrays = {
            "format": np.array(FORMAT),
            "shape": np.array(self.patient.shape, np.int64),
            "time_s": self.time_s.astype(np.float64),
            "patient": np.packbits(self.patient, axis=None),
            "others": np.packbits(self.others, axis=None),
        }
        if isinstance(path, (str, Path)):
            with Path(path).open("wb") as file:
                np.savez_compressed(file, **np_arrays)  # type: ignore[arg-type]
        else:
            np.savez_compressed(path, **np_arrays)  # type: ignore[arg-type]

    @classmethod
    def load(cls, path: Path | str | BinaryIO) -> Self:
        """Read what `save` wrote. Raises `InvalidRequestError` for any other file."""
        with np.load(path, allow_pickle=False) as data:
            if str(data["format"]) != FORMAT:
                msg = f"The mask file says {str(data['format'])!r}; this version reads {FORMAT!r}."
                raise InvalidRequestError(msg)
            shape = tuple(int(side) for side in data["shape"])
            count = int(np.prod(shape))
            return cls(
                time_s=data["time_s"],
                patient=np.unpackbits(data["patient"], count=count).astype(bool).reshape(shape),
                others=np.unpackbits(data["others"], count=count).astype(bool).reshape(shape),
            )
