"""Branches, loops and scattering of ops.core in compiled functions; eager values are in tests/reference."""

import numpy as np
import pytest

from fastkeras import GradientTape, Variable, engine, ops

X = np.arange(12, dtype="float32").reshape(3, 4)


def test_cond_keeps_the_assignments_of_one_branch():
    count, total = Variable(0.0), Variable(10.0)

    def up():
        count.assign_add(1.0)
        total.assign_add(count)
        return count * 2

    def down():
        total.assign_sub(1.0)
        return total * 1

    run = engine.Function(lambda p: (ops.cond(p, up, down), total * 1))
    results = [[float(t) for t in run(np.array(p))] for p in (True, False, True)]
    assert results == [[2.0, 11.0], [10.0, 10.0], [4.0, 12.0]]
    assert (float(count), float(total)) == (2.0, 12.0)


def test_cond_in_cond():
    v = Variable(1.0)
    run = engine.Function(
        lambda p, q: ops.cond(
            p, lambda: ops.cond(q, lambda: v.assign(v * 2).value, lambda: v.assign(v + 5).value), lambda: v * 1
        )
    )
    assert [float(run(np.array(p), np.array(q))) for p, q in ((1, 1), (1, 0), (0, 1))] == [2.0, 7.0, 7.0]


def test_switch_compiled():
    run = engine.Function(lambda i, x: ops.switch(i, [lambda x: x, lambda x: x * 10, lambda x: -x], x))
    for index, factor in ((0, 1), (1, 10), (2, -1), (-5, 1), (9, -1)):
        np.testing.assert_array_equal(run(np.array(index, "int32"), X), X * factor)


def test_loops_compiled():
    run = engine.Function(
        lambda x: (
            ops.fori_loop(0, 3, lambda i, v: v * 2 + i, x),
            ops.scan(lambda c, v: (c + v, c * v), ops.zeros((4,)), x),
            ops.map(lambda v: v[::-1], x),
            ops.while_loop(lambda i, v: i < 2, lambda i, v: (i + 1, v + 1), (0, x)),
        )
    )
    doubled, (carry, ys), turned, (steps, grown) = run(X)
    np.testing.assert_array_equal(doubled, X * 8 + 4)
    np.testing.assert_array_equal(carry, X.sum(0))
    np.testing.assert_array_equal(ys, np.vstack([np.zeros(4), X[0], X[0] + X[1]]) * X)
    np.testing.assert_array_equal(turned, X[:, ::-1])
    np.testing.assert_array_equal(grown, X + 2)


def test_map_and_scan_take_structures():
    result = ops.map(lambda d: {"sum": d["a"] + d["b"], "a": d["a"]}, {"a": X, "b": X})
    np.testing.assert_array_equal(result["sum"], 2 * X)
    carry, ys = ops.scan(lambda c, _: (c * 2, None), ops.array(1.0), length=5)
    assert float(carry) == 32.0 and ys is None


@pytest.mark.parametrize("persistent", [False, True])
def test_custom_gradient(persistent):
    @ops.custom_gradient
    def clipped(x, scale):
        y = x * scale

        def grad(*args, upstream=None):
            upstream = args[0] if upstream is None else upstream
            return ops.clip(upstream, -1.0, 1.0), ops.sum(upstream * x)

        return y, grad

    def run(x, scale):
        with GradientTape(persistent=persistent) as tape:
            tape.watch((x, scale))
            loss = ops.sum(clipped(x, scale) * 5.0)
        return loss, *tape.gradient(loss, [x, scale])

    for call in (run, engine.Function(run)):
        loss, dx, dscale = call(ops.convert_to_tensor(X), ops.convert_to_tensor(2.0))
        assert float(loss) == X.sum() * 10
        np.testing.assert_array_equal(dx, np.ones_like(X))
        assert float(dscale) == X.sum() * 5


def test_custom_gradient_without_a_tape_and_of_variables():
    @ops.custom_gradient
    def doubled(x):
        return x * 2, lambda upstream: upstream * 100

    assert float(doubled(ops.array(3.0))) == 6.0
    v = Variable(3.0)
    with GradientTape() as tape:
        y = doubled(v) + v
    assert float(tape.gradient(y, v)) == 101.0


def test_custom_gradients_die_with_their_tape():
    import gc
    import weakref

    class Big:
        pass

    seen = []

    @ops.custom_gradient
    def same(x):
        held = Big()
        seen.append(weakref.ref(held))
        return x * 1, lambda upstream: upstream * (1 if held else 0)

    x = ops.array(1.0)
    for _ in range(3):
        with GradientTape() as tape:
            tape.watch(x)
            y = same(x)
        tape.gradient(y, x)
    del tape
    gc.collect()
    assert [ref() for ref in seen] == [None] * 3


@pytest.mark.parametrize(
    ("pattern", "sizes", "expected"),
    [
        ("b h w c -> b (h w) c", {}, lambda x: x.reshape(2, 12, 5)),
        ("b (h2 h) w c -> b h2 h w c", {"h": 3}, lambda x: x.reshape(2, 1, 3, 4, 5)),
        ("b h w c -> c b h w", {}, lambda x: x.transpose(3, 0, 1, 2)),
        ("b ... c -> c ... b", {}, lambda x: x.transpose(3, 1, 2, 0)),
        (
            "b h (w1 w2) c -> (b w1) (w2 c) h",
            {"w1": 2},
            lambda x: x.reshape(2, 3, 2, 2, 5).transpose(0, 2, 3, 4, 1).reshape(4, 10, 3),
        ),
    ],
)
def test_rearrange(pattern, sizes, expected):
    x = np.arange(120).reshape(2, 3, 4, 5).astype("float32")
    np.testing.assert_array_equal(ops.rearrange(x, pattern, **sizes), expected(x))


REFUSED = ["a b", "a b -> a c", "a a -> a", "(a b) c -> a b c", "a b c -> a b c", "a (b -> a b"]


@pytest.mark.parametrize("pattern", REFUSED)
def test_rearrange_refuses(pattern):
    with pytest.raises(ValueError, match="rearrange"):
        ops.rearrange(X, pattern)
