"""The HTML page: one file with style, pictures and stills inside, no script, nothing fetched."""

from __future__ import annotations

import base64
from collections.abc import Mapping
from functools import cache

from jinja2 import Environment, PackageLoader, StrictUndefined, Template
from markupsafe import Markup

from schemas.report import Report
from services.report.narrative import NOTHING_SEEN
from services.report.render.svg import PATTERNS, svg
from services.report.render.timeline import TIMELINE_LEGEND, lanes, overview
from services.report.render.view import ReportView, view_of
from services.report.wording import STATUS_WORDS, unbroken

PICTURE_WIDTH = 640.0


def render_html(report: Report, pictures: Mapping[str, bytes]) -> bytes:
    """The report as UTF-8 HTML. `pictures`: JPEG bytes under occurrence ids."""
    view = view_of(report)
    text = page_template().render(
        view=view,
        report=report,
        nothing_seen=NOTHING_SEEN,
        legend=TIMELINE_LEGEND,
        patterns=Markup(PATTERNS),  # noqa: S704 (our own constant)
        overviews=_overviews(view),
        lanes={one.episode.id: Markup(svg(lanes(one, PICTURE_WIDTH))) for one in view.episodes},  # noqa: S704 (escaped)
        stills={key: f"data:image/jpeg;base64,{base64.b64encode(jpeg).decode()}" for key, jpeg in pictures.items()},
        status_words=STATUS_WORDS,
        numbers={one.episode.id: one.number for one in view.episodes},
    )
    return text.encode()


def _overviews(view: ReportView) -> dict[str, Markup]:
    return {
        one.recording.recording.id: Markup(  # noqa: S704 (escaped where it is made)
            svg(
                overview(
                    one,
                    [each for each in view.episodes if each.episode.recording_id == one.recording.recording.id],
                    PICTURE_WIDTH,
                )
            )
        )
        for one in view.recordings
    }


@cache
def page_template() -> Template:
    """The page's template, compiled once per process."""
    environment = Environment(
        loader=PackageLoader("services.report.render"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters["unbroken"] = unbroken
    return environment.get_template("report.html.j2")
