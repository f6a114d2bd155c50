"""``python -m services.launcher`` is the command ``ictogram``; the supervisor starts its processes this way."""

from services.launcher.cli import main
from services.launcher.supervisor import die_with_supervisor

die_with_supervisor()
main()
