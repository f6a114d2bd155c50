"""Scoring of predictions against ground truth."""
