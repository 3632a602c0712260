"""Optimizer kernels beyond the rows of tests/cases: their precision, their edges, in place inside a program."""

import numpy as np
import pytest

from fastkeras import ops
from fastkeras.engine import Function, GradientTape, Variable, convert_to_tensor
from fastkeras.ops.update import adam_update, rmsprop_update, sgd_update

BETAS = {"beta_1": 0.9, "beta_2": 0.999}


def adam(p, g, m, v, alpha, epsilon=1e-7):
    tensors = [[convert_to_tensor(np.float32(a))] for a in (p, g, m, v)]
    results = adam_update(*tensors, convert_to_tensor(np.float32(alpha)), epsilon=epsilon, **BETAS)
    return [r[0].numpy() for r in results]


def test_adam_step_within_four_ulp(isa):
    """The step itself (p starts at 0), for second moments from 1e-30 to 1e30, against the formula in double."""
    rng = np.random.RandomState(0)
    g = (10.0 ** rng.uniform(-15, 15, 100_003) * rng.choice([-1, 1], 100_003)).astype("float32")
    m, v = np.zeros_like(g), np.zeros_like(g)
    p, m1, v1 = adam(np.zeros_like(g), g, m, v, 0.001)
    wide = g.astype("float64")
    first, second = wide * (1 - np.float64(0.9)), wide * wide * (1 - np.float64(0.999))
    expected = -first * np.float32(0.001) / (np.sqrt(second) + np.float32(1e-7))
    # The moments come from the constants rounded to float32: compare the step with the moments that were computed.
    alpha, epsilon = np.float64(np.float32(0.001)), np.float64(np.float32(1e-7))
    from_rounded = -m1.astype("float64") * alpha / (np.sqrt(v1.astype("float64")) + epsilon)
    assert (abs(p - from_rounded) <= 4 * np.spacing(abs(p))).all()
    np.testing.assert_allclose(p, expected, rtol=1e-6)


def test_adam_where_nothing_ever_happened(isa):
    p = np.random.RandomState(1).normal(size=37).astype("float32")
    zero = np.zeros_like(p)
    for a, b in zip(adam(p, zero, zero, zero, 0.001), (p, zero, zero), strict=True):
        assert a.tobytes() == b.tobytes()


def test_adam_at_the_edges_of_float32(isa):
    g = np.array([1e-22, 1e22, np.inf, np.nan] * 5, "float32")  # squares that underflow, overflow
    zero = np.zeros_like(g)
    p, m, v = adam(zero, g, zero, zero, 0.001)
    np.testing.assert_allclose(p[0], -1e-23 * 0.001 / 1e-7, rtol=1e-5)
    assert np.isfinite(p[:2]).all() and abs(p[1]) < 1e-3 * 101
    assert np.isinf(v[1]) and np.isnan(p[3]) and np.isnan(m[3]) and np.isnan(v[3])


def test_a_value_does_not_depend_on_its_neighbours(isa):
    """Whole vectors and remainders do the same arithmetic: any cut of the elements gives the same bits."""
    rng = np.random.RandomState(2)
    p, g, m, v = (rng.uniform(0.1, 1, 101).astype("float32") for _ in range(4))
    whole = adam(p, g, m, v, 0.01)
    for n in (1, 3, 8, 50):
        for a, b in zip(whole, adam(p[:n], g[:n], m[:n], v[:n], 0.01), strict=True):
            assert a[:n].tobytes() == b.tobytes()


def test_no_variables():
    assert adam_update([], [], [], [], 0.1, epsilon=0.1, **BETAS) == ([], [], [])
    assert sgd_update([], [], 0.1) == ([],)


def test_empty_variable_among_others():
    p = [convert_to_tensor(np.ones(n, "float32")) for n in (0, 3, 0, 5)]
    (result,) = sgd_update(p, p, convert_to_tensor(np.float32(0.5)))
    assert [t.numpy().tolist() for t in result] == [[], [0.5] * 3, [], [0.5] * 5]


def test_shapes_and_dtypes_must_agree():
    a, b = convert_to_tensor(np.zeros(3, "float32")), convert_to_tensor(np.zeros(4, "float32"))
    rate = convert_to_tensor(np.float32(1))
    with pytest.raises(ValueError, match=r"\[sgd_update\] gradients and slots must have the shape and dtype"):
        sgd_update([a], [b], rate)
    with pytest.raises(ValueError, match="learning rate must be one number of the variables' dtype"):
        sgd_update([a], [a], convert_to_tensor(1.0, "float64"))
    with pytest.raises(ValueError, match="float32 or float64"):
        sgd_update([convert_to_tensor([1])], [convert_to_tensor([1])], convert_to_tensor(1))
    with pytest.raises(ValueError, match=r"\[rmsprop_update\] needs 4 groups"):
        rmsprop_update([a], [a], [a], rate, rho=0.9, epsilon=0.1, momentum=0.9)


