"""Intake: opens a recording once, checks it, measures it and leaves the normalised copy that all later steps read."""
