"""Settings of the delivery worker, read from the environment as ``ICTOGRAM_DELIVERY_…``."""

from __future__ import annotations

from pathlib import Path

from pydantic import Field
from pydantic_settings import SettingsConfigDict

from services.runtime.settings import Settings


class DeliverySettings(Settings):
    """Knobs of the delivery worker. Which reports go where is decided by cases (``ICTOGRAM_CASES_DESTINATIONS``)."""

    model_config = SettingsConfigDict(env_prefix="ICTOGRAM_DELIVERY_")

    broker: str = Field("redis://127.0.0.1:6379/0", description="Address of the broker: redis:// or amqp://.")
    broker_timeout_s: float = Field(2.0, gt=0, description="Seconds until connecting to the broker is given up.")
    broker_silence_s: int = Field(
        5, ge=2, description="Seconds of silence after which the worker makes its connection to the broker anew."
    )
    folder: Path | None = Field(None, description="Folder behind the destination with the id folder; empty: none.")
    folders: dict[str, Path] = Field(
        default_factory=dict, description="Further folders by the id of their destination, as a JSON object."
    )
    threads: int = Field(4, ge=1, description="Deliveries made at once by one worker.")
    call_timeout_s: float = Field(10.0, gt=0, description="Deadline of one call to cases, seconds.")
    attempt_timeout_s: float = Field(
        600.0,
        gt=0,
        description="Seconds after which an attempt that hangs in its destination is given up and another one is made.",
    )
    stop_grace_s: float = Field(5.0, gt=0, description="Seconds that deliveries under way get when the worker stops.")
    heartbeat_s: float = Field(20.0, gt=0, description="Seconds between the worker's messages to itself.")
    heartbeat_lost_s: float = Field(
        60.0, gt=0, description="Seconds without one after which the worker exits to be restarted."
    )
