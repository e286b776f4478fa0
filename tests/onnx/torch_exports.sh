#!/bin/sh
# torch_exports.py LINNET with a Python that has Debian's torch and PyPI's onnxruntime; the latter in
# .venv-onnx, made on first use.
set -eu
here=$(cd "$(dirname "$0")" && pwd)
venv=$here/../../.venv-onnx
if ! /usr/bin/python3 -c 'import torch, torchvision' 2>/dev/null; then
    echo 'skipped: python3-torch and python3-torchvision are not installed (apt-get install them)'
    exit 77
fi
if [ ! -x "$venv/bin/python" ]; then
    /usr/bin/python3 -m venv --system-site-packages "$venv" || {
        echo 'skipped: no virtual environment here (python3-venv)'
        exit 77
    }
fi
if ! "$venv/bin/python" -c 'import onnxruntime' 2>/dev/null; then
    "$venv/bin/pip" install -q --disable-pip-version-check onnxruntime==1.16.3 || {
        echo 'skipped: pip install onnxruntime==1.16.3 failed'
        exit 77
    }
fi
exec "$venv/bin/python" "$here/torch_exports.py" "$@"
