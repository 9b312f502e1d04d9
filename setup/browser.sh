#!/bin/sh
# See that there is a Chromium for the cockpit's tests; install Debian's where there is none.
# Never fails: without one those tests are skipped, and say so.
set -u
. "$(dirname "$0")/apt.sh"

found() {
    for name in chromium chromium-browser google-chrome google-chrome-stable; do
        command -v "$name" >/dev/null && return 0
    done
    return 1
}

found && exit 0
if apt_may; then
    apt_install chromium
    found && exit 0
fi
echo "set-up: no Chromium: install it (Debian: chromium); without one the cockpit's tests in a browser are skipped" >&2
