"""A made-up biped of six joints, as a user would add it: what docs/add-a-robot.md says, as code."""

from pathlib import Path

LEG = """
      <body name="{side}_hip" pos="0 {y} 0">
        <inertial pos="0 0 -0.02" mass="0.8" diaginertia="0.002 0.002 0.002"/>
        <joint name="{side}_hip_roll_joint" axis="1 0 0" range="-0.5 0.5"/>
        <body name="{side}_thigh">
          <inertial pos="0 0 -0.12" mass="1.2" diaginertia="0.008 0.008 0.001"/>
          <joint name="{side}_hip_pitch_joint" axis="0 1 0" range="-1.5 1.5"/>
          <geom class="visual" type="capsule" fromto="0 0 0 0 0 -0.25" size="0.04"/>
          <body name="{side}_shank" pos="0 0 -0.25">
            <inertial pos="0 0 -0.12" mass="0.9" diaginertia="0.006 0.006 0.001"/>
            <joint name="{side}_knee_joint" axis="0 1 0" range="-0.1 2"/>
            <geom class="visual" type="capsule" fromto="0 0 0 0 0 -0.22" size="0.03"/>
            <geom class="foot" pos="0.07 0 -0.23"/>
            <geom class="foot" pos="-0.07 0 -0.23"/>
            <site name="{side}_foot" pos="0 0 -0.25" type="box" size="0.1 0.03 0.03"/>
          </body>
        </body>
      </body>"""

MODEL = """<mujoco model="strider">
  <compiler angle="radian" autolimits="true" fusestatic="true"/>
  <default>
    <joint armature="0.01" damping="0.1" frictionloss="0.1"/>
    <default class="visual"><geom group="2" contype="0" conaffinity="0" mass="0"/></default>
    <default class="foot">
      <geom type="sphere" size="0.02" contype="2" conaffinity="1" condim="3" mass="0"/>
    </default>
  </default>
  <worldbody>
    <body name="trunk">
      <freejoint/>
      <inertial pos="0 0 0.1" mass="8" diaginertia="0.08 0.08 0.04"/>
      <geom class="visual" type="box" pos="0 0 0.15" size="0.08 0.12 0.15"/>
      <site name="imu"/>{legs}
    </body>
  </worldbody>
</mujoco>
"""

ROBOT = '''"""Strider: a made-up biped."""

from pathlib import Path

from robots.spec import Foot, Joint, RobotSpec

LEG = (
    ("hip_roll", "x", 0.0, -0.5, 0.5),
    ("hip_pitch", "y", -0.2, -1.5, 1.5),
    ("knee", "y", 0.4, -0.1, 2.0),
)


def _leg(side: str, first_motor: int) -> tuple[Joint, ...]:
    return tuple(
        Joint(
            name=f"{side}_{name}_joint", axis=axis, motor_index=first_motor + i, default_pos=pos,
            kp=60.0, kd=2.0, lower=lower, upper=upper, effort_limit=60.0, velocity_limit=20.0,
            armature=0.01, damping=0.1, frictionloss=0.1,
        )
        for i, (name, axis, pos, lower, upper) in enumerate(LEG)
    )


ROBOT = RobotSpec(
    name="strider",
    title="Strider",
    model_path=Path(__file__).with_name("model.xml"),
    base_body="trunk",
    imu_site="imu",
    imu_frame="base",
    spawn_height=0.5041,
    spawn_pitch=0.0,
    # The bus counts the right leg first: data, not code.
    joints=(*_leg("left", 3), *_leg("right", 0)),
    feet=(Foot("left_foot", 0.0, 0.0), Foot("right_foot", 0.0, 0.5)),
)
'''

OVERRIDES = {
    "physics": {},
    "task": {
        "control": {"gait_period_s": 0.6},
        "rewards": {"base_height": 0.48},
        "terminations": {"min_base_height": 0.3},
    },
    "ppo": {},
    "evaluate": {},
    "render": {},
    "export": {},
    "sim2sim": {},
}
"""Its section of params.yaml."""


def add_strider(robots_folder: Path) -> Path:
    """Write the robot's folder."""
    folder = robots_folder / "strider"
    folder.mkdir()
    legs = LEG.format(side="left", y=0.1) + LEG.format(side="right", y=-0.1)
    (folder / "__init__.py").write_text('"""A made-up biped."""\n')
    (folder / "model.xml").write_text(MODEL.format(legs=legs))
    (folder / "robot.py").write_text(ROBOT)
    (folder / "README.md").write_text("# Strider\n\nMade up for a test.\n")
    return folder