def test_a_program_updates_in_place():
    n = 50_000
    state = [Variable(np.full(n, value, "float32")) for value in (1.0, 0.0, 0.0)]
    rate = Variable(np.float32(0.01))

    def step(g):
        p, m, v = ([variable.value] for variable in state)
        results = adam_update(p, [g], m, v, rate.value, epsilon=1e-7, **BETAS)
        for variable, result in zip(state, results, strict=True):
            variable.assign(result[0])
        return g[0]

    compiled = Function(step).compile(np.ones(n, "float32"))
    assert compiled.memory_bytes <= 4 * n  # the place of the gradient that is fed
    expected = [1.0, 0.0, 0.0]
    for _ in range(3):
        compiled(np.ones(n, "float32"))
        p, m, v = expected
        m, v = m + (1 - m) * 0.1, v + (1 - v) * 0.001
        expected = [p - 0.01 * m / (np.sqrt(v) + 1e-7), m, v]
    for variable, value in zip(state, expected, strict=True):
        np.testing.assert_allclose(variable.numpy(), value, rtol=1e-5)


UPDATES = {
    "sgd": (0, lambda p, g, slots, rate: sgd_update(p, g, rate)),
    "momentum": (1, lambda p, g, slots, rate: sgd_update(p, g, *slots, rate, momentum=0.5)),
    "rmsprop": (1, lambda p, g, slots, rate: rmsprop_update(p, g, *slots, rate, rho=0.5, epsilon=1.0)),
    "centered": (
        3,
        lambda p, g, slots, rate: rmsprop_update(p, g, *slots, rate, rho=0.5, epsilon=1.0, momentum=0.5, centered=True),
    ),
    "adam": (2, lambda p, g, slots, rate: adam_update(p, g, *slots, rate, epsilon=1e-7, **BETAS)),
    "amsgrad": (3, lambda p, g, slots, rate: adam_update(p, g, *slots, rate, epsilon=1e-7, amsgrad=True, **BETAS)),
}


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("update", UPDATES)
def test_gradients_of_tables_are_not_stored(update, dtype):
    """Programs make them row by row; the bits are those of whole gradients, for rows of any width, taken more than
    once, by indices from the end, outside the table or not at all."""
    rng = np.random.RandomState(3)
    slots, run = UPDATES[update]
    shapes = [(300, 32), (7,), (2000,), (40, 2500), (9000, 3, 5)]  # the second is no table
    indices = [rng.randint(-300, 300, (6, 20)), np.array([3, 1999, -1, 3, 2000]), rng.randint(0, 40, 20)]
    indices.append(rng.randint(0, 100, 1000).astype("uint32"))
    indices[0][0, :3] = [300, -301, 7]
    taken = [(6, 20, 32), (5,), (20, 2500), (1000, 3, 5)]
    factors = [rng.normal(size=shape).astype(dtype) for shape in (shapes[1], *taken)]

    def compiled(stored):
        fill = np.random.RandomState(4)
        groups = [[Variable(fill.uniform(0.5, 1, s).astype(dtype)) for s in shapes] for _ in range(1 + slots)]

        def step(rate, *rows):
            with GradientTape() as tape:
                p, *tables = (v.value for v in (groups[0][1], groups[0][0], *groups[0][2:]))
                taken = [p, *(ops.take(table, i, axis=0) for table, i in zip(tables, rows, strict=True))]
                # What is taken from outside is NaN.
                losses = [ops.where(t == t, t * f, 0) for t, f in zip(taken, factors, strict=True)]
                loss = sum(ops.sum(x) for x in losses)
            gradients = tape.gradient(loss, groups[0])
            values = [[v.value for v in group] for group in groups]
            for group, results in zip(groups, run(values[0], gradients, values[1:], rate), strict=True):
                for variable, result in zip(group, results, strict=True):
                    variable.assign(result)
            return gradients if stored else rate

        rate = convert_to_tensor(np.asarray(0.1, dtype))
        program = Function(step).compile(rate, *indices)
        assert program.describe().count("take_grad") == (len(indices) if stored else 0)
        for _ in range(2):
            program(rate, *indices)
        return [v.numpy() for group in groups for v in group]

    for a, b in zip(compiled(True), compiled(False), strict=True):
        assert np.isfinite(a).all()
        assert a.tobytes() == b.tobytes()


def test_gradients_of_tables_that_others_read_are_stored():
    """Clipping needs all of a gradient; rows that outnumber the table are no less than the whole."""
    table, rate = Variable(np.ones((10, 4), "float32")), convert_to_tensor(np.float32(0.5))

    def step(indices, clip):
        with GradientTape() as tape:
            loss = ops.sum(ops.take(table, indices, axis=0))
        gradient = tape.gradient(loss, table)
        norm = ops.sqrt(ops.sum(ops.square(gradient)))
        table.assign(sgd_update([table.value], [gradient / norm if clip else gradient], rate)[0][0])
        return norm

    few, many = np.array([1, 1, 3], "int32"), np.arange(10, dtype="int32")
    for indices, clip in ((few, True), (few, False), (many, False)):
        program = Function(lambda i, clip=clip: step(i, clip)).compile(indices)
        assert "take_grad" in program.describe()  # its norm is read
