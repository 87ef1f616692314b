#!/usr/bin/env sh
# requirements/*.txt -> .venv, in seconds where the package cache is warm. Run by `make setup`, and by every target that
# needs it; does nothing when the files have not changed since.
set -eu
cd "$(dirname "$0")/.."
files="requirements.txt requirements/services.txt requirements/local.txt requirements/tests.txt requirements/quality.txt"

python=${PYTHON:-}
if [ -z "$python" ]; then
    for candidate in python3.11 python3.12 python3 python; do
        if command -v "$candidate" >/dev/null 2>&1 &&
            "$candidate" -c 'import sys; sys.exit(not (3, 11) <= sys.version_info < (3, 13))' 2>/dev/null; then
            python=$candidate
            break
        fi
    done
fi
if [ -z "$python" ] || ! "$python" -c 'import sys; sys.exit(not (3, 11) <= sys.version_info < (3, 13))' 2>/dev/null; then
    found=$("${python:-python3}" --version 2>&1 || true)
    echo "setup: Python 3.11 or 3.12 is needed (azure-functions wants < 3.13), found: ${found:-none}" >&2
    echo "setup: install one, or name it: make setup PYTHON=/path/to/python3.11" >&2
    exit 2
fi

stamp=.venv/.installed
wanted=$(cat $files requirements/uv.txt | cksum; "$python" --version)
if [ -f "$stamp" ] && [ "$(cat "$stamp")" = "$wanted" ]; then
    exit 0
fi
echo "setup: $("$python" --version) -> .venv"
[ -x .venv/bin/python ] || "$python" -m venv .venv
.venv/bin/python -m pip install --quiet --disable-pip-version-check --only-binary :all: --require-hashes -r requirements/uv.txt
set --
for file in $files; do set -- "$@" -r "$file"; done
.venv/bin/uv pip install --quiet --python .venv/bin/python --only-binary :all: --require-hashes "$@"
echo "$wanted" > "$stamp"
echo "setup: done"
