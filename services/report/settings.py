"""Settings of the report service."""

from __future__ import annotations

from pydantic import Field
from pydantic_settings import SettingsConfigDict

from services.report.job import PageSize
from services.runtime.settings import Settings


class ReportSettings(Settings):
    """What the report service lets a site choose."""

    model_config = SettingsConfigDict(env_prefix="ICTOGRAM_REPORT_")

    slots: int = Field(1, ge=1, le=64, description="Reports written at once.")
    page_size: PageSize = Field(PageSize.A4, description="Paper of the PDF: a4 or letter.")
    max_stills: int = Field(12, ge=0, le=60, description="Most evidence stills in one report.")
    still_long_side_px: int = Field(480, ge=120, le=1280, description="Long side of an evidence still, pixels.")
