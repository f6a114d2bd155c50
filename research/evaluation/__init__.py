"""Scoring of predictions (``report.json``) against ground truth: events, signs, sides, order, false alarms."""
