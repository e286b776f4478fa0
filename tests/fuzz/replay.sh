#!/bin/sh
# replay.sh PYTHON PROGRAM COUNT KIND: the program on every seed of that kind.
set -e
here=$(dirname "$0")
seeds=$(mktemp -d)
trap 'rm -rf "$seeds"' EXIT
if ! "$1" -c 'import PIL' 2>/dev/null; then
    echo "skip: no PIL to make the seeds with"
    exit 77
fi
"$1" "$here/seeds.py" "$seeds"
"$2" "$3" "$seeds/$4"/*
