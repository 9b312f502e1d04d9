# Sourced: `apt_may` says whether apt may install here, `apt_install PACKAGES` does, without a word.

sudo=
if [ "$(id -u)" != 0 ]; then
    sudo="sudo -n"
fi

apt_may() {
    command -v apt-get >/dev/null && $sudo true 2>/dev/null
}

apt_quietly() {
    $sudo env DEBIAN_FRONTEND=noninteractive apt-get -qq -o DPkg::Lock::Timeout=120 \
        -o Acquire::Retries=2 -o Acquire::http::Timeout=20 "$@" >/dev/null 2>&1
}

apt_install() {
    echo "set-up: installing $*"
    apt_quietly update
    apt_quietly install --no-install-recommends -y "$@"
}
