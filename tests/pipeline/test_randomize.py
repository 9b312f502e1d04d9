"""The drawn robots: within their ranges, each range on its own fields, the nominal untouched."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from pipeline.config import ConfigError
from pipeline.physics.make import make_model
from pipeline.randomize import draw_bodies, nominal_bodies, symmetric_noise, uniform

N = 32
PREFIX = "task.randomization."
# Ranges that draw nothing: what the figures say.
HELD = {
    "nominal_share": 0.0,
    "pushed_share": 1.0,
    "friction": [0.6, 0.6],
    "base_mass": [0.0, 0.0],
    "base_com": [0.0, 0.0],
    "link_mass_scale": [1.0, 1.0],
    "motor_strength": [1.0, 1.0],
    "kp_scale": [1.0, 1.0],
    "kd_scale": [1.0, 1.0],
    "armature_scale": [1.0, 1.0],
    "frictionloss_scale": [1.0, 1.0],
    "damping_scale": [1.0, 1.0],
}
# Range -> a wide one, and the model fields it has to change.
WIDENED = {
    "friction": ([0.3, 1.25], {"geom_friction"}),
    "base_mass": ([-1.0, 2.5], {"body_mass", "body_inertia"}),
    "base_com": ([-0.04, 0.04], {"body_ipos"}),
    "link_mass_scale": ([0.8, 1.2], {"body_mass", "body_inertia"}),
    "motor_strength": (
        [0.5, 1.5],
        {"actuator_gainprm", "actuator_biasprm", "actuator_forcerange"},
    ),
    "kp_scale": ([0.5, 1.5], {"actuator_gainprm", "actuator_biasprm"}),
    "kd_scale": ([0.5, 1.5], {"actuator_biasprm"}),
    "armature_scale": ([0.5, 2.0], {"dof_armature"}),
    "frictionloss_scale": ([0.5, 2.0], {"dof_frictionloss"}),
    "damping_scale": ([0.5, 2.0], {"dof_damping"}),
}
SHARES = {"nominal_share", "pushed_share"}
FIELDS = set().union(*(fields for _, fields in WIDENED.values()))


@pytest.fixture(scope="module")
def model(make_config, go2):
    return make_model(make_config(), go2)


@pytest.fixture(scope="module")
def draw(make_config, model, go2):
    """Draw bodies with some ranges changed from HELD."""

    def draw(seed=1, **changes):
        ranges = {PREFIX + name: value for name, value in {**HELD, **changes}.items()}
        config = make_config(ranges)
        return draw_bodies(model, go2, config.task.randomization, N, seed)

    return draw


# One range at a time


def test_held_ranges_give_the_nominal_robot(draw, model):
    for name, values in draw().fields.items():
        nominal = np.array(getattr(model, name))
        if name == "geom_friction":
            nominal[:, 0] = 0.6
        assert np.allclose(values, nominal, rtol=1e-14, atol=0), name


@pytest.mark.parametrize("name", WIDENED)
def test_a_range_changes_its_fields_and_no_other(draw, name):
    wide, wanted = WIDENED[name]
    held, drawn = draw().fields, draw(**{name: wide}).fields
    assert drawn.keys() == held.keys() == FIELDS
    changed = {field for field in FIELDS if not np.allclose(drawn[field], held[field], rtol=1e-12)}
    assert changed == wanted
    for field in wanted:
        assert len(np.unique(drawn[field].reshape(N, -1), axis=0)) == N  # no two robots alike


def test_every_range_of_the_body_is_here(raw_params):
    per_episode = {"encoder_offset", "action_delay_s", "initial_joint_pos", "initial_lin_vel"}
    per_step = {"noise", "push_interval_s", "push_speed", "push_level_step"}
    ranges = raw_params["task"]["randomization"].keys()
    assert ranges - per_episode - per_step == HELD.keys() == WIDENED.keys() | SHARES


@pytest.mark.parametrize("share", [0.0, 0.3, 0.75, 1.0])
def test_a_share_of_the_robots_is_pushed_nominal_or_not(make_config, model, go2, share):
    ranges = {PREFIX + "nominal_share": 0.5, PREFIX + "pushed_share": share}
    pushed = draw_bodies(model, go2, make_config(ranges).task.randomization, N, 1).pushed
    for half in (pushed[: N // 2], pushed[N // 2 :]):
        assert abs(half.sum() - share * N / 2) < 1


def test_a_share_of_the_robots_is_nominal_on_any_floor(make_config, model, go2):
    ranges = {PREFIX + "nominal_share": 0.25}
    drawn = draw_bodies(model, go2, make_config(ranges).task.randomization, N, 1)
    wanted = np.arange(N) < N // 4
    assert np.array_equal(drawn.nominal, wanted)
    for name, values in drawn.fields.items():
        same = np.isclose(values, getattr(model, name), rtol=1e-14, atol=0)
        same = same.reshape(N, -1).all(axis=1)
        assert np.array_equal(same, wanted & (name != "geom_friction")), name
    # The critic is told, friction first: the same draws for all of them but that.
    told = drawn.privileged[wanted, 1:]
    assert np.ptp(told, axis=0).max() == 0
    assert len(np.unique(drawn.privileged[:, 0])) == N


def test_field_shapes_are_those_of_the_model(draw, model):
    for name, values in draw().fields.items():
        assert values.shape == (N, *getattr(model, name).shape), name
        assert np.isfinite(values).all()


# What the draws are


def test_friction_is_that_of_every_shape(draw, model):
    friction = draw(friction=[0.3, 1.25]).fields["geom_friction"]
    sliding = friction[:, :, 0]
    assert (sliding == sliding[:, :1]).all()
    assert sliding.min() >= 0.3 and sliding.max() <= 1.25 and np.ptp(sliding) > 0.5
    assert (friction[:, :, 1:] == model.geom_friction[:, 1:]).all()


def test_base_mass_is_added_to_the_base_alone(draw, model, go2):
    fields = draw(base_mass=[-1.0, 2.5]).fields
    base = model.body(go2.base_body).id
    added = fields["body_mass"] - model.body_mass
    others = np.arange(model.nbody) != base
    assert np.allclose(added[:, others], 0)
    assert added[:, base].min() >= -1.0 and added[:, base].max() <= 2.5
    assert np.ptp(added[:, base]) > 2.0
    # Inertia grows as mass does.
    ratio = fields["body_inertia"][:, base] / model.body_inertia[base]
    wanted = fields["body_mass"][:, base] / model.body_mass[base]
    assert ratio == pytest.approx(np.repeat(wanted[:, None], 3, axis=1))


def test_link_masses_are_scaled_each_by_itself_and_not_the_base(draw, model, go2):
    fields = draw(link_mass_scale=[0.8, 1.2]).fields
    base = model.body(go2.base_body).id
    assert np.allclose(fields["body_mass"][:, base], model.body_mass[base])
    links = [i for i in range(1, model.nbody) if i != base]
    scale = fields["body_mass"][:, links] / model.body_mass[links]
    assert scale.min() >= 0.8 and scale.max() <= 1.2 and np.ptp(scale) > 0.35
    assert len(np.unique(scale)) == scale.size
    inertia = fields["body_inertia"][:, links] / model.body_inertia[links]
    assert inertia == pytest.approx(np.repeat(scale[:, :, None], 3, axis=2))


def test_centre_of_mass_moves_on_the_base_alone(draw, model, go2):
    moved = draw(base_com=[-0.04, 0.04]).fields["body_ipos"] - model.body_ipos
    base = model.body(go2.base_body).id
    assert np.abs(moved[:, base]).max() <= 0.04 and np.ptp(moved[:, base], axis=0).min() > 0.06
    assert np.allclose(np.delete(moved, base, axis=1), 0)


def test_motor_strength_scales_all_of_a_motor(draw, model):
    fields = draw(motor_strength=[0.5, 1.5]).fields
    strength = fields["actuator_forcerange"][:, :, 1] / model.actuator_forcerange[:, 1]
    assert strength.min() >= 0.5 and strength.max() <= 1.5 and np.ptp(strength) > 0.9
    assert len(np.unique(strength)) == strength.size
    low, high = fields["actuator_forcerange"][:, :, 0], fields["actuator_forcerange"][:, :, 1]
    assert np.array_equal(low, -high)
    gain = fields["actuator_gainprm"][:, :, 0] / model.actuator_gainprm[:, 0]
    kd = fields["actuator_biasprm"][:, :, 2] / model.actuator_biasprm[:, 2]
    assert gain == pytest.approx(strength)
    assert kd == pytest.approx(strength)


def test_kp_keeps_the_motor_a_servo(draw, model):
    fields = draw(kp_scale=[0.5, 1.5], kd_scale=[0.5, 1.5], motor_strength=[0.5, 1.5]).fields
    # force = kp (target - q) - kd qd: the gain and the position bias are one number.
    assert np.array_equal(fields["actuator_gainprm"][:, :, 0], -fields["actuator_biasprm"][:, :, 1])
    kp = fields["actuator_gainprm"][:, :, 0] / model.actuator_gainprm[:, 0]
    kd = fields["actuator_biasprm"][:, :, 2] / model.actuator_biasprm[:, 2]
    assert not np.allclose(kp, kd)


@pytest.mark.parametrize(
    ("name", "field"),
    [
        ("armature_scale", "dof_armature"),
        ("frictionloss_scale", "dof_frictionloss"),
        ("damping_scale", "dof_damping"),
    ],
)
def test_joint_fields_are_scaled_and_the_floating_base_stays_free(draw, model, name, field):
    drawn = draw(**{name: [0.5, 2.0]}).fields[field]
    assert (drawn[:, :6] == 0).all()
    scale = drawn[:, 6:] / getattr(model, field)[6:]
    assert scale.min() >= 0.5 and scale.max() <= 2.0 and np.ptp(scale) > 1.2
    assert len(np.unique(scale)) == scale.size  # every joint of every robot by another share


# The draws as a whole


def test_the_model_is_left_alone(make_config, model, go2):
    before = {name: np.array(getattr(model, name)) for name in FIELDS}
    fields = draw_bodies(model, go2, make_config().task.randomization, N, 1).fields
    for values in fields.values():
        values[:] = -1.0
    for name, values in before.items():
        assert np.array_equal(getattr(model, name), values), name


def test_same_seed_same_robots(make_config, model, go2):
    ranges = make_config().task.randomization
    first, again, other = (draw_bodies(model, go2, ranges, N, seed) for seed in (1, 1, 2))
    assert np.array_equal(first.privileged, again.privileged)
    assert not np.array_equal(first.privileged, other.privileged)
    for name in FIELDS:
        assert np.array_equal(first.fields[name], again.fields[name]), name
        assert not np.array_equal(first.fields[name], other.fields[name]), name


def test_privileged_is_centred_and_scaled(make_config, model, go2):
    bodies = draw_bodies(model, go2, make_config().task.randomization, 500, 1)
    privileged = bodies.privileged
    assert privileged.dtype == np.float32
    assert np.abs(privileged).max() <= 1 + 1e-6
    assert np.abs(privileged.mean(axis=0)).max() < 0.15
    assert (privileged.std(axis=0) > 0.4).all()  # 0.577 of a uniform draw on [-1, 1]


def test_privileged_says_what_was_drawn(draw, model, go2):
    bodies = draw(
        friction=[0.4, 0.8], base_mass=[-1.0, 3.0], base_com=[-0.1, 0.1], kp_scale=[0.5, 1.5]
    )
    fields, base, joints = bodies.fields, model.body(go2.base_body).id, len(go2.joints)
    told = bodies.privileged
    friction = fields["geom_friction"][:, 0, 0]
    added = fields["body_mass"][:, base] - model.body_mass[base]
    moved = fields["body_ipos"][:, base] - model.body_ipos[base]
    kp = fields["actuator_gainprm"][:, :, 0] / model.actuator_gainprm[:, 0]
    assert told[:, 0] == pytest.approx((friction - 0.6) / 0.2, abs=1e-5)
    assert told[:, 1] == pytest.approx((added - 1.0) / 2.0, abs=1e-5)
    assert told[:, 2:5] == pytest.approx(moved / 0.1, abs=1e-5)
    assert (told[:, 5 : 5 + joints] == 0).all()  # motor strength, held
    assert told[:, 5 + joints : 5 + 2 * joints] == pytest.approx((kp - 1) / 0.5, abs=1e-5)
    assert (told[:, 5 + 2 * joints :] == 0).all()  # kd, held


def test_nominal_bodies_change_nothing(draw, model, go2):
    nominal = nominal_bodies(model, go2, N)
    assert nominal.fields == {}
    assert nominal.privileged.shape == draw().privileged.shape
    assert (nominal.privileged == 0).all()


def test_a_base_without_mass_is_refused(draw, model, go2):
    own = model.body_mass[model.body(go2.base_body).id]
    with pytest.raises(ConfigError, match=r"task\.randomization\.base_mass: -20\.0 .* 6\.921 kg"):
        draw(base_mass=[-20.0, 0.0])
    draw(base_mass=[-0.99 * own, 0.0])


# Draws in JAX


def test_uniform_covers_its_range(strict_jax):
    values = np.asarray(uniform(jax.random.PRNGKey(0), (-2.0, 6.0), (1000, 3)))
    assert values.dtype == np.float32 and values.shape == (1000, 3)
    assert values.min() >= -2.0 and values.max() <= 6.0 and np.ptp(values) > 7.9


def test_noise_is_added_within_its_half_width(strict_jax):
    reading = jnp.arange(3000, dtype=jnp.float32).reshape(1000, 3)
    noise = np.asarray(symmetric_noise(jax.random.PRNGKey(0), 0.25, reading) - reading)
    assert np.abs(noise).max() <= 0.25 + 1e-3 and np.ptp(noise) > 0.45
    assert abs(noise.mean()) < 0.02
    exact = symmetric_noise(jax.random.PRNGKey(0), 0.0, reading)
    assert np.array_equal(exact, reading)
