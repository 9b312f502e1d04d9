"""The Go2's published masses and inertias."""

from tests.figures import Link, weld


def links():
    """unitree_ros robots/go2_description/urdf/go2_description.urdf, foot welded to its calf."""
    hip = Link(
        0.678,
        (-0.0054, 0.00194, -0.000105),
        (0.00048, 0.000884, 0.000596, -3.01e-06, 1.11e-06, -1.42e-06),
    )
    thigh = Link(
        1.152,
        (-0.00374, -0.0223, -0.0327),
        (0.00584, 0.0058, 0.00103, 8.72e-05, -0.000289, 0.000808),
    )
    calf = weld(
        Link(
            0.154,
            (0.00548, -0.000975, -0.115),
            (0.00108, 0.0011, 3.29e-05, 3.4e-07, 1.72e-05, 8.28e-06),
        ),
        Link(0.04, (0, 0, -0.213), (9.6e-06, 9.6e-06, 9.6e-06, 0, 0, 0)),
    )
    tree = {
        "base_link": Link(
            6.921,
            (0.021112, 0, -0.005366),
            (0.02448, 0.098077, 0.107, 0.00012166, 0.0014849, -3.12e-05),
        )
    }
    for leg, x, y in (("FL", 1, 1), ("FR", 1, -1), ("RL", -1, 1), ("RR", -1, -1)):
        tree |= {
            f"{leg}_hip": hip.mirrored(x, y),
            f"{leg}_thigh": thigh.mirrored(y=y),
            f"{leg}_calf": calf.mirrored(y=y),
        }
    return tree


LINKS = links()
"""By body of the compiled model."""
MASS = 15.017
"""kg: the URDF's 15.019 less two head links of 1 g, which the model leaves out."""
ASYMMETRY = 1e-9
"""How far the published left and right differ, in the mass matrix, kg m^2."""
