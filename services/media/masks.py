"""Masks over time in one small file: times, the patient, everybody else; bits packed, in memory as in the NPZ."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import Any, BinaryIO, Self

import numpy as np

from schemas.errors import InvalidRequestError

Times = np.ndarray[Any, np.dtype[np.float64]]
Mask = np.ndarray[Any, np.dtype[np.bool_]]
"""(h, w) one truth value per cell."""
Masks = np.ndarray[Any, np.dtype[np.bool_]]
Bits = np.ndarray[Any, np.dtype[np.uint8]]
FORMAT = "ictogram-masks-1"
MEDIA_TYPE = "application/x-npz"
_TOGETHER = 8
"""So many masks of any size fill whole bytes."""


@dataclass(frozen=True, slots=True)
class MaskStack:
    """Masks of one size, one bit per cell: an hour at 2.5 per second on 54 x 96 cells takes 6 MB.

    The bits of all masks follow each other without padding, so a mask need not begin with a byte.
    """

    bits: Bits
    """(ceil(n h w / 8),) the packed cells, mask by mask, row by row."""
    shape: tuple[int, int, int]
    """Number of masks n, rows h, columns w."""

    def __post_init__(self) -> None:
        cells = self.shape[0] * self.shape[1] * self.shape[2]
        if self.bits.shape != (-(-cells // 8),):
            msg = f"Masks of shape {self.shape} take {-(-cells // 8)} bytes; got {self.bits.shape}."
            raise InvalidRequestError(msg)

    @classmethod
    def packed(cls, masks: Iterable[Mask], rows: int, columns: int) -> Self:
        """Pack masks (h, w) one after the other. Raises `InvalidRequestError` for one of another size."""
        parts: list[Bits] = []
        count = 0
        source = iter(masks)
        while together := list(islice(source, _TOGETHER)):
            other = next((mask.shape for mask in together if mask.shape != (rows, columns)), None)
            if other is not None:
                msg = f"Every mask has {rows} x {columns} cells; got one of shape {other}."
                raise InvalidRequestError(msg)
            count += len(together)
            parts.append(np.packbits(np.stack(together).astype(bool), axis=None))
        bits = np.concatenate(parts) if parts else np.zeros(0, np.uint8)
        return cls(bits, (count, rows, columns))

    @classmethod
    def blank(cls, shape: tuple[int, int, int]) -> Self:
        """Masks without any cell."""
        return cls(np.zeros(-(-shape[0] * shape[1] * shape[2] // 8), np.uint8), shape)

    def __len__(self) -> int:
        return self.shape[0]

    def __getitem__(self, index: int) -> Mask:
        """(h, w) one mask; unpacked at each call. Raises IndexError beyond the last."""
        count, rows, columns = self.shape
        if not -count <= index < count:
            raise IndexError(f"There is no mask {index}; there are {count}.")
        cells = rows * columns
        begin = (index % count) * cells
        part = np.unpackbits(self.bits[begin // 8 : -(-(begin + cells) // 8)])
        return part[begin % 8 : begin % 8 + cells].astype(bool).reshape(rows, columns)

    def __iter__(self) -> Iterator[Mask]:
        return (self[index] for index in range(len(self)))

    def any(self) -> bool:
        """Whether any mask has a cell."""
        return bool(self.bits.any())  # the bits after the last cell are zero

    def share(self) -> np.ndarray[Any, np.dtype[np.float64]]:
        """(h, w) share of the masks that have each cell; zeros without masks."""
        total = np.zeros(self.shape[1:], np.int64)
        for mask in self:
            total += mask
        return total / max(1, len(self))


@dataclass(frozen=True, slots=True)
class MaskTrack:
    """Who is where. The masks span the whole displayed picture, whatever their resolution."""

    time_s: Times
    """(n,) seconds from the recording's first frame, growing."""
    patient: MaskStack
    """Where the patient is, n masks."""
    others: MaskStack
    """Where somebody else is, n masks."""

    def __post_init__(self) -> None:
        if self.patient.shape != self.others.shape or len(self.time_s) != len(self.patient):
            msg = (
                f"Masks need one time per mask and equal shapes; got times {self.time_s.shape}, "
                f"patient {self.patient.shape}, others {self.others.shape}."
            )
            raise InvalidRequestError(msg)

    @classmethod
    def of(cls, time_s: Times, patient: Masks, others: Masks) -> Self:
        """From whole arrays (n, h, w), which short recordings can afford. Raises `InvalidRequestError`."""
        if patient.ndim != 3 or others.ndim != 3:
            msg = f"Masks have the axes instant, row, column; got patient {patient.shape}, others {others.shape}."
            raise InvalidRequestError(msg)
        return cls(time_s, MaskStack.packed(patient, *patient.shape[1:]), MaskStack.packed(others, *others.shape[1:]))

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
            "patient": self.patient.bits,
            "others": self.others.bits,
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
            count, rows, columns = (int(side) for side in data["shape"])
            shape = (count, rows, columns)
            return cls(data["time_s"], MaskStack(data["patient"], shape), MaskStack(data["others"], shape))
