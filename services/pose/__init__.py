"""Where a person's joints are in a still picture: BlazePose, on the processor, with weights that come along.

`finder.py` finds people and their joints in one still; `network.py` holds the two networks; `weights/` their files,
with where they come from.
"""
