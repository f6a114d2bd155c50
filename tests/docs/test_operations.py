from __future__ import annotations

from pathlib import Path

from services.launcher.parts import settings_table

OPERATIONS = Path(__file__).parents[2] / "docs/operations.md"
MARK = "<!-- settings -->\n"


def test_the_settings_table_is_what_the_code_says() -> None:
    page = OPERATIONS.read_text(encoding="utf-8")
    assert page.split(MARK)[1].strip() == settings_table().strip(), "run: python -m services.launcher.write_settings"
