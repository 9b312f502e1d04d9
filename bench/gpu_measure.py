"""One measurement of `bench.gpu`, in a process of its own: its peak memory is its own.

python -m bench.gpu_measure '{"what": "throughput", "robot": "g1", "backend": "mjx", ...}'

A throughput prints `ready` when it has compiled, and goes on when it is sent a line. The last line
printed is JSON.
"""

import contextlib
import json
import os
import resource
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import jax
import numpy as np
import yaml

import robots
from pipeline import config
from pipeline.command_grid import command_grid
from pipeline.config import Config
from pipeline.devices import DeviceError, explained, platform, prepare
from pipeline.env import make_env
from pipeline.files import without_nan
from pipeline.physics.make import for_training
from pipeline.physics.protocol import BackendError
from pipeline.policy_folder import TrainedPolicy, load_policy
from pipeline.quality import summarize
from pipeline.sim2sim.scenarios import NOMINAL, episodes_of
from pipeline.sim2sim.simulator import GateSimulator
from pipeline.train import make_learner, train

Figures = dict[str, Any]


def settings_of(robot: str, backend: str, **ppo: int) -> Config:
    """params.yaml for a robot, a backend and some sizes of PPO."""
    raw = yaml.safe_load(Path("params.yaml").read_text())
    raw["robot"], raw["physics"]["backend"] = robot, backend
    sizes = {name: ppo[name] for name in ("num_envs", "num_minibatches") if name in ppo}
    raw["ppo"]["on_accelerator"].update(sizes)
    if "num_timesteps" in ppo:
        raw["ppo"]["on_accelerator"]["num_timesteps_scale"] = 1.0
    raw["ppo"].update(ppo)
    raw["overrides"][robot]["ppo"] = {**raw["overrides"][robot]["ppo"], **ppo}
    return config.parse(raw)


def throughput(robot: str, backend: str, num_envs: int, seconds: float, **ppo: int) -> Figures:
    """Environment steps per second, learning included, after `compile_s`; peak memory."""
    settings = settings_of(robot, backend, num_envs=num_envs, **ppo)
    prepare(settings.physics)
    settings = for_training(settings)
    began = time.perf_counter()
    with explained("ppo.on_accelerator", num_envs):
        env = make_env(settings, robots.load(robot), num_envs=num_envs, randomized=True)
        learner, state = make_learner(settings, env)
        state, _ = jax.block_until_ready(learner.iterate(state))
        compile_s = time.perf_counter() - began
        print("ready", flush=True)
        sys.stdin.readline()
        iterations, began = 0, time.perf_counter()
        while time.perf_counter() - began < seconds:
            state, _ = jax.block_until_ready(learner.iterate(state))
            iterations += 1
    spent = time.perf_counter() - began
    steps = iterations * num_envs * settings.ppo.unroll_length
    return {
        "compile_s": compile_s,
        "env_steps_per_s": steps / spent,
        "kib_per_env": peak_bytes() / num_envs / 2**10,
    }


def peak_bytes() -> int:
    """Peak memory of this process: of an NVIDIA GPU's, Warp's own included, or of the host's."""
    if jax.default_backend() != "gpu":
        return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024
    query = "--query-compute-apps=pid,used_memory"
    with contextlib.suppress(OSError, subprocess.CalledProcessError, ValueError):
        said = subprocess.check_output(
            ["nvidia-smi", query, "--format=csv,noheader,nounits"], text=True
        )
        used = [line.split(", ") for line in said.splitlines()]
        own = [int(mib) for pid, mib in used if int(pid) == os.getpid()]
        if own:  # not in a container that numbers its processes anew
            return sum(own) * 2**20
    return (jax.devices()[0].memory_stats() or {}).get("peak_bytes_in_use", 0)


def walk(robot: str, backend: str, num_timesteps: int, folder: str | None, **sizes: int) -> Figures:
    """Train from scratch and walk the gate's nominal part; the policy can be kept in a folder."""
    settings = settings_of(robot, backend, num_timesteps=num_timesteps, **sizes)
    prepare(settings.physics)
    reports: list[tuple[int, float]] = []
    began = time.perf_counter()
    with tempfile.TemporaryDirectory() as scratch:
        kept = Path(folder or scratch) / "policy"
        # What it prints about its calibration is no JSON.
        with contextlib.redirect_stdout(sys.stderr):
            train(
                settings,
                kept,
                Path(scratch) / "runs",
                lambda step, report: reports.append((step, report["training_s"])),
            )
        wall_s = time.perf_counter() - began
        policy = load_policy(kept, robot)
    (first, compiled_by), (last, over_by) = reports[0], reports[-1]
    # The first report has compilation in it, the others do not.
    training_s = (over_by - compiled_by) * last / (last - first) if last > first else over_by
    return {
        "steps": last,
        "training_s": training_s,
        "wall_s": wall_s,
        **nominal_gate(policy, settings),
    }


def nominal_gate(policy: TrainedPolicy, settings: Config) -> Figures:
    """What the gate's nominal episodes say of a policy that has not been exported."""
    contract, gate = policy.spec.contract, settings.sim2sim
    steps = round(gate.episode_s / contract.ctrl_dt)
    grid = np.resize(command_grid(contract.command_ranges), (gate.episodes.nominal, 3))
    simulator = GateSimulator(
        contract, robots.load(contract.robot), gate, episodes_of(NOMINAL, len(grid)), settings.seed
    )
    act = jax.jit(policy.act)
    commands = np.broadcast_to(grid, (steps, *grid.shape))
    episodes = simulator.run(lambda obs: np.asarray(act(obs)), commands).episodes
    found = summarize(episodes, contract, round(gate.settle_s / contract.ctrl_dt))
    limits = gate.thresholds
    passed = (
        found["falls"] <= limits.nominal_falls
        and found["planar_rmse"] <= limits.planar_rmse
        and found["yaw_rmse"] <= limits.yaw_rmse
    )
    return {
        "falls": found["falls"],
        "planar_rmse": found["planar_rmse"],
        "yaw_rmse": found["yaw_rmse"],
        "passed": bool(passed),
    }


def devices(backend: str) -> Figures:
    """What JAX runs on, if the backend can step a robot there."""
    settings = settings_of("go2", backend)
    prepare(settings.physics)
    found = platform()
    make_env(settings, robots.load("go2"), num_envs=2, randomized=True)
    return {"platform": found, "devices": [device.device_kind for device in jax.devices()]}


def main() -> None:
    """Measure what the one argument asks for; print JSON."""
    asked = json.loads(sys.argv[1])
    measure = {"throughput": throughput, "walk": walk, "devices": devices}[asked.pop("what")]
    try:
        found = measure(**asked)
    except (DeviceError, BackendError) as error:
        found = {"refused": str(error)}
    print(json.dumps(without_nan(found)))


if __name__ == "__main__":
    main()
