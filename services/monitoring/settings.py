"""Settings of the monitoring service."""

from __future__ import annotations

from pydantic import Field
from pydantic_settings import SettingsConfigDict

from services.runtime.settings import Settings


class MonitoringSettings(Settings):
    """Monitoring of cameras."""

    model_config = SettingsConfigDict(env_prefix="ICTOGRAM_MONITORING_")

    slots: int = Field(1, ge=1, description="Cameras watched at once by one process, once there is an engine for it.")
