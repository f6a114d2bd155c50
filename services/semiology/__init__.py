"""Semiology: proposes episodes in a recording and answers for every sign of the catalogue."""
