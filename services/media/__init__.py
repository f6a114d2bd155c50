"""Video and audio: one decoder for all of ictogram, and the files that masks and tracks travel in."""
