"""Halves and mixed policies beyond what rows_mixed.py asks of Keras; levels of float32 products."""

import dataclasses
import logging

import numpy as np
import pytest
from cases import CASES, HALVES
from conv_cases import CASES as CONVOLUTIONS
from helpers import rounded_to_bfloat16, run_python
from layer_cases import CASES as LAYERS

import fastkeras as keras
from fastkeras._core import multiplies_bfloat16, multiplies_tiles
from fastkeras.engine import AutocastScope, Function, GradientTape, Tensor, autocast_dtype, primitive
from fastkeras.engine import precision as engine_precision


@pytest.fixture
def mixed():
    keras.config.set_dtype_policy("mixed_bfloat16")
    yield
    keras.config.set_dtype_policy("float32")


def _values(x):
    return keras.ops.cast(x, "float32").numpy()


def _random(seed, *shape):
    return np.random.RandomState(seed).normal(size=shape).astype("float32")


# --- ops -------------------------------------------------------------------------------------------------------------


def _results(case, tensors):
    made = case.call(*tensors) if case.call else primitive(case.name)(*tensors, **case.attrs)
    return [made] if isinstance(made, Tensor) else list(made)


# Ops that gradient rules emit behind the casts of the ops they belong to: they never meet halves.
_INNER = {"average_pool_grad", "depthwise_conv_input_grad", "depthwise_conv_kernel_grad", "conv_kernel_grad"}
# Rows that call several ops, which round one after the other.
_SEVERAL = {"eigh", "svd"}


@pytest.mark.parametrize("half", HALVES)
@pytest.mark.parametrize(
    "case", [c for c in CASES if "float32" in c.dtypes and c.name not in _INNER | _SEVERAL], ids=str
)
def test_halves_give_float32_rounded_once(case, half):
    arrays = case.inputs("float32")
    narrow = [keras.ops.cast(a, half) if a.dtype == np.float32 else keras.ops.array(a) for a in arrays]
    wide = [keras.ops.cast(t, "float32") if t.dtype == half else t for t in narrow]
    for got, exact in zip(_results(case, narrow), _results(case, wide), strict=True):
        assert got.dtype == (half if exact.dtype == "float32" and _rounds(case) else exact.dtype)
        expected = _values(keras.ops.cast(exact, got.dtype))
        # A constant that has no exact value here moves some results by a step. Recurrent products round the states.
        rounds_within = half == "bfloat16" and multiplies_bfloat16() and case.name.startswith(("lstm", "gru"))
        step, least = (2.0**-7, 1e-30) if half == "bfloat16" else (2.0**-10, 2.0**-24)
        atol = 0.01 * np.abs(expected).max(initial=0) if rounds_within else least
        np.testing.assert_allclose(_values(got), expected, rtol=step, atol=atol)


def _rounds(case):
    return case.name not in ("cast", "one_hot")


@pytest.mark.parametrize("half", HALVES)
def test_sums_of_halves_are_taken_in_float32(half):
    ones = keras.ops.ones((4096,), half)  # a sum in bfloat16 would stop at 256, one in float16 at 2048
    assert float(keras.ops.sum(ones)) == 4096.0
    assert float(keras.ops.matmul(ones, ones)) == 4096.0
    table = keras.Variable(np.zeros((2, 1), "float32"), dtype=half)
    with GradientTape() as tape:
        taken = keras.ops.sum(keras.ops.take(table, np.zeros(4096, "int32"), axis=0))
    assert _values(tape.gradient(taken, table)).ravel().tolist() == [4096.0, 0.0]
    scattered = keras.ops.scatter(np.zeros((4096, 1), "int32"), ones, (1,))
    assert _values(scattered).tolist() == [4096.0]


def test_a_wider_float_decides():
    wide = keras.ops.ones((2, 2))
    narrow, other = (keras.ops.ones((2, 2), half) for half in HALVES)
    for a, b in ((narrow, wide), (other, wide), (narrow, other)):
        assert keras.ops.matmul(a, b).dtype == keras.ops.add(a, b).dtype == "float32"


@pytest.mark.parametrize("seed", range(3))
def test_the_greatest_is_found_among_rounded_values(seed):
    """In a program as eagerly: a gradient that compares with the maximum sees the values that the maximum saw."""
    x = _random(seed, 5, 33)

    def slope(x):
        with GradientTape() as tape:
            tape.watch(x)
            greatest = keras.ops.max(keras.ops.cast(x, "bfloat16") * 1.5, axis=-1)
        return tape.gradient(greatest, x)

    eager = slope(keras.ops.array(x)).numpy()
    np.testing.assert_array_equal(Function(slope)(x).numpy(), eager)
    assert (eager != 0).any(axis=-1).all()


