"""Report: one model and its renderings as JSON, HTML and PDF."""
