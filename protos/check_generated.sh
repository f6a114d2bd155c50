#!/usr/bin/env bash
# Fails when protos/gen is not what protos/ictogram generates.
set -euo pipefail
cd "$(dirname "$0")/.."
fresh="$(mktemp -d)"
trap 'rm -rf "$fresh"' EXIT
bash protos/generate.sh "$fresh"
if ! diff -rq --exclude=__pycache__ "$fresh/ictogram" protos/gen/ictogram; then
  echo "protos/gen is out of date. Run: make protos" >&2
  exit 1
fi
