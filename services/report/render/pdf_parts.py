"""The sections of the PDF as flowables."""

from __future__ import annotations

import io
from collections.abc import Mapping, Sequence

from reportlab.lib.colors import HexColor, white
from reportlab.platypus import CondPageBreak, Flowable, Image, KeepTogether, Paragraph, Spacer, Table

from services.report.narrative import NOTHING_SEEN
from services.report.render import pdf_style as styles
from services.report.render.pdf_shapes import Mark, OrderStrip, Picture
from services.report.render.pdf_style import markup
from services.report.render.timeline import TIMELINE_LEGEND, lanes, overview
from services.report.render.view import EpisodeView, RecordingView, ReportView, Row, Withheld
from services.report.wording import STATUS_WORDS

_BULLET = "\N{BULLET}"
_ROOM, _STILL_ROOM = 72.0, 150.0
"""Points that must be left on a page for a section to begin there."""
_FLAT = [
    ("LEFTPADDING", (0, 0), (-1, -1), 0), ("RIGHTPADDING", (0, 0), (-1, -1), 4),
    ("TOPPADDING", (0, 0), (-1, -1), 1.5), ("BOTTOMPADDING", (0, 0), (-1, -1), 1.5),
    ("VALIGN", (0, 0), (-1, -1), "TOP"),
]  # fmt: skip


def title_block(view: ReportView, width: float) -> list[Flowable]:
    """Title, patient banner, notices, flags."""
    report = view.report
    stand = "signed" if view.signed else "UNSIGNED"
    stamp = Paragraph(
        markup(f"{stand} \N{MIDDLE DOT} {report.status.value} \N{MIDDLE DOT} version {report.version}"),
        styles.style(9, strong=True, colour=styles.ACCENT if view.signed else styles.WARN, right=True),
    )
    head = Table([[Paragraph("Seizure video: semiology report", styles.TITLE), stamp]], colWidths=[width - 150, 150])
    head.setStyle([*_FLAT, ("VALIGN", (0, 0), (-1, -1), "BOTTOM")])
    parts: list[Flowable] = [head, Spacer(0, 4), _banner(view, width), Spacer(0, 5)]
    notices = [*view.notices, *_unprintable(view)]
    if not view.signed:
        notices.insert(
            0, "UNSIGNED: written by software, not yet read by a clinician. Research use; not for acting on alone."
        )
    parts.append(_box([Paragraph(markup(text), styles.style(9.2, strong=True, after=0)) for text in notices],
                      width, styles.NOTE, styles.NOTE_PAPER))  # fmt: skip
    if report.flags:
        parts += [Spacer(0, 4), _flags(view, width)]
    return parts


def first_page(view: ReportView, width: float) -> list[Flowable]:
    """For the referring physician: what was looked at, conclusion, ordered description, what was not captured."""
    report = view.report
    parts = title_block(view, width)
    parts += _heading("What was looked at, and what could not be")
    for one in view.recordings:
        mine = [episode for episode in view.episodes if episode.episode.recording_id == one.recording.recording.id]
        parts.append(
            KeepTogether([Paragraph(markup(f"{one.summary}."), styles.SMALL), Picture(overview(one, mine, width))])
        )
    parts += [_sentence(sentence.text) for sentence in view.not_captured]
    parts += _heading("Conclusion")
    conclusion = report.sign_off.conclusion if report.sign_off else "None yet: it is typed by the clinician who signs."
    parts.append(Paragraph(markup(conclusion), styles.BODY if report.sign_off else styles.QUIET))
    parts += _heading("What was seen, in order")
    parts += [
        Paragraph(markup(sentence.text), styles.LEAD) if leads else _sentence(sentence.text)
        for sentence, leads in view.description
    ]
    if view.not_judged:
        parts += _heading("Signs that could not be judged")
        parts += [_sentence(sentence.text, small=True) for sentence in view.not_judged]
    parts.append(Paragraph(markup(NOTHING_SEEN), styles.EVIDENT))
    return parts


def coverage(view: ReportView, width: float) -> list[Flowable]:
    """Recording by recording: what it is and what could not be judged in it."""
    return [*_heading("Coverage in detail"), *(KeepTogether(_recording(one, width)) for one in view.recordings)]


