"""Monitoring: a camera's stream in, probabilities and alarms out. In this version it only says what it is."""
