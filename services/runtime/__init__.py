"""What every process of ictogram shares: settings, errors, objects, computing, gRPC, logs and telemetry.

Knows `schemas` and the generated stubs, and no service.
"""