def _recording(one: RecordingView, width: float) -> list[Flowable]:
    gaps = [("Not judged because", "for"), *one.gaps] if one.gaps else [("Not judged", "no gap was found")]
    left = _pairs(one.facts, width * 0.5)
    right = _pairs(gaps, width * 0.5)
    table = Table([[left, right]], colWidths=[width * 0.54, width * 0.46])
    table.setStyle(_FLAT)
    return [Paragraph(markup(one.summary), styles.SUBHEADING), table, Spacer(0, 4)]


def episode(view: EpisodeView, width: float, pictures: Mapping[str, bytes]) -> list[Flowable]:
    """Heading, timeline, order, findings table, stills of one episode."""
    shapes = lanes(view, width)
    parts: list[Flowable] = [
        KeepTogether(
            [
                Paragraph(markup(f"{view.heading}: {view.bounds}"), styles.HEADING),
                Picture(shapes),
                Paragraph(markup(TIMELINE_LEGEND), styles.QUIET),
            ]
        )
    ]
    if view.chips:
        strip: list[Flowable] = [Paragraph("Onset order", styles.SUBHEADING), OrderStrip(view.chips, width)]
        note = (
            "Numbers are the possible places. Arrow: certainly later; wave: the onsets overlap, no order is claimed. "
            f"Dashed: possible; ?: side unconfirmed. {view.order_note}"
        )
        parts.append(KeepTogether([*strip, Paragraph(markup(note), styles.QUIET)]))
    parts += [CondPageBreak(_ROOM), Paragraph("Findings", styles.SUBHEADING), *_findings(view, width)]
    stills = [_still(pictures[still.occurrence_id], caption, width) for still, caption in view.stills
              if still.occurrence_id in pictures]  # fmt: skip
    if stills:
        parts += [CondPageBreak(_STILL_ROOM), Paragraph("Evidence stills", styles.SUBHEADING), *_grid(stills, width)]
    return parts


def _findings(view: EpisodeView, width: float) -> list[Flowable]:
    parts: list[Flowable] = []
    if view.rows:
        parts.append(_rows(view.rows, width))
    else:
        parts.append(Paragraph(markup("No sign is stated or called possible."), styles.BODY))
    if view.disputes:
        parts += [Paragraph("Engines disagree", styles.SUBHEADING)]
        parts += [Paragraph(markup(one), styles.ITEM_SMALL, bulletText=_BULLET) for one in view.disputes]
    if view.withheld:
        parts += [Spacer(0, 5), _groups(view.withheld, width)]
    return parts


def _rows(rows: Sequence[Row], width: float) -> Table:
    head = ["", "Status", "Sign", "Begins", "Ends", "Length", "Phase", "Judged over"]
    body = [
        [
            Mark(row.status),
            Paragraph(STATUS_WORDS[row.status], styles.CELL_STRONG),
            [Paragraph(markup(row.title), styles.CELL_STRONG), Paragraph(markup(row.place), styles.CELL_QUIET)],
            Paragraph(markup(row.onset), styles.CELL),
            Paragraph(markup(row.offset), styles.CELL),
            Paragraph(markup(row.duration), styles.CELL),
            Paragraph(markup(row.phase), styles.CELL),
            Paragraph(markup(row.assessable), styles.CELL_QUIET),
        ]
        for row in rows
    ]  # fmt: skip
    widths = _shares(width, (0.03, 0.095, 0.28, 0.145, 0.145, 0.08, 0.105, 0.12))
    table = Table([[Paragraph(text, styles.LABEL) for text in head], *body], colWidths=widths, repeatRows=1)
    table.setStyle([*_FLAT, *_lines(len(body)), ("TOPPADDING", (0, 1), (0, -1), 3.2)])
    return table


