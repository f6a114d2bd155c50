"""Timeline canvases as inline SVG; colours come from the page's style, so that they follow light and dark."""

from __future__ import annotations

from html import escape

from services.report.render.timeline import Canvas, Label, Rect

PATTERNS = """\
<svg class="patterns" width="0" height="0" aria-hidden="true"><defs>
<pattern id="stripes" width="5" height="5" patternUnits="userSpaceOnUse" patternTransform="rotate(45)">\
<rect class="paper" width="5" height="5"/><rect class="ink" width="2" height="5"/></pattern>
<pattern id="crosses" width="4" height="4" patternUnits="userSpaceOnUse" patternTransform="rotate(45)">\
<rect class="paper" width="4" height="4"/><path class="thread" d="M0 0H4M0 0V4"/></pattern>
</defs></svg>"""
"""Definitions that every picture of a page refers to; stands once in the page."""


def svg(canvas: Canvas) -> str:
    """One picture with its words as accessible name."""
    body = "".join([*(_rect(rect) for rect in canvas.rects), *(_label(label) for label in canvas.labels)])
    return (
        f'<svg class="timeline" viewBox="0 0 {_n(canvas.width)} {_n(canvas.height)}" role="img" '
        f'aria-label="{escape(canvas.summary)}">{body}</svg>'
    )


def _rect(rect: Rect) -> str:
    place = f'x="{_n(rect.x)}" y="{_n(rect.y)}" width="{_n(rect.width)}" height="{_n(rect.height)}"'
    return f'<rect class="f-{rect.fill.value}" {place}/>'


def _label(label: Label) -> str:
    strong = ' class="strong"' if label.strong else ""
    place = f'x="{_n(label.x)}" y="{_n(label.y)}" font-size="{_n(label.size)}" text-anchor="{label.anchor}"'
    return f"<text{strong} {place}>{escape(label.text)}</text>"


def _n(value: float) -> str:
    return f"{value:.2f}".rstrip("0").rstrip(".")