def test_programs_keep_float32_between_elementwise_ops_and_products():
    def dense(*operands):
        x, w, b = (keras.ops.cast(t, "bfloat16") for t in operands)
        return keras.ops.relu(keras.ops.matmul(x, w) + b)

    x, w, b = _random(1, 5, 6), _random(2, 6, 4), _random(3, 4)
    compiled = Function(dense).compile(x, w, b)
    lines = compiled.describe().split("\n")
    assert [line.split("(")[0] for line in lines[:2]] == ["dense", "cast"]  # bias and relu are in the product
    y, exact = compiled(x, w, b), np.maximum(x @ w + b, 0)
    assert y.dtype == "bfloat16"
    np.testing.assert_allclose(_values(y), exact, rtol=1 / 256, atol=1e-6)
    np.testing.assert_allclose(_values(dense(x, w, b)), exact, rtol=0.05, atol=0.05)


# --- layers and training ---------------------------------------------------------------------------------------------


def test_a_tape_gives_float32_gradients_of_float32_variables(mixed):
    layer = keras.layers.Dense(3)
    x = keras.ops.array(_random(1, 4, 5))
    layer.build(x.shape)
    seen = []
    with GradientTape() as tape:
        y = layer(x)
        seen.append(y.dtype)
        loss = keras.ops.sum(keras.ops.square(keras.ops.cast(y, "float32")))
    gradients = tape.gradient(loss, layer.trainable_variables)
    assert seen == ["bfloat16"] and [g.dtype for g in gradients] == ["float32", "float32"]
    rounded, kernel = _values(keras.ops.cast(x, "bfloat16")), _values(keras.ops.cast(layer.kernel, "bfloat16"))
    np.testing.assert_allclose(gradients[0].numpy(), rounded.T @ (2 * (rounded @ kernel)), rtol=0.02, atol=0.1)


def test_variables_are_read_in_the_dtype_of_the_scope():
    own, free = keras.Variable([1.0, 1.0 + 2**-10]), keras.Variable([1.0 + 2**-10], autocast=False)
    count = keras.Variable(3)
    with AutocastScope("bfloat16"):
        assert (own.dtype, own.value.dtype, (own * 2).dtype) == ("bfloat16",) * 3
        assert (free.dtype, free.value.dtype, count.dtype, (count + 1).dtype) == (
            "float32",
            "float32",
            "int32",
            "int32",
        )
        own.assign(own.value)  # rounded when it was read, float32 where it lies
        with AutocastScope(None):
            assert own.dtype == "float32" and autocast_dtype() is None
        assert autocast_dtype() == "bfloat16"
    assert own.dtype == "float32" and own.numpy().tolist() == [1.0, 1.0]
    assert autocast_dtype() is None


def test_the_scope_ends_with_an_error(mixed):
    class Failing(keras.layers.Layer):
        def call(self, x):
            raise RuntimeError("no")

    with pytest.raises(RuntimeError, match="no"):
        Failing()(np.ones((1, 2), "float32"))
    assert autocast_dtype() is None


def test_stateless_call_within_a_mixed_layer_restores_float32(mixed):
    inner = keras.layers.Dense(2)
    inner.build((None, 3))
    before = [w.numpy() for w in inner.weights]

    class Outer(keras.layers.Layer):
        def call(self, x):
            return inner.stateless_call([w.value * 0 for w in inner.trainable_variables], [], x)[0]

    assert not _values(Outer()(_random(1, 2, 3))).any()
    for a, w in zip(before, inner.weights, strict=True):
        np.testing.assert_array_equal(a, w.numpy())


def test_eager_and_compiled_training_agree(mixed):
    def losses(run_eagerly):
        keras.utils.set_random_seed(1)
        layers = keras.layers
        model = keras.Sequential(
            [keras.Input((6,)), layers.Dense(8, activation="relu"), layers.BatchNormalization(), layers.Dense(3)]
        )
        model.compile("adam", "mse", run_eagerly=run_eagerly)
        assert model.predict(_random(1, 4, 6), verbose=0).dtype.name == "bfloat16"
        return model.fit(_random(1, 32, 6), _random(2, 32, 3), epochs=3, batch_size=8, verbose=0).history["loss"]

    np.testing.assert_allclose(losses(True), losses(False), rtol=1e-2)


