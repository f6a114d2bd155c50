"""Renderings of the one model: HTML and PDF, from one view and one timeline."""
