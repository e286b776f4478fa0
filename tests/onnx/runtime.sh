#!/bin/sh
# A script with PyPI's onnx and ONNX Runtime, in .venv-onnx, made on first use, which sees Debian's
# packages too (torch): runtime.sh SCRIPT ARGUMENT...
set -eu
here=$(cd "$(dirname "$0")" && pwd)
venv=$here/../../.venv-onnx
stamp=$venv/requirements.txt
(
    flock 9
    cmp -s "$here/requirements.txt" "$stamp" && exit 0
    /usr/bin/python3 -m venv --system-site-packages "$venv" || {
        echo 'skipped: no virtual environment here (python3-venv)'
        exit 77
    }
    "$venv/bin/pip" install -q --disable-pip-version-check -r "$here/requirements.txt" || {
        echo 'skipped: pip install of tests/onnx/requirements.txt failed'
        exit 77
    }
    cp "$here/requirements.txt" "$stamp"
) 9>"$here/../../.venv-onnx.lock" || exit $?
exec "$venv/bin/python" "$@"
