"""What the routes share while the gateway runs."""

from __future__ import annotations

import asyncio
import time
from collections import OrderedDict
from dataclasses import dataclass, field
from typing import Annotated

from fastapi import Depends, Request

from gateway.auth import Authenticator, Identity
from gateway.cases import CasesClient, ReportBundle
from gateway.local import LocalAccess
from gateway.settings import GatewaySettings
from gateway.uploads.shelf import Shelf
from services.runtime.objects import ObjectStore

_KEPT_REPORTS = 64
_KEPT_LATEST_S = 2.0
"""The latest version may change (a re-run); a player's next range request must not ask again, though."""


class Reports:
    """Report versions asked for lately. A version never changes, so only "the latest" has to be asked for again."""

    def __init__(self, cases: CasesClient) -> None:
        self._cases = cases
        self._kept: OrderedDict[tuple[str, str, str, int, bool], tuple[float, ReportBundle]] = OrderedDict()

    async def get(self, caller: Identity, case_id: str, version: int, *, for_media: bool = False) -> ReportBundle:
        """One version of a case's report, the latest when 0; see `CasesClient.report`.

        The caller is part of the key: nothing crosses sites, and everybody's first look stands in the audit.
        """
        key = (caller.site_id, caller.actor, case_id, version, for_media)
        known = self._kept.get(key)
        if known and (version or time.monotonic() - known[0] < _KEPT_LATEST_S):
            self._kept.move_to_end(key)
            return known[1]
        bundle = await self._cases.report(caller, case_id, version, for_media=for_media)
        self._kept[key] = (time.monotonic(), bundle)
        while len(self._kept) > _KEPT_REPORTS:
            self._kept.popitem(last=False)
        return bundle


@dataclass(frozen=True, slots=True)
class Context:
    """The gateway's parts."""

    settings: GatewaySettings
    authenticator: Authenticator
    local: LocalAccess | None
    cases: CasesClient
    reports: Reports
    shelf: Shelf
    store: ObjectStore
    stopping: asyncio.Event = field(default_factory=asyncio.Event)
    """Set when the process is asked to stop: long streams end then."""


def context_of(request: Request) -> Context:
    """The parts of the gateway that serves a request."""
    context = request.app.state.context
    assert isinstance(context, Context)
    return context


Parts = Annotated[Context, Depends(context_of)]
"""Dependency that gives a route the gateway's parts."""