def test_names_of_mixed_precision():
    names = keras.mixed_precision
    for half in HALVES:
        try:
            names.set_global_policy(f"mixed_{half}")
            assert names.global_policy() == names.dtype_policy() == names.Policy(f"mixed_{half}")
            assert keras.layers.Dense(2).compute_dtype == half
        finally:
            names.set_global_policy("float32")
    assert names.LossScaleOptimizer is keras.optimizers.LossScaleOptimizer
    with pytest.raises(ValueError, match="Cannot convert 'mixed_float8'"):
        names.set_global_policy("mixed_float8")
    assert names.global_policy().name == "float32"


def test_losses_and_metrics_stay_in_float32(mixed):
    loss, metric = keras.losses.MeanSquaredError(), keras.metrics.MeanSquaredError()
    y = keras.ops.ones((2, 2), "bfloat16")
    assert loss(y, y).dtype == metric(y, y).dtype == "float32"
    # The loss goes back to the logits through the rounding.
    model = keras.Sequential([keras.Input((4,)), keras.layers.Dense(3, activation="softmax")])
    model.compile("sgd", "sparse_categorical_crossentropy")
    model.layers[0].set_weights([np.diag([60.0, 60.0, 60.0, 60.0])[:, :3].astype("float32"), np.zeros(3, "float32")])
    x, y = np.eye(4, dtype="float32")[:1], np.array([1])
    assert model.train_on_batch(x, y) == pytest.approx(60.0, rel=1e-2)  # probabilities end at log(1e-7) = -16


_REFUSING = {"STFTSpectrogram"}  # bfloat16, as Keras's layers do


@pytest.mark.parametrize(
    "case",
    [c for c in (*LAYERS, *CONVOLUTIONS) if not c.random and "dtype" not in c.kwargs and c.cls not in _REFUSING],
    ids=str,
)
def test_layers_under_the_mixed_policy(case):
    """bfloat16 comes out, near what float32 gives; weights and their gradients are float32."""
    mixed_case = dataclasses.replace(case, kwargs={**case.kwargs, "dtype": "mixed_bfloat16"})
    layer, inputs = mixed_case.build(keras), case.inputs()
    expected = np.asarray(case.call(case.build(keras), inputs))
    xs = [keras.ops.array(x) for x in (inputs if isinstance(inputs, list) else [inputs])]
    with GradientTape() as tape:
        output = mixed_case.call(layer, xs if isinstance(inputs, list) else xs[0])
        total = keras.ops.sum(keras.ops.cast(output, "float32"))
    assert output.dtype == "bfloat16" and {w.dtype for w in layer.weights} <= {"float32"}
    finite = np.isfinite(expected)
    scale = np.abs(expected[finite]).max(initial=1e-3)
    np.testing.assert_allclose(_values(output)[finite], expected[finite], atol=0.03 * scale)
    if case.smooth and layer.trainable_variables:
        gradients = tape.gradient(total, layer.trainable_variables)
        assert {g.dtype for g in gradients if g is not None} == {"float32"}


@pytest.mark.parametrize("suffix", [".keras", ".h5"])
@pytest.mark.filterwarnings("ignore:You are saving your model as an HDF5 file")
def test_policies_are_saved(tmp_path, suffix):
    layers = keras.layers
    model = keras.Sequential(
        [
            keras.Input((4,)),
            layers.Dense(3, dtype="mixed_bfloat16", name="mixed"),
            layers.LayerNormalization(dtype=keras.DTypePolicy("mixed_bfloat16")),
            layers.Dense(2, dtype="bfloat16", name="narrow"),
            layers.Dense(2, name="wide"),
        ]
    )
    path = tmp_path / f"model{suffix}"
    model.save(path)
    again = keras.saving.load_model(path)
    names = ["mixed_bfloat16", "mixed_bfloat16", "bfloat16", "float32"]
    assert [layer.dtype_policy.name for layer in again.layers] == names
    assert [w.dtype for w in again.weights] == [w.dtype for w in model.weights]
    x = _random(1, 3, 4)
    np.testing.assert_array_equal(again(x).numpy(), model(x).numpy())


def test_layers_take_and_give_what_their_policy_says():
    for name, output, weight in (
        ("mixed_bfloat16", "bfloat16", "float32"),
        ("bfloat16", "bfloat16", "bfloat16"),
        ("float64", "float64", "float64"),
    ):
        layer = keras.layers.Dense(2, dtype=name)
        assert layer(np.ones((1, 2), "float32")).dtype == layer.compute_dtype == output
        assert {w.dtype for w in layer.weights} == {weight} == {layer.dtype}


