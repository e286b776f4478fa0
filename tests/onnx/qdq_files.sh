#!/bin/sh
# qdq_files.py LINNET with PyPI's onnx and onnxruntime, in .venv-qdq, made on first use.
set -eu
here=$(cd "$(dirname "$0")" && pwd)
venv=$here/../../.venv-qdq
if [ ! -x "$venv/bin/python" ]; then
    /usr/bin/python3 -m venv "$venv" || {
        echo 'skipped: no virtual environment here (python3-venv)'
        exit 77
    }
fi
if ! "$venv/bin/python" -c 'import onnxruntime, onnx' 2>/dev/null; then
    "$venv/bin/pip" install -q --disable-pip-version-check onnxruntime==1.16.3 onnx==1.15.0 'numpy<2' || {
        echo 'skipped: pip install onnxruntime==1.16.3 onnx==1.15.0 failed'
        exit 77
    }
fi
exec "$venv/bin/python" "$here/qdq_files.py" "$@"
