"""The tables of docs/gpu.md, from what bench.gpu found."""

import re
from pathlib import Path
from typing import Any

from pipeline.files import write_atomically

NOT_MEASURED, TOO_LARGE = "not measured", "does not fit"
Figures = dict[str, Any]


def found(row: Figures) -> str:
    """What the gate's nominal part found of a walk, in words."""
    planar, yaw = (
        "-" if row[name] is None else f"{row[name]:.3f}" for name in ("planar_rmse", "yaw_rmse")
    )
    return f"{row['falls']} falls, {planar} m/s, {yaw} rad/s"


def fill(path: Path, results: Figures) -> None:
    """Put the tables between their markers in a Markdown file.

    Args:
        path: The file, with `<!-- throughput -->` and the like around each table.
        results: What bench/gpu.json has.
    """
    text = path.read_text()
    for name, rows in tables(results).items():
        marked = re.compile(rf"(<!-- {name} -->\n).*?(<!-- /{name} -->)", re.DOTALL)
        body = "\n".join(rows) + "\n"
        text, count = marked.subn(lambda m, body=body: m[1] + body + m[2], text)
        if count != 1:
            raise ValueError(f"{path}: has {count} places marked <!-- {name} -->, wanted one")
    write_atomically(path, text)


def tables(results: Figures) -> dict[str, list[str]]:
    """Markdown rows of each table of docs/gpu.md; what was refused is `not measured`."""
    kinds = {kind for row in results["devices"].values() for kind in row.get("devices", [])}
    machine = [f"{', '.join(sorted(kinds))}; {results['machine']}; {results['when']}."]
    if results["compiled_at_once"] > 1:
        machine += [
            f"Compiled {results['compiled_at_once']} at the same time, measured one by one."
        ]
    throughput = [
        "| robot | backend | environments | steps/s with learning | compile, s | KiB/environment |",
        "|---|---|---|---|---|---|",
    ]
    for row in results["throughput"]:
        cells = ("env_steps_per_s", "compile_s", "kib_per_env")
        missing = TOO_LARGE if "out of memory" in row.get("refused", "") else NOT_MEASURED
        shown = [f"{row[cell]:,.0f}" if cell in row else missing for cell in cells]
        what = [row["robot"], row["backend"], f"{row['num_envs']:,}"]
        throughput.append(f"| {' | '.join([*what, *shown])} |")
    walk = [
        "| robot | backend | million steps | training, s | all, s | gate's nominal part |",
        "|---|---|---|---|---|---|",
    ]
    for row in results["walk"]:
        if "refused" in row:
            shown = [NOT_MEASURED] * 4
        else:
            verdict = f"{'passes' if row['passed'] else 'no'}: {found(row)}"
            million = f"{row['steps'] / 1e6:.1f}"
            shown = [million, f"{row['training_s']:.0f}", f"{row['wall_s']:.0f}", verdict]
        walk.append(f"| {' | '.join([row['robot'], row['backend'], *shown])} |")
    return {"machine": machine, "throughput": throughput, "walk": walk}