@pytest.mark.parametrize(
    "make",
    [lambda: keras.optimizers.SGD(0.1, 0.9), lambda: keras.optimizers.Adam(0.1), lambda: keras.optimizers.RMSprop(0.1)],
)
def test_optimizers_update_bfloat16_variables(make):
    v, optimizer = keras.Variable([1.0, -2.0], dtype="bfloat16"), make()
    optimizer.apply([keras.ops.array([1.0, -1.0], "bfloat16")], [v])
    assert v.dtype == "bfloat16" and _values(v)[0] < 1.0 and _values(v)[1] > -2.0


# --- what is said ----------------------------------------------------------------------------------------------------


def test_the_fallback_is_told_once(caplog, isa):
    engine_precision.tell_of_mixed.cache_clear()
    with caplog.at_level(logging.WARNING, logger="fastkeras"):
        for _ in range(2):
            keras.layers.Dense(2, dtype="mixed_bfloat16")
            keras.layers.Dense(2, dtype="mixed_float16")
            keras.layers.Dense(2)
    slow = ["mixed_bfloat16"] * (not multiplies_bfloat16()) + ["mixed_float16"] * (not multiplies_tiles())
    assert [r.message.split(":")[0] for r in caplog.records] == slow


def test_levels():
    assert keras.config.float32_matmul_precision() == "highest"
    with keras.config.float32_matmul_precision_scope("high"):
        assert keras.config.float32_matmul_precision() == "high"
        with pytest.raises(RuntimeError), keras.config.float32_matmul_precision_scope("medium"):
            raise RuntimeError
        assert keras.config.float32_matmul_precision() == "high"
    assert keras.config.float32_matmul_precision() == "highest"
    for wrong in ("low", None, 1, ["high"]):
        with pytest.raises(ValueError, match=r"must be 'highest', 'high' or 'medium'. Received: precision="):
            keras.config.set_float32_matmul_precision(wrong)
    with pytest.raises(ValueError, match="must be"), keras.config.float32_matmul_precision_scope("best"):
        pytest.fail("entered")
    assert keras.config.float32_matmul_precision() == "highest"


def test_a_compiled_step_follows_the_level(isa):
    a, b = _random(1, 40, 50), _random(2, 50, 30)
    product = Function(keras.ops.matmul)
    exact = product(a, b).numpy()
    with keras.config.float32_matmul_precision_scope("medium"):
        found = product(a, b).numpy()
        np.testing.assert_array_equal(found, keras.ops.matmul(a, b).numpy())
    assert np.array_equal(found, exact) != multiplies_bfloat16()
    np.testing.assert_array_equal(product(a, b).numpy(), exact)


def test_a_mixed_step_multiplies_bfloat16_and_keeps_float32_elsewhere(mixed, isa):
    model = keras.Sequential([keras.Input((8, 8, 4)), keras.layers.Conv2D(16, 3), keras.layers.Flatten()])
    model.add(keras.layers.Dense(64))
    x = _random(1, 64, 8, 8, 4)
    y = model.predict(x, verbose=0).astype("float32")
    kernel, bias, weights, last = (w.numpy() for w in model.weights)
    attributes = dict(strides=[1, 1], dilation=[1, 1], pads=[0] * 4, groups=1)
    # What rounds only to widen again is left out of programs.
    operand = rounded_to_bfloat16 if multiplies_bfloat16() else np.asarray
    hidden = primitive("conv")(operand(x), operand(kernel), **attributes).numpy() + bias
    exact = operand(hidden.reshape(64, -1)) @ operand(weights) + last
    np.testing.assert_allclose(y, exact, rtol=1 / 128, atol=1e-3)


def test_describe_kernels(isa):
    text = keras.config.describe_kernels()
    assert text.startswith(f"kernels: {isa} (of ")
    assert "'highest' allows" in text
    assert ("six products of three planes" if multiplies_tiles() else "float32 multiply-adds run") in text
    with keras.config.float32_matmul_precision_scope("medium"):
        text = keras.config.describe_kernels()
    unit = "tiles" if multiplies_tiles() else "pairs"
    assert text.count(f"{unit} of bfloat16 are multiplied") == 2 * multiplies_bfloat16()
    assert text.count("do not multiply bfloat16") == 2 * (not multiplies_bfloat16())
    assert ("no kernels multiply float16" in text) != multiplies_tiles()


def test_verbose_is_told_at_import_and_when_the_level_is_set():
    program = "import fastkeras as k; k.config.set_float32_matmul_precision('medium')"
    for value, times in (("1", 2), ("0", 0)):
        done = run_python(program, FASTKERAS_VERBOSE=value)
        assert done.returncode == 0 and done.stdout == ""
        assert done.stderr.count("float32 products: ") == times, done.stderr
        assert ("'medium' allows" in done.stderr) == bool(times)
