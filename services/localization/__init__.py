"""Localization: in which order the signs began, and the aid that literature tables may give (or why it is refused)."""
