"""The vocabulary of the house: frozen dataclasses and data files.

No I/O, and no import of anything else of ours. Every time in here is in **seconds from the first frame of the
recording** unless its name ends in ``_us`` (microseconds of the source's presentation clock) or ``_at`` (an absolute
instant with a time zone).
"""
