#!/bin/sh
# See that MuJoCo can draw off-screen with the Python $1; install Mesa's EGL where it cannot.
# Never fails: only the render stage needs this.
set -u
python=$1
packages="libegl1 libopengl0 libgl1-mesa-dri"
. "$(dirname "$0")/apt.sh"

draws() {
    MUJOCO_GL=${MUJOCO_GL:-egl} "$python" -c 'import mujoco
mujoco.Renderer(mujoco.MjModel.from_xml_string("<mujoco/>"), 8, 8).render()' >/dev/null 2>&1
}

draws && exit 0
if [ "${MUJOCO_GL:-egl}" = egl ] && apt_may; then
    apt_install $packages
    draws && exit 0
fi
echo "set-up: cannot draw off-screen (MUJOCO_GL=${MUJOCO_GL:-egl}): install $packages; without them the render stage fails, and only that one" >&2
