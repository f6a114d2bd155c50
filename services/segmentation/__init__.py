"""Segmentation: the patient apart from everything else, over time, and the views made from that."""
