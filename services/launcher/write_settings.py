"""Writes the settings table into ``docs/operations.md``: ``python -m services.launcher.write_settings``."""

from __future__ import annotations

from pathlib import Path

from services.launcher.parts import settings_table

PAGE = Path(__file__).parents[2] / "docs" / "operations.md"
MARK = "<!-- settings -->\n"


def main() -> None:
    """Replace everything after the mark."""
    head, mark, _ = PAGE.read_text(encoding="utf-8").partition(MARK)
    PAGE.write_text(f"{head}{mark}\n{settings_table()}", encoding="utf-8")


if __name__ == "__main__":
    main()
