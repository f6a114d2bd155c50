"""``ictogram models``: cards held to weights, in a terminal."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from schemas.errors import InvalidRequestError
from services.launcher.cli import app
from services.runtime.weights import digest_of


def weights(folder: Path, content: bytes = b"numbers", **card: Any) -> Path:
    folder.mkdir(parents=True)
    (folder / "model.safetensors").write_bytes(content)
    if card:
        told = {"name": folder.name, "version": "1", "training": "random weights", "license": "Apache-2.0"} | card
        (folder / "card.json").write_text(json.dumps({"digest": digest_of(folder)} | told))
    return folder


def run(*arguments: str) -> tuple[str, InvalidRequestError | None]:
    result = CliRunner().invoke(app, ["models", *arguments])
    return result.stdout, result.exception if isinstance(result.exception, InvalidRequestError) else None


def test_weights_that_belong_to_their_cards_are_listed_with_the_name_to_serve_them_under(tmp_path: Path) -> None:
    folder = weights(tmp_path / "tiny", role="segmentation")
    shown, error = run(str(tmp_path))
    assert error is None
    assert f"tiny-{digest_of(folder)[:8]}" in shown
    assert "belong together" in shown


def test_without_a_card_the_digest_for_one_is_given(tmp_path: Path) -> None:
    folder = weights(tmp_path / "new")
    shown, error = run(str(tmp_path))
    assert digest_of(folder)[:20] in shown
    assert error is not None
    assert "Not ready: new" in error.message


def test_other_weights_than_the_cards_are_refused(tmp_path: Path) -> None:
    folder = weights(tmp_path / "tiny", role="pose")
    (folder / "model.safetensors").write_bytes(b"other numbers")
    shown, error = run(str(tmp_path))
    assert "must belong together" in " ".join(shown.split())
    assert error is not None


def test_a_folder_without_weights_is_said(tmp_path: Path) -> None:
    with pytest.raises(InvalidRequestError, match="no folders of weights"):
        CliRunner().invoke(app, ["models", str(tmp_path)], catch_exceptions=False)
