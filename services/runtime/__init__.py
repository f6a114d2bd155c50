"""What every process of ictogram shares: settings, errors, objects, computing, gRPC, logs and telemetry.

Knows `schemas` and the generated stubs, and no service.
"""

import os

# gRPC's core would write lines of its own between our JSON lines; what goes wrong there reaches us as a status anyway.
# Must stand before the first import of grpc.
os.environ.setdefault("GRPC_VERBOSITY", "NONE")
