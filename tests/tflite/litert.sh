#!/bin/sh
# pytest with PyPI's LiteRT, in .venv-tflite, made on first use: litert.sh TEST...
set -eu
here=$(cd "$(dirname "$0")" && pwd)
venv=$here/../../.venv-tflite
stamp=$venv/requirements.txt
(
    flock 9
    cmp -s "$here/requirements.txt" "$stamp" && exit 0
    /usr/bin/python3 -m venv "$venv" || {
        echo 'skipped: no virtual environment here (python3-venv)'
        exit 77
    }
    "$venv/bin/pip" install -q --disable-pip-version-check -r "$here/requirements.txt" || {
        echo 'skipped: pip could not install what tests/tflite/requirements.txt names'
        exit 77
    }
    cp "$here/requirements.txt" "$stamp"
) 9>"$here/../../.venv-tflite.lock" || exit $?
exec "$venv/bin/python" -m pytest -q -p no:cacheprovider -rs "$@"
