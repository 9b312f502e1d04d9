"""The G1's published masses and inertias."""

import numpy as np

from tests.figures import Link, from_matrix, principal, weld


def moved(link, xyz, rpy=(0, 0, 0)):
    """A link in its parent's frame: turned about the fixed x, y and z axes, then shifted."""
    (cr, cp, cy), (sr, sp, sy) = np.cos(rpy), np.sin(rpy)
    turn = (
        np.array([[cy, -sy, 0], [sy, cy, 0], [0, 0, 1]])
        @ np.array([[cp, 0, sp], [0, 1, 0], [-sp, 0, cp]])
        @ np.array([[1, 0, 0], [0, cr, -sr], [0, sr, cr]])
    )
    return from_matrix(link.mass, turn @ link.com + xyz, turn @ link.matrix @ turn.T)


def arm(side, shoulder_y):
    """An arm of g1_12dof.urdf in the torso's frame; `side` is 1 for left and -1 for right."""
    hand = Link(
        0.35692864,
        (0.1079465665, 0.00163511945, 0.00202244863),
        (
            *(0.00019613494735, 0.00200280358206, 0.00194181412808),
            *(-4.19816908e-06, -3.95086058e-05, 2.49774203e-06),
        ),
    )
    elbow = Link(
        0.6,
        (0.064956, 0.004454, -0.010062),
        (0.0002891, 0.0004152, 0.0004197, 6.53e-05, 1.72e-05, -5.6e-06),
    )
    shoulder_yaw = Link(
        0.734,
        (0.010773, -0.002949, -0.072009),
        (0.0009988, 0.0010605, 0.0004354, 7.9e-06, 0.0001412, -2.86e-05),
    )
    shoulder_roll = Link(
        0.643,
        (-0.000227, 0.00727, -0.063243),
        (0.0006177, 0.0006912, 0.0003894, -1e-06, 8.7e-06, -5.3e-06),
    )
    shoulder_pitch = Link(
        0.718,
        (0, 0.035892, -0.011628),
        (0.0004291, 0.000453, 0.000423, -9.2e-06, 6.4e-06, 2.26e-05),
    )
    part = hand.mirrored(y=side)
    chain = (
        (elbow, (0.1, side * 0.00188791, -0.01), (0, 0, 0)),
        (shoulder_yaw, (0.015783, 0, -0.080518), (0, 0, 0)),
        (shoulder_roll, (0, side * 0.00624, -0.1032), (0, 0, 0)),
        (shoulder_pitch, (0, side * 0.038, -0.013831), (side * -0.27925, 0, 0)),
    )
    for link, xyz, rpy in chain:
        part = weld(link.mirrored(y=side), moved(part, xyz, rpy))
    return moved(
        part, (0.0039563, shoulder_y, 0.24778), (side * 0.27931, 5.4949e-05, side * -0.00019159)
    )


def pelvis():
    """unitree_rl_gym g1_12dof.urdf: all that its fixed joints weld to the pelvis."""
    carrier = Link(0.001, (0, 0, 0), (1e-07, 1e-07, 1e-07, 0, 0, 0))
    bare = Link(3.813, (0, 0, -0.07605), (0.010549, 0.0093089, 0.0079184, 0, 2.1e-06, 0))
    torso = Link(
        6.78,
        (0.000931, 0.000346, 0.15082),
        (0.05905, 0.047014, 0.025652, 3.3302e-05, -0.0017715, -2.2399e-05),
    )
    head = Link(
        1.036,
        (0.005267, 0.000299, 0.449869),
        (0.004085051, 0.004185212, 0.001807911, -2.543e-06, -6.9455e-05, -3.726e-06),
    )
    in_torso = (0.0039635, 0, -0.044)
    upper = weld(
        torso, moved(carrier, in_torso), moved(head, in_torso), arm(1, 0.10022), arm(-1, -0.10021)
    )
    return weld(bare, carrier, moved(upper, (-0.0039635, 0, 0.044)))


def links():
    """unitree_rl_gym resources/robots/g1_description/g1_12dof.xml; the pelvis see above."""
    leg = {
        "hip_pitch_link": principal(
            1.35,
            (0.002741, 0.047791, -0.02606),
            (0.00181517, 0.00153422, 0.00116212),
            (0.954862, 0.293964, 0.0302556, 0.030122),
        ),
        "hip_roll_link": principal(
            1.52,
            (0.029812, -0.001045, -0.087934),
            (0.00254986, 0.00241169, 0.00148755),
            (0.977808, -1.97119e-05, 0.205576, -0.0403793),
        ),
        "hip_yaw_link": principal(
            1.702,
            (-0.057709, -0.010981, -0.15078),
            (0.00776166, 0.00717575, 0.00160139),
            (0.600598, 0.15832, 0.223482, 0.751181),
        ),
        "knee_link": principal(
            1.932,
            (0.005457, 0.003964, -0.12074),
            (0.0113804, 0.0112778, 0.00146458),
            (0.923418, -0.0327699, 0.0158246, 0.382067),
        ),
        "ankle_pitch_link": principal(
            0.074,
            (-0.007269, 0, 0.011137),
            (1.89e-05, 1.40805e-05, 6.9195e-06),
            (0.603053, 0.369225, 0.369225, 0.603053),
        ),
        "ankle_roll_link": principal(
            0.608,
            (0.026505, 0, -0.016425),
            (0.00167218, 0.0016161, 0.000217621),
            (-0.000481092, 0.728482, -0.000618967, 0.685065),
        ),
    }
    tree = {"pelvis": pelvis()}
    for name, link in leg.items():
        tree |= {f"left_{name}": link, f"right_{name}": link.mirrored(y=-1)}
    # The one link whose right side is published with other figures than its left.
    tree["right_knee_link"] = principal(
        1.932,
        (0.005457, -0.003964, -0.12074),
        (0.011374, 0.0112843, 0.00146452),
        (0.923439, 0.0345276, 0.0116333, -0.382012),
    )
    return tree


LINKS = links()
"""By body of the compiled model."""
MASS = 32.10685728
"""kg: the sum of the URDF's links. Its MJCF rounds the pelvis and all it carries to 17.7349."""
ASYMMETRY = 9.2e-5
"""How far the published left and right differ, in the mass matrix, kg m^2.

The xz product of the right shank's inertia has the left one's size but the other sign.
"""
