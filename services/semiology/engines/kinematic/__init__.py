"""The training-free engine: movement measured by dense optical flow, judged by rules taken from physiology.

flow (movement per cell) → body (head end, sides, parts) → rhythm (jerk trains) and posture (head, tonic, activity) →
signs (what each measurement says of which sign) → episodes (which of it is a candidate seizure).
"""
