#!/bin/sh
# See that MuJoCo can draw off-screen with the Python $1; install Mesa's EGL where it cannot.
# Never fails: only the render stage needs this.
set -u
python=$1
packages="libegl1 libopengl0 libgl1-mesa-dri"

draws() {
    MUJOCO_GL=${MUJOCO_GL:-egl} "$python" -c 'import mujoco
mujoco.Renderer(mujoco.MjModel.from_xml_string("<mujoco/>"), 8, 8).render()' >/dev/null 2>&1
}

apt() {
    $sudo env DEBIAN_FRONTEND=noninteractive apt-get -qq -o DPkg::Lock::Timeout=120 \
        -o Acquire::Retries=2 -o Acquire::http::Timeout=20 "$@" >/dev/null 2>&1
}

draws && exit 0
sudo=
if [ "$(id -u)" != 0 ]; then
    sudo="sudo -n"
fi
if [ "${MUJOCO_GL:-egl}" = egl ] && command -v apt-get >/dev/null && $sudo true 2>/dev/null; then
    echo "set-up: installing $packages"
    apt update
    apt install --no-install-recommends -y $packages
    draws && exit 0
fi
echo "set-up: cannot draw off-screen (MUJOCO_GL=${MUJOCO_GL:-egl}): install $packages; without them the render stage fails, and only that one" >&2
