"""All SQL of ictogram. Functions take an open transaction and do one thing in it.

Rows are always locked in the order run, steps, case, so that no two transactions wait for each other in a ring.
"""