def _groups(groups: Sequence[Withheld], width: float) -> Table:
    body = []
    for group in groups:
        words = [Paragraph(markup(", ".join(group.titles)), styles.CELL)]
        words += [Paragraph(markup(remark), styles.CELL_QUIET) for remark in group.remarks]
        body.append(
            [
                Mark(group.status),
                Paragraph(markup(group.label), styles.CELL_STRONG),
                Paragraph(markup(group.reason), styles.CELL),
                words,
            ]
        )
    head = ["", "Status", "Why, or over what time", "Signs"]
    widths = _shares(width, (0.03, 0.13, 0.25, 0.59))
    table = Table([[Paragraph(text, styles.LABEL) for text in head], *body], colWidths=widths, repeatRows=1)
    table.setStyle([*_FLAT, *_lines(len(body)), ("TOPPADDING", (0, 1), (0, -1), 3.2)])
    return table


def entered(view: ReportView, width: float) -> list[Flowable]:
    """Testing and interventions that people entered; nothing when there are none."""
    if not view.entered:
        return []
    head = [Paragraph(text, styles.LABEL) for text in ("When", "What", "Asked", "Response", "Entered by")]
    body = [[Paragraph(markup(cell), styles.CELL) for cell in cells] for cells in view.entered]
    table = Table([head, *body], colWidths=_shares(width, (0.2, 0.18, 0.24, 0.24, 0.14)), repeatRows=1)
    table.setStyle([*_FLAT, *_lines(len(body))])
    return [*_heading("Testing and interventions, entered by people"), table]


def methods(view: ReportView, width: float) -> list[Flowable]:
    """Localization aid or refusal, engines with versions, limits."""
    report = view.report
    parts = _heading("Regions reported with these signs (symptomatogenic, not epileptogenic, zone)")
    if report.aid.refusal:
        parts.append(Paragraph(markup(f"Not given. {report.aid.refusal}"), styles.BODY))
    parts += [_sentence(note) for note in report.aid.notes]
    parts += _heading("Methods and versions")
    head = [Paragraph(text, styles.LABEL) for text in ("Engine", "Version", "Learned from", "Digest (SHA-256)")]
    body = [[Paragraph(markup(cell if column < 3 else f"{cell[:16]}\N{HORIZONTAL ELLIPSIS}"), styles.CELL)
             for column, cell in enumerate(engine)] for engine in view.engines]  # fmt: skip
    table = Table([head, *body], colWidths=_shares(width, (0.26, 0.14, 0.3, 0.3)), repeatRows=1)
    table.setStyle([*_FLAT, *_lines(len(body))])
    parts += [table, Paragraph(markup(view.versions), styles.QUIET)]
    parts += [*_heading("Limits"), *(_sentence(limit) for limit in report.limits)]
    return parts


def rationales(view: ReportView) -> list[Flowable]:
    """What the engines wrote about their findings, marked as machine-written."""
    rows = [(one, row) for one in view.episodes for row in one.rows if row.rationale]
    if not rows:
        return []
    parts = _heading("Measured, in the engines' own words (machine-written)")
    for one, row in rows:
        lead = f"<b>{markup(f'Episode {one.number}, {row.title}')}</b> ({markup(row.score)}): " if row.score else ""
        parts.append(Paragraph(lead + markup(row.rationale), styles.ITEM_SMALL, bulletText=_BULLET))
    return parts


def sign_off(view: ReportView, width: float) -> Flowable:
    """Who signed and when, or the empty lines to do so."""
    signed = view.report.sign_off
    values = [
        ("Conclusion", signed.conclusion if signed else ""),
        ("Name and role", signed.signer_name if signed else ""),
        ("Date and time", signed.signed_at if signed else ""),
        ("Signature", ""),
    ]
    rows = [[Paragraph(markup(label), styles.LABEL), Paragraph(markup(value), styles.BODY)] for label, value in values]
    table = Table(rows, colWidths=[90, width - 90], rowHeights=[54, 24, 24, 34])
    table.setStyle([*_FLAT, ("VALIGN", (0, 0), (-1, -1), "BOTTOM"),
                    *[("LINEBELOW", (1, row), (1, row), 0.6, styles.MUTED) for row in range(4)]])  # fmt: skip
    title = "Signed" if signed else "Sign-off: not signed"
    return KeepTogether([Paragraph(title, styles.HEADING), table])


