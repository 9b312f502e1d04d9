#!/bin/sh
# Make the virtual environment $1 from the Python $2 (empty: the first suitable one), and have a uv.
set -eu
venv=$1
wanted=$2

fail() {
    echo "set-up: $1" >&2
    exit 1
}

# Print the real path of Python $1 if requirements.lock has wheels for its version.
suitable() {
    "$1" -c 'import os, sys
if not (3, 11) <= sys.version_info < (3, 14):
    sys.exit(1)
print(os.path.realpath(sys.executable))' 2>/dev/null
}

base=
for candidate in ${wanted:-python3 python3.13 python3.12 python3.11}; do
    base=$(suitable "$candidate") && break
done
[ -n "$base" ] || fail "${wanted:-python3} is not Python 3.11, 3.12 or 3.13: install one, or name it with make PYTHON=/path/to/python3"

have_uv() {
    uv --version >/dev/null 2>&1
}
have_pip() {
    "$venv/bin/python" -m pip --version >/dev/null 2>&1
}

current=$(suitable "$venv/bin/python") || current=
if [ -z "$current" ] || { [ -n "$wanted" ] && [ "$current" != "$base" ]; } || ! { have_uv || have_pip; }; then
    "$base" -c 'import ensurepip, venv' 2>/dev/null ||
        fail "$base has no venv module: install it (Debian and Ubuntu: apt-get install python3-venv), then run make again"
    rm -rf "$venv"
    "$base" -m venv "$venv" || fail "$venv could not be made (reason above)"
fi

if ! have_uv; then
    # In a folder of its own, where `uv pip sync` does not see it as a package too many.
    rm -rf "$venv/uv"
    PIP_USER=0 "$venv/bin/python" -m pip install -qq --no-cache-dir --disable-pip-version-check --retries 1 \
        --target "$venv/uv" uv ||
        fail "uv could not be fetched (reason above): see to the network or the package index (PIP_INDEX_URL), or install uv, then run make again"
fi
