"""Vision-language models: every sign of the catalogue as a yes/no question about windows of the view that shows it."""
