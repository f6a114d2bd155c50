"""The PDF: A4 or Letter, embedded type, the same bytes for the same report."""

from __future__ import annotations

import io
from collections.abc import Mapping

from reportlab import rl_config
from reportlab.lib.pagesizes import A4, LETTER
from reportlab.platypus import BaseDocTemplate, Flowable, Frame, PageTemplate

from schemas.report import Report
from services.report.job import PageSize
from services.report.render import pdf_parts
from services.report.render.pdf_pages import BOTTOM, MARGIN, TOP, canvas_class, under_page
from services.report.render.pdf_style import register_fonts
from services.report.render.view import ReportView, view_of

_SIZES = {PageSize.A4: A4, PageSize.LETTER: LETTER}


def render_pdf(report: Report, pictures: Mapping[str, bytes], page_size: PageSize = PageSize.A4) -> bytes:
    """The report as PDF. `pictures`: JPEG bytes under occurrence ids."""
    register_fonts()
    rl_config.invariant = 1
    view = view_of(report)
    size = _SIZES[page_size]
    width = size[0] - 2 * MARGIN
    buffer = io.BytesIO()
    document = BaseDocTemplate(
        buffer,
        pagesize=size,
        title=f"Seizure video semiology report {report.id} version {report.version}",
        author="ictogram",
        subject="UNSIGNED" if not view.signed else "signed",
        lang="en",
        pageCompression=1,
    )
    frame = Frame(MARGIN, BOTTOM, width, size[1] - TOP - BOTTOM, 0, 0, 0, 0)
    document.addPageTemplates(
        PageTemplate("report", [frame], onPage=lambda canvas, _: under_page(canvas, view, size), pagesize=size)
    )
    document.build(_story(view, width, pictures), canvasmaker=canvas_class(view, size[0]))
    return buffer.getvalue()


def _story(view: ReportView, width: float, pictures: Mapping[str, bytes]) -> list[Flowable]:
    story = pdf_parts.first_page(view, width)
    story += pdf_parts.coverage(view, width)
    for one in view.episodes:
        story += pdf_parts.episode(one, width, pictures)
    story += pdf_parts.entered(view, width)
    story += pdf_parts.methods(view, width)
    story += pdf_parts.rationales(view)
    story.append(pdf_parts.sign_off(view, width))
    return story
