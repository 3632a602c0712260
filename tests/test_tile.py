"""Fused elementwise programs: random chains give the bits of the same ops run one by one."""

import numpy as np
import pytest

from fastkeras.engine import Function, cast, convert_to_tensor, primitive

SHAPES = [(9, 130), (130,), (9, 1), (), (1, 130)]
UNARY = "negative abs square relu tanh sigmoid sign floor identity".split()
BINARY = "add subtract multiply maximum minimum squared_difference".split()
COMPARE = "less greater_equal equal not_equal".split()
NOT = ["logical_not", "bitwise_not"]
LOGIC = "logical_and logical_or logical_xor".split()


def random_program(seed, length=40):
    """A list of (op, operand numbers, attributes) over five float32, two int32 and two bool inputs."""
    rng = np.random.RandomState(seed)
    inputs = [rng.uniform(-2, 2, s).astype("float32") for s in SHAPES]
    inputs += [rng.randint(-3, 4, s).astype("int32") for s in SHAPES[:2]]
    inputs += [rng.rand(*s) < 0.5 for s in SHAPES[1:3]]
    kinds = [a.dtype.name for a in inputs]

    def pick(kind):
        return int(rng.choice([i for i, k in enumerate(kinds) if k == kind][-8:]))

    steps = []
    for _ in range(length):
        kind = rng.choice(["float32", "int32", "bool"], p=[0.7, 0.1, 0.2])
        choice = rng.randint(5)
        if choice == 0:
            name = rng.choice(UNARY[:4] + ["bitwise_not"] if kind == "int32" else NOT if kind == "bool" else UNARY)
            steps.append((name, [pick(kind)], {}, kind))
        elif choice == 1:
            steps.append((rng.choice(COMPARE), [pick(kind), pick(kind)], {}, "bool"))
        elif choice == 2:
            to = str(rng.choice(["float32", "bool", "int32"]))
            steps.append(("cast", [pick(kind)], {"dtype": to}, to))
        elif choice == 3:
            steps.append(("where", [pick("bool"), pick(kind), pick(kind)], {}, kind))
        else:
            names = LOGIC + ["add", "multiply", "maximum"] if kind == "bool" else BINARY
            steps.append((rng.choice(names), [pick(kind), pick(kind)], {}, kind))
        kinds.append(steps[-1][3])
    return inputs, steps


def run(steps, tensors):
    values = list(tensors)
    for name, operands, attrs, _ in steps:
        values.append(primitive(str(name))(*[values[i] for i in operands], **attrs))
    return values[-12:]


@pytest.mark.parametrize("threads", [1, 2])
@pytest.mark.parametrize("seed", range(30))
def test_fused_chains_give_the_same_bits(seed, threads, set_threads):
    inputs, steps = random_program(seed)
    tensors = [convert_to_tensor(a) for a in inputs]
    expected = [t.numpy() for t in run(steps, tensors)]
    set_threads(threads)
    got = Function(lambda *t: run(steps, t))(*tensors)
    for g, e in zip(got, expected, strict=True):
        np.testing.assert_array_equal(g.numpy(), e)


def test_chains_are_fused():
    x = convert_to_tensor(np.ones((64, 64), "float32"))
    compiled = Function(lambda t: primitive("relu")(primitive("add")(primitive("multiply")(t, t), t))).compile(x)
    assert "tile[multiply add relu]" in compiled.describe()


def test_a_long_chain_is_cut_into_programs():
    def chain(x, y):
        for i in range(150):
            x = primitive("maximum")(primitive("subtract")(x, y), y) if i % 3 else primitive("tanh")(x)
        return x

    rng = np.random.RandomState(0)
    x, y = (convert_to_tensor(rng.rand(33, 65).astype("float32")) for _ in range(2))
    np.testing.assert_array_equal(Function(chain)(x, y).numpy(), chain(x, y).numpy())


@pytest.mark.parametrize("inner", [1, 2, 3, 4, 5, 7, 8, 15, 16, 17, 33, 256, 257])
def test_short_runs_of_broadcast_inputs(inner, isa):
    rng = np.random.default_rng(inner)
    whole = rng.integers(-9, 9, (7, 301, inner)).astype("float32")  # some tiles begin and end inside a row
    for shape in ((7, 301, 1), (301, 1), (1, 1, inner), (7, 1, inner), (301, inner), (7, 1, 1)):
        for dtype in ("float32", "bfloat16", "bool"):
            other = rng.integers(0, 2, shape).astype("float32")
            found = primitive("add")(whole, cast(cast(other, dtype), "float32"))
            np.testing.assert_array_equal(found.numpy(), whole + other)
            picked = primitive("where")(cast(other, "bool"), whole, 0.0)
            np.testing.assert_array_equal(picked.numpy(), np.where(other != 0, whole, 0))


def test_bfloat16_chains_compute_in_float32():
    rng = np.random.RandomState(0)
    x = rng.rand(33, 65).astype("float32")
    t = cast(convert_to_tensor(x), "bfloat16")
    y = Function(lambda t: primitive("exp")(primitive("multiply")(t, t)))(t)
    assert y.dtype == "bfloat16"
    np.testing.assert_allclose(cast(y, "float32").numpy(), np.exp(x * x), rtol=2e-2)
