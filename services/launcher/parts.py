"""The single parts of ictogram, as ``ictogram serve``, ``work`` and ``migrate`` run them in production."""

from __future__ import annotations

import asyncio
import importlib

from schemas.errors import InvalidRequestError

GRPC_SERVICES = {
    name: f"services.{name}.servicer"
    for name in ("intake", "segmentation", "semiology", "localization", "report", "monitoring", "cases")
}
"""Service name and the module whose ``serve()`` runs it."""
SETTINGS_MODULES = (
    "services.runtime.settings",
    *(f"services.{name}.settings" for name in GRPC_SERVICES),
    "services.segmentation.engines.sam2.settings",
    "services.semiology.engines.vlm.settings",
    "services.semiology.engines.audio.settings",
    "gateway.settings",
    "gateway.delivery.settings",
)
"""Modules that define settings; all are imported before the environment is checked."""


def serve(service: str) -> None:
    """Run one service in this process until SIGTERM.

    Raises InvalidRequestError: there is no such service, or an ``ICTOGRAM_*`` variable is no setting.
    """
    check_settings()
    if service == "gateway":
        from gateway.app import serve as serve_gateway

        serve_gateway()
    elif service in GRPC_SERVICES:
        asyncio.run(importlib.import_module(GRPC_SERVICES[service]).serve())
    else:
        raise InvalidRequestError(
            f"there is no service '{service}'; the services are {', '.join(GRPC_SERVICES)} and gateway"
        )


def work(queue: str) -> None:
    """Run a worker until SIGTERM: ``journey`` takes every step, a step's name that one, ``delivery`` deliveries."""
    check_settings()
    if queue == "delivery":
        from gateway.delivery.worker import work as work_deliveries

        work_deliveries()
    else:
        from services.cases.journey import work as work_steps

        work_steps(queue)


def migrate() -> None:
    """Bring the database that the settings name to this version's schema."""
    check_settings()
    from services.cases.migrate import migrate as run
    from services.cases.settings import CasesSettings

    run(CasesSettings.load().database)


def check_settings() -> None:
    """Refuse ``ICTOGRAM_*`` variables that no part knows: a misspelt setting must not be silent."""
    from services.runtime.settings import check_environment

    _import_settings()
    check_environment()


def settings_table() -> str:
    """Every setting as Markdown, for ``docs/operations.md``."""
    from services.runtime.settings import Settings, markdown_table

    _import_settings()
    ours = [cls for cls in Settings.registered if cls.__module__ in SETTINGS_MODULES]
    # By part, whatever was imported first.
    return markdown_table(sorted(ours, key=lambda cls: SETTINGS_MODULES.index(cls.__module__)))


def _import_settings() -> None:
    for module in SETTINGS_MODULES:
        importlib.import_module(module)
