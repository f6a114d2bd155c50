"""``python -m services.launcher`` is the command ``ictogram``."""

from services.launcher.cli import main

main()
