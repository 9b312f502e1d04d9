"""The H1's published masses and inertias."""

from tests.figures import from_matrix, principal, rotation, weld


def placed(link, offset, quat=(1, 0, 0, 0)):
    """A link as seen from a frame in which its own lies at `offset`, turned by `quat`."""
    turn = rotation(quat)
    return from_matrix(link.mass, turn @ link.com + offset, turn @ link.matrix @ turn.T)


def upper_body():
    """unitree_mujoco unitree_robots/h1/h1.xml with waist and arms at 0, in the pelvis's frame.

    Welded, it is the pelvis of unitree_rl_gym's h1.xml, which is rounded to six digits.
    """
    pelvis = principal(
        5.39,
        (-0.0002, 4e-05, -0.04522),
        (0.0490211, 0.0445821, 0.00824619),
        (0.498303, 0.499454, -0.500496, 0.501741),
    )
    torso = principal(
        17.789,
        (0.000489, 0.002797, 0.20484),
        (0.487315, 0.409628, 0.127837),
        (0.999989, -0.00130808, -0.00282289, -0.00349105),
    )
    elbow = principal(
        0.669,
        (0.15908, -0.000144, -0.015776),
        (0.00601829, 0.00600579, 0.000408305),
        (0.0765232, 0.720327, 0.0853116, 0.684102),
    )
    yaw = principal(
        0.839,
        (0.01365, 0.002767, -0.16266),
        (0.00408038, 0.00370367, 0.000622687),
        (0.703042, -0.0331229, -0.0473362, 0.708798),
    )
    roll = principal(
        0.793,
        (0.000679, 0.00115, -0.094076),
        (0.00170388, 0.00158256, 0.00100336),
        (0.732491, 0.00917179, 0.0766656, 0.676384),
    )
    pitch = principal(
        1.033,
        (0.005045, 0.053657, -0.015715),
        (0.00129936, 0.000987113, 0.000858198),
        (0.814858, 0.579236, -0.0201072, -0.00936488),
    )
    arm = weld(yaw, placed(elbow, (0.0185, 0, -0.198)))
    arm = weld(roll, placed(arm, (0, 0, -0.1343)))
    arm = weld(pitch, placed(arm, (-0.0055, 0.0565, -0.0165), (0.976296, -0.216438, 0, 0)))
    arm = placed(arm, (0.0055, 0.15535, 0.42999), (0.976296, 0.216438, 0, 0))
    return weld(pelvis, torso, arm, arm.mirrored(y=-1))


def links():
    """Legs: unitree_rl_gym resources/robots/h1/h1.xml, the same as in unitree_mujoco's."""
    leg = {
        "hip_yaw": principal(
            2.244,
            (-0.04923, 0.0001, 0.0072),
            (0.00304494, 0.00296885, 0.00189201),
            (0.69699, 0.219193, 0.233287, 0.641667),
        ),
        "hip_roll": principal(
            2.232,
            (-0.0058, -0.00319, -9e-05),
            (0.00243264, 0.00225325, 0.00205492),
            (0.0438242, 0.70721, -0.0729075, 0.701867),
        ),
        "hip_pitch": principal(
            4.152,
            (0.00746, -0.02346, -0.08193),
            (0.0829503, 0.0821457, 0.00510909),
            (0.979828, 0.0513522, -0.0169854, -0.192382),
        ),
        "knee": principal(
            1.721,
            (-0.00136, -0.00512, -0.1384),
            (0.0125237, 0.0123104, 0.0019428),
            (0.626132, -0.034227, -0.0416277, 0.777852),
        ),
        "ankle": principal(
            0.552448,
            (0.048568, 0, -0.045609),
            (0.00362, 0.00355701, 0.000149987),
            (0.489385, 0.510394, 0.510394, 0.489385),
        ),
    }
    tree = {"pelvis": upper_body()}
    for name, link in leg.items():
        tree |= {f"left_{name}_link": link, f"right_{name}_link": link.mirrored(y=-1)}
    return tree


LINKS = links()
"""By body of the compiled model."""
MASS = 51.649896
"""kg."""
ASYMMETRY = 1e-12
"""How far the published left and right differ, in the mass matrix, kg m^2."""
