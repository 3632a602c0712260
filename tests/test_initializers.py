"""Initializers: distributions, seeds, arguments."""

import numpy as np
import pytest

import fastkeras as keras
from fastkeras import initializers
from fastkeras.initializers import compute_fans

SCALED = {
    "GlorotUniform": 2 / 500, "GlorotNormal": 2 / 500, "LecunUniform": 1 / 300, "LecunNormal": 1 / 300,
    "HeUniform": 2 / 300, "HeNormal": 2 / 300,
}  # fmt: skip


@pytest.mark.parametrize("name", SCALED)
def test_variance(name):
    values = getattr(initializers, name)(seed=1)((300, 200)).numpy()
    np.testing.assert_allclose(values.var(), SCALED[name], rtol=0.03)
    assert abs(values.mean()) < 1e-3
    if "Uniform" in name:
        limit = np.sqrt(3 * SCALED[name])
        assert -limit <= values.min() < -0.99 * limit and 0.99 * limit < values.max() <= limit
    else:  # cut at two standard deviations of the normal that was drawn
        assert np.abs(values).max() <= 2 * np.sqrt(SCALED[name]) / 0.87962566103423978 * 1.0001


@pytest.mark.parametrize("mode, n", [("fan_in", 300), ("fan_out", 200), ("fan_avg", 250)])
@pytest.mark.parametrize("distribution", ["uniform", "truncated_normal", "untruncated_normal", "normal"])
def test_variance_scaling(mode, n, distribution):
    values = initializers.VarianceScaling(3.0, mode, distribution, seed=2)((300, 200)).numpy()
    np.testing.assert_allclose(values.var(), 3.0 / n, rtol=0.03)


def test_fans():
    assert compute_fans(()) == (1, 1)
    assert compute_fans((5,)) == (5, 5)
    assert compute_fans((3, 4, 5, 6)) == (60, 72)
    assert compute_fans((3, 4, 5, 6), input_axes=(0, 1), output_axes=(2,)) == (12, 5)


def test_orthogonal():
    for shape in ((20, 30), (30, 20), (3, 4, 5)):
        w = initializers.Orthogonal(gain=2.0, seed=3)(shape).numpy().reshape(-1, shape[-1])
        product = w @ w.T if w.shape[0] <= w.shape[1] else w.T @ w
        np.testing.assert_allclose(product, 4.0 * np.eye(len(product)), atol=1e-4)


@pytest.mark.parametrize("name", [*SCALED, "RandomNormal", "RandomUniform", "TruncatedNormal", "Orthogonal"])
def test_seeds(name):
    make = getattr(initializers, name)
    first = make(seed=5)((4, 5)).numpy()
    np.testing.assert_array_equal(make(seed=5)((4, 5)), first)
    assert (make(seed=6)((4, 5)).numpy() != first).any()
    assert (make()((4, 5)).numpy() != make()((4, 5)).numpy()).any()
    fixed, moving = make(seed=5), make(seed=keras.random.SeedGenerator(5))
    np.testing.assert_array_equal(fixed((4, 5)), fixed((4, 5)))
    assert (moving((4, 5)).numpy() != moving((4, 5)).numpy()).any()
    twin = fixed.clone()
    np.testing.assert_array_equal(twin((4, 5)), first)


def test_dtypes_and_arrays():
    for name in ("ones", "zeros", "glorot_uniform", "orthogonal", "identity"):
        assert initializers.get(name)((3, 3), dtype="float64").dtype == "float64"
    given = initializers.get(np.arange(4.0))
    assert given((4,), dtype="float32").tolist() == [0.0, 1.0, 2.0, 3.0]
    with pytest.raises(ValueError, match="for direct tensor as initializer"):
        given((5,))
    layer = keras.layers.Dense(2, kernel_initializer=lambda shape, dtype=None: keras.ops.ones(shape, dtype) * 2)
    layer.build((None, 3))
    assert layer.kernel.numpy().min() == 2.0


@pytest.mark.parametrize(
    "make, message",
    [
        (lambda: initializers.VarianceScaling(0.0), "Argument `scale` must be positive float. Received: scale=0.0"),
        (lambda: initializers.VarianceScaling(mode="fan"), "Invalid `mode` argument: fan"),
        (lambda: initializers.VarianceScaling(distribution="cauchy"), "Invalid `distribution` argument: cauchy"),
        (lambda: initializers.RandomNormal(seed="x"), "`seed` argument should be an instance of"),
        (lambda: initializers.Identity()((2, 3, 4)), "can only be used for 2D matrices"),
        (lambda: initializers.Orthogonal()((2,)), "must be at least two-dimensional"),
    ],
)
def test_errors(make, message):
    with pytest.raises(ValueError, match=message):
        make()


def test_user_initializer_must_write_call():
    with pytest.raises(NotImplementedError, match="must implement the `__call__\\(\\)` method"):
        initializers.Initializer()((2,))


@pytest.mark.parametrize(
    "name", [*SCALED, "Ones", "Zeros", "Orthogonal", "Identity", "RandomNormal", "VarianceScaling"]
)
def test_config(name):
    made = getattr(initializers, name)()
    config = initializers.serialize(made)
    assert (config["module"], config["class_name"]) == ("keras.initializers", name)
    assert initializers.serialize(initializers.deserialize(config)) == config


def test_constant_of_an_array_returns():
    config = initializers.serialize(initializers.Constant(np.array([1.0, 2.0], "float32")))
    assert initializers.deserialize(config)((2, 2)).tolist() == [[1.0, 2.0], [1.0, 2.0]]
    seeded = initializers.serialize(initializers.RandomNormal(seed=keras.random.SeedGenerator(3)))
    assert isinstance(initializers.deserialize(seeded).seed, keras.random.SeedGenerator)


def test_kernels_of_fourier_transforms():
    for name in ("stft", "STFT", "STFTInitializer"):
        assert isinstance(initializers.get(name), initializers.STFT)
    window = np.hamming(8)
    given = initializers.STFT("imag", window=window, scaling=None)
    twin = initializers.deserialize(initializers.serialize(given))
    np.testing.assert_array_equal(twin((8, 1, 5)), given((8, 1, 5)))
    np.testing.assert_allclose(given((8, 1, 5)), initializers.STFT("imag", "hamming", None)((8, 1, 5)), atol=1e-6)
    assert given((8, 1, 5), dtype="float64").dtype == "float64"
    for settings, message in (({"side": "left"}, "left"), ({"window": "gothic"}, "gothic"), ({"scaling": "x"}, "=x")):
        with pytest.raises(ValueError, match=message):
            initializers.STFT(**settings)
    with pytest.raises(ValueError, match="shape of `window`"):
        given((7, 1, 5))


def test_a_variable_may_name_its_initializer():
    assert keras.Variable("ones", shape=(2, 3)).numpy().tolist() == [[1.0] * 3] * 2
    drawn = keras.Variable(shape=(50,), initializer="uniform").numpy()
    assert np.abs(drawn).max() <= 0.05 < 20 * np.abs(drawn).max()
    with pytest.raises(ValueError, match="shape"):
        keras.Variable("zeros")
    with pytest.raises(ValueError, match="no_such"):
        keras.Variable("no_such", shape=(2,))
