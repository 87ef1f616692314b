#!/usr/bin/env sh
# requirements/*.in -> one resolution -> a hashed file per part, so that the parts never disagree.
# Run by `make requirements` (add UPGRADE=1 for newer versions).
set -eu
cd "$(dirname "$0")/.."
uv=.venv/bin/uv
all=requirements/all.lock
flags="--universal --python-version 3.11 --only-binary :all: --quiet --custom-compile-command"
$uv pip compile $flags "make requirements" --no-annotate ${UPGRADE:+--upgrade} requirements/*.in -o "$all"
for part in services azure local tests quality uv; do
    $uv pip compile $flags "make requirements" --generate-hashes --no-annotate -c "$all" "requirements/$part.in" -o "requirements/$part.txt"
done
$uv pip compile $flags "make requirements" --generate-hashes --no-annotate -c "$all" requirements/infra.in -o requirements.txt
