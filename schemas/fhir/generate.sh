#!/bin/sh
# Writes the code systems, extensions and maps of schemas/fhir from the catalogue and gateway/fhir.
set -eu
cd "$(dirname "$0")/../.."
exec "${PYTHON:-.venv/bin/python}" -m gateway.fhir.publish schemas/fhir
