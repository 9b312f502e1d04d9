"""Left-right symmetry of the task: what a robot sees and does, as in a mirror.

A mirrored run is as likely as the run itself, so every sample is worth two. Joints and feet are
mirrored as `robots.mirror` derives it; lengths along y and rates about x and z turn their sign;
and, because left and right feet are half a stride apart, the gait clock moves by half a period.
"""

import numpy as np

from deploy.contract import PolicyContract
from pipeline.observation_mirror import COMMAND, POLAR, chain, observation_mirror, signs
from pipeline.ppo.equivariance import Mirror
from robots import RobotSpec
from robots.mirror import SignedPermutation, mirror_feet, mirror_joints


def make_mirror(robot: RobotSpec, contract: PolicyContract) -> Mirror:
    """Derive the mirror of a robot's observations and actions.

    Args:
        robot: The robot.
        contract: Names and sizes of the actor's observation terms.

    Raises:
        RobotError: If the robot is not symmetric; names the joint or foot and both values.
    """
    joints, feet = mirror_joints(robot), mirror_feet(robot)
    plain = SignedPermutation(joints.order, np.ones(len(joints.order)))
    state = observation_mirror(robot, contract)
    one = signs((1.0,))
    # As `Senses.observe` and `randomize.draw_bodies` lay it out.
    draws = [one, one, signs(POLAR), plain, plain, plain]
    to_come = [one, one, signs(POLAR[:2]), one, signs(COMMAND)]
    privileged = chain([state, signs(POLAR), one, feet, feet, joints, *to_come, *draws])
    return Mirror(
        obs={"state": state, "privileged_state": privileged},
        distribution=chain([joints, plain]),
    )
