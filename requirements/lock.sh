#!/usr/bin/env bash
# Rewrites the locks (names, versions and hashes only). Run after changing dependencies in pyproject.toml: make lock
set -euo pipefail
cd "$(dirname "$0")/.."
compile() { "${UV:-uv}" pip compile pyproject.toml --universal --generate-hashes --no-header --no-annotate --quiet --output-file "requirements/$1.lock" "${@:2}"; }
compile base
compile embedded --extra embedded
compile dev --extra embedded --extra research --extra s3 --extra dev
compile vision --extra vision