def _banner(view: ReportView, width: float) -> Table:
    cells = [
        [Paragraph(markup(label), styles.LABEL), Paragraph(markup(value), styles.VALUE)] for label, value in view.banner
    ]
    rows = [cells[index : index + 3] for index in range(0, len(cells), 3)]
    table = Table(rows, colWidths=_shares(width, (0.38, 0.34, 0.28)))
    table.setStyle(
        [
            ("BOX", (0, 0), (-1, -1), 0.9, styles.INK), ("BACKGROUND", (0, 0), (-1, -1), white),
            ("VALIGN", (0, 0), (-1, -1), "TOP"), ("TOPPADDING", (0, 0), (-1, -1), 3),
            ("BOTTOMPADDING", (0, 0), (-1, -1), 4), ("LEFTPADDING", (0, 0), (-1, -1), 7),
        ]
    )  # fmt: skip
    return table


def _unprintable(view: ReportView) -> list[str]:
    """A warning where a name or number has letters that the font lacks: a wrong name must not look right."""
    whole = all(styles.drawable(value) == value for _, value in view.banner)
    return [] if whole else ["Letters shown as ? cannot be printed here; the web page and report.json have them."]


def _flags(view: ReportView, width: float) -> Table:
    numbers = {one.episode.id: one.number for one in view.episodes}
    lines = []
    for flag in view.report.flags:
        place = f" Episode {numbers[flag.episode_id]}." if flag.episode_id in numbers else ""
        lines.append(
            Paragraph(markup(f"{flag.text}{place}"), styles.style(9.2, strong=True, after=0, colour=styles.WARN))
        )
    return _box(lines, width, styles.WARN, styles.WARN_PAPER)


def _box(lines: Sequence[Flowable], width: float, edge: HexColor, paper: HexColor) -> Table:
    table = Table([[list(lines)]], colWidths=[width])
    table.setStyle(
        [
            ("LINEBEFORE", (0, 0), (0, -1), 4, edge, "butt"), ("BACKGROUND", (0, 0), (-1, -1), paper),
            ("LEFTPADDING", (0, 0), (-1, -1), 10), ("TOPPADDING", (0, 0), (-1, -1), 4),
            ("BOTTOMPADDING", (0, 0), (-1, -1), 5),
        ]
    )  # fmt: skip
    return table


def _pairs(pairs: Sequence[tuple[str, str]], width: float) -> Table:
    rows = [
        [Paragraph(markup(label), styles.CELL_QUIET), Paragraph(markup(value), styles.CELL)] for label, value in pairs
    ]
    table = Table(rows, colWidths=[width * 0.38, width * 0.6])
    table.setStyle(_FLAT)
    return table


def _still(jpeg: bytes, caption: str, width: float) -> list[Flowable]:
    image = Image(io.BytesIO(jpeg))
    scale = (width / 3 - 8) / image.imageWidth
    image.drawWidth, image.drawHeight = image.imageWidth * scale, image.imageHeight * scale
    image.hAlign = "LEFT"
    return [image, Paragraph(markup(caption), styles.QUIET)]


def _grid(cells: Sequence[list[Flowable]], width: float) -> list[Flowable]:
    tables: list[Flowable] = []
    for index in range(0, len(cells), 3):
        row = [*cells[index : index + 3], *([[]] * 3)][:3]
        table = Table([row], colWidths=[width / 3] * 3)
        table.setStyle(_FLAT)
        tables.append(table)
    return tables


def _heading(text: str) -> list[Flowable]:
    """A heading that does not stand alone at the foot of a page."""
    return [CondPageBreak(_ROOM), Paragraph(markup(text), styles.HEADING)]


def _sentence(text: str, *, small: bool = False) -> Paragraph:
    return Paragraph(markup(text), styles.ITEM_SMALL if small else styles.ITEM, bulletText=_BULLET)


def _shares(width: float, shares: Sequence[float]) -> list[float]:
    return [width * share for share in shares]


def _lines(count: int) -> list[tuple[object, ...]]:
    return [("LINEBELOW", (0, 0), (-1, 0), 0.8, styles.INK), ("LINEBELOW", (0, 1), (-1, count), 0.4, styles.RULE)]
