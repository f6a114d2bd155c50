"""Scores of reports against known truth, as published studies score: ``python -m research.evaluation.compare FOLDER``.

Reads what ``ictogram analyze`` wrote: for each ``NAME.truth.json`` in the folder there is ``NAME/report.json``.
"""

from __future__ import annotations

import argparse
from pathlib import Path

from rich.console import Console

from research.evaluation.prediction import load_prediction
from research.evaluation.score import Scored
from research.evaluation.studies import feature_scores, segment_scores
from research.evaluation.table import feature_table, segment_table
from research.phantom.truth import load_truth
from schemas.errors import InvalidRequestError

TRUTH = ".truth.json"


def read(folder: Path) -> list[Scored]:
    """Every recording with its truth. Raises `InvalidRequestError` when none is there or a report is missing."""
    names = sorted(path.name.removesuffix(TRUTH) for path in folder.glob(f"*{TRUTH}"))
    if not names:
        raise InvalidRequestError(f"There is no *{TRUTH} in {str(folder)!r}; each recording needs one.")
    items = []
    for name in names:
        report = folder / name / "report.json"
        if not report.is_file():
            raise InvalidRequestError(f"{name}{TRUTH} has no {name}/report.json beside it.")
        items.append(Scored(name, load_truth(folder / f"{name}{TRUTH}"), load_prediction(report)))
    return items


def main() -> None:
    """Command line."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folder", type=Path, help="NAME.truth.json and NAME/report.json of each recording")
    items = read(parser.parse_args().folder)
    console = Console(width=160)
    console.print(segment_table(segment_scores(items)))
    console.print(feature_table(feature_scores(items)))


if __name__ == "__main__":
    main()
