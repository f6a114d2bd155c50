"""Where the command ``ictogram`` begins: Ctrl-C while the rest is still being loaded ends it without a word."""

from __future__ import annotations

import signal


def main() -> None:
    """Load the command line and run it."""
    signal.signal(signal.SIGINT, signal.SIG_DFL)  # nothing has been started that would have to be stopped
    from services.launcher.cli import main as run

    signal.signal(signal.SIGINT, signal.default_int_handler)
    run()
