#!/usr/bin/env bash
# Makes the two networks here from the wheel that carries them. Needed only when they are to be made anew; needs a
# package index and a gigabyte of disk for the converter. Usage: services/pose/weights/make.sh FOLDER
set -euo pipefail
here="$(cd "$(dirname "$0")" && pwd)"
work="$(realpath -m "${1:?say where to work: services/pose/weights/make.sh FOLDER}")"
mkdir -p "$work"
python3 -m venv "$work/venv"
"$work/venv/bin/pip" install --quiet tensorflow-cpu==2.19.1 tf2onnx==1.17.0 onnx==1.22.0 ai-edge-litert==2.3.0
"$work/venv/bin/pip" download --quiet --no-deps --dest "$work" --only-binary :all: --python-version 3.11 \
  --platform manylinux_2_28_x86_64 mediapipe==0.10.21
python3 -m zipfile -e "$work"/mediapipe-0.10.21-*.whl "$work/wheel"
models="$work/wheel/mediapipe/modules"
sha256sum --check --quiet <<EOF
9ba9dd3d42efaaba86b4ff0122b06f29c4122e756b329d89dca1e297fd8f866c  $models/pose_detection/pose_detection.tflite
e9a5c5cb17f736fafd4c2ec1da3b3d331d6edbe8a0d32395855aeb2cdfd64b9f  $models/pose_landmark/pose_landmark_full.tflite
EOF
convert() { # what it is called there, what it is called here
  "$work/venv/bin/python" "$here/convert.py" dense "$models/$1" "$work/dense.tflite"
  "$work/venv/bin/python" -m tf2onnx.convert --opset 13 --tflite "$work/dense.tflite" --output "$work/whole.onnx"
  "$work/venv/bin/python" "$here/convert.py" half "$work/whole.onnx" "$here/$2"
}
convert pose_detection/pose_detection.tflite person_detector.onnx
convert pose_landmark/pose_landmark_full.tflite pose_landmarks.onnx
sha256sum "$here"/*.onnx
