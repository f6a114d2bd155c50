"""The roof of the house: the command line, and the embedded stack that runs everything on one machine."""
