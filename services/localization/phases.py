"""In which part of the episode an occurrence begins.

The rule, with ``t`` the occurrence's onset interval and all bounds taken so that only the certain is said:

* **post-ictal**: the end of the episode was captured and ``t`` lies certainly at or after it;
* **initial**: the onset of the episode was captured and ``t`` ends no later than ``initial_phase_s`` after the earliest
  possible onset of the episode;
* **subsequent**: ``t`` begins later than ``initial_phase_s`` after the latest possible onset and certainly before the
  end of the episode;
* otherwise **unknown**.

An episode that was already going on when it came into view began at the latest there, so late signs can still be called
subsequent while none can be called initial. The default is `schemas.semiology.INITIAL_PHASE_S`.
"""

from __future__ import annotations

from schemas.semiology import Author, Episode, Occurrence, Phase


def phase_of(occurrence: Occurrence, episode: Episode, initial_phase_s: float) -> Phase:
    """The phase in which `occurrence` begins; a phase that a reader gave is kept."""
    if occurrence.author is Author.READ and occurrence.phase is not Phase.UNKNOWN:
        return occurrence.phase
    onset = occurrence.onset_s
    if episode.offset_captured and onset.lo >= episode.offset_s.hi:
        return Phase.UNKNOWN if occurrence.censored_left else Phase.POST_ICTAL
    if episode.onset_captured and onset.hi <= episode.onset_s.lo + initial_phase_s:
        return Phase.INITIAL
    certainly_before_end = not episode.offset_captured or onset.hi < episode.offset_s.lo
    certainly_late = onset.lo > episode.onset_s.hi + initial_phase_s and not occurrence.censored_left
    return Phase.SUBSEQUENT if certainly_late and certainly_before_end else Phase.UNKNOWN
