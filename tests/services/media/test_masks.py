"""Masks: packed in memory as on disk, whatever their size."""

from __future__ import annotations

import io
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from schemas.errors import InvalidRequestError
from services.media.masks import FORMAT, MaskStack, MaskTrack

SIDES = st.integers(1, 13)


@given(st.integers(0, 20), SIDES, SIDES, st.integers(0, 9))
def test_every_mask_is_found_again(count: int, rows: int, columns: int, seed: int) -> None:
    masks = np.random.default_rng(seed).random((count, rows, columns)) > 0.6
    stack = MaskStack.packed((mask for mask in masks), rows, columns)
    assert stack.shape == masks.shape
    assert all(np.array_equal(stack[index], mask) for index, mask in enumerate(masks))
    assert len(list(stack)) == count
    assert stack.any() == masks.any()
    if count:
        assert np.array_equal(stack[-1], masks[-1])
        assert np.array_equal(stack.share(), masks.mean(axis=0))


def test_a_mask_takes_one_bit_per_cell() -> None:
    assert MaskStack.packed(np.ones((100, 54, 96), bool), 54, 96).bits.nbytes == 100 * 54 * 96 // 8


def test_without_masks_nobody_is_anywhere() -> None:
    stack = MaskStack.blank((0, 3, 4))
    assert not stack.any()
    assert np.array_equal(stack.share(), np.zeros((3, 4)))
    with pytest.raises(IndexError, match="there are 0"):
        stack[0]


def test_blank_masks_have_no_cell() -> None:
    stack = MaskStack.blank((3, 5, 7))
    assert [mask.any() for mask in stack] == [False] * 3


def test_masks_of_unlike_shape_are_refused() -> None:
    with pytest.raises(InvalidRequestError, match="equal shapes"):
        MaskTrack.of(np.zeros(2), np.zeros((2, 3, 3), bool), np.zeros((2, 3, 4), bool))
    with pytest.raises(InvalidRequestError, match="instant, row, column"):
        MaskTrack.of(np.zeros(2), np.zeros((2, 3), bool), np.zeros((2, 3), bool))
    with pytest.raises(InvalidRequestError, match="3 x 3 cells"):
        MaskStack.packed([np.zeros((3, 3), bool), np.zeros((3, 4), bool)], 3, 3)


def test_masks_come_back_as_they_went(tmp_path: Path) -> None:
    random = np.random.default_rng(3)
    patient, others = random.random((7, 9, 13)) > 0.5, random.random((7, 9, 13)) > 0.9
    track = MaskTrack.of(np.arange(7) / 5, patient, others)
    track.save(tmp_path / "masks.npz")
    back = MaskTrack.load(tmp_path / "masks.npz")
    assert np.array_equal(back.time_s, track.time_s)
    assert np.array_equal(np.stack(list(back.patient)), patient)
    assert np.array_equal(np.stack(list(back.others)), others)


def test_a_file_with_too_few_bits_is_refused() -> None:
    file = io.BytesIO()
    few, shape = np.zeros(3, np.uint8), np.array([2, 9, 13])
    np.savez_compressed(file, format=np.array(FORMAT), shape=shape, time_s=np.zeros(2), patient=few, others=few)
    file.seek(0)
    with pytest.raises(InvalidRequestError, match="30 bytes"):
        MaskTrack.load(file)


def test_the_nearest_mask_is_found() -> None:
    blank = MaskStack.blank((3, 2, 2))
    track = MaskTrack(np.array([0.0, 1.0, 2.0]), blank, blank)
    assert [track.at(t) for t in (-5, 0.4, 0.6, 1.4, 9)] == [0, 0, 1, 1, 2]
