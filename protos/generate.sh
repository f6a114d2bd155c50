#!/usr/bin/env bash
# Regenerates protos/gen from protos/ictogram (checked in; `make check` fails on any difference).
set -euo pipefail
cd "$(dirname "$0")/.."
python="${PYTHON:-.venv/bin/python}"
out="${1:-protos/gen}"
mkdir -p "$out"
find protos/ictogram -name '*.proto' -print0 | sort -z | xargs -0 "$python" -m grpc_tools.protoc \
  -I protos --python_out="$out" --pyi_out="$out" --grpc_python_out="$out"
touch "$out/ictogram/py.typed"
