from __future__ import annotations

import pytest

from schemas.recording import Tri
from services.intake import origin


@pytest.mark.parametrize(
    ("tags", "verdict"),
    [
        ({"encoder": "Lavf61.7.100"}, Tri.UNKNOWN),
        ({"encoder": "HandBrake 1.7.3"}, Tri.UNKNOWN),
        ({"software": "Adobe Premiere Pro 24.1"}, Tri.YES),
        ({"comment": "made with CapCut"}, Tri.YES),
        ({"com.apple.quicktime.make": "Apple"}, Tri.NO),
        ({}, Tri.UNKNOWN),
    ],
)
def test_an_editor_is_told_from_a_converter(tags: dict[str, str], verdict: Tri) -> None:
    assert origin.edited(tags) is verdict
