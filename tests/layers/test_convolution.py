"""Convolution and pooling: shapes and values of any geometry, empty images, wrong arguments."""

import functools

import numpy as np
import pytest
from cases.windows import convolved, windows_of
from helpers import ones
from hypothesis import given, settings
from hypothesis import strategies as st

import fastkeras as keras
from fastkeras import layers, ops
from fastkeras.engine import Function, TensorSpec


@st.composite
def geometries(draw):
    rank = draw(st.integers(1, 3))
    kernel = draw(st.tuples(*[st.integers(1, 4)] * rank))
    strided = draw(st.booleans())
    strides = draw(st.integers(1, 3)) if strided else 1
    dilation = 1 if strided else draw(st.integers(1, 3))
    spatial = draw(st.tuples(*[st.integers(1, (40, 12, 6)[rank - 1])] * rank))
    padding = draw(st.sampled_from(["valid", "same"]))
    groups = draw(st.sampled_from([1, 1, 2, 3]))
    channels, filters = groups * draw(st.integers(1, 9)), groups * draw(st.integers(1, 18))
    return {
        "shape": (draw(st.integers(1, 3)), *spatial, channels), "kernel": (*kernel, channels // groups, filters),
        "strides": strides, "padding": padding, "dilation_rate": dilation, "groups": groups,
    }  # fmt: skip


def pads_of(shape, kernel, strides, padding, dilation):
    pads = []
    for n, k in zip(shape[1:-1], kernel, strict=False):
        window = (k - 1) * dilation + 1
        missing = max((-(-n // strides) - 1) * strides + window - n, 0) if padding == "same" else 0
        pads += [missing // 2, missing - missing // 2]
    return pads


@settings(max_examples=150, deadline=None)
@given(geometries(), st.sampled_from(["float32", "float64"]), st.booleans())
def test_conv_equals_the_sum_over_taps(g, dtype, first):
    rng = np.random.RandomState(0)
    x, w = rng.normal(size=g["shape"]).astype(dtype), rng.normal(size=g["kernel"]).astype(dtype)
    rank = x.ndim - 2
    settings = {k: g[k] for k in ("strides", "padding", "dilation_rate")}
    given_x = np.moveaxis(x, -1, 1) if first else x
    form = {"data_format": "channels_first" if first else "channels_last"}
    windows = [(k - 1) * g["dilation_rate"] + 1 for k in w.shape[:rank]]
    if g["padding"] == "valid" and any(n < window for n, window in zip(x.shape[1:-1], windows, strict=True)):
        with pytest.raises(ValueError, match="Computed output size would be zero or negative"):
            ops.conv(given_x, w, **settings, **form)
        return
    pads = pads_of(x.shape, w.shape, g["strides"], g["padding"], g["dilation_rate"])
    expected = convolved(
        x.astype("float64"), w.astype("float64"), [g["strides"]] * rank, [g["dilation_rate"]] * rank, pads, g["groups"]
    )
    y = ops.conv(given_x, w, **settings, **form).numpy()
    y = np.moveaxis(y, 1, -1) if first else y
    assert y.dtype == dtype
    tolerance = 1e-5 if dtype == "float32" else 1e-13
    np.testing.assert_allclose(y, expected, rtol=tolerance, atol=tolerance * max(np.abs(expected).max(), 1))
    if not first:  # the transposed convolution is the transpose: <conv(x), u> = <x, conv_transpose(u)>
        same = g["groups"] == 1 and (g["strides"] == 1 or g["padding"] == "valid")
        u = rng.normal(size=y.shape).astype("float64")
        if same:
            back = ops.conv_transpose(u, w.astype("float64"), **settings).numpy()
            overlap = tuple(slice(0, min(a, b)) for a, b in zip(back.shape, x.shape, strict=True))
            np.testing.assert_allclose((expected * u).sum(), (back[overlap] * x[overlap]).sum(), rtol=1e-6, atol=1e-6)


@settings(max_examples=80, deadline=None)
@given(geometries(), st.integers(1, 3))
def test_pools_equal_those_of_the_windows(g, strides):
    x = np.random.RandomState(0).normal(size=g["shape"]).astype("float32")
    size = g["kernel"][:-2]
    if g["padding"] == "valid" and any(n < k for n, k in zip(x.shape[1:-1], size, strict=True)):
        with pytest.raises(ValueError, match="Computed output size would be zero or negative"):
            ops.max_pool(x, size, strides, g["padding"])
        return
    pads = pads_of(x.shape, size, strides, g["padding"], 1)
    windows = windows_of(x, size, [strides] * len(size), pads)
    y = ops.max_pool(x, size, strides, g["padding"])
    np.testing.assert_array_equal(y, np.nanmax(windows, axis=-1))
    mean = np.nanmean(windows.astype("float64"), axis=-1)
    np.testing.assert_allclose(ops.average_pool(x, size, strides, g["padding"]), mean, rtol=1e-5, atol=1e-6)


def test_pools_of_what_is_not_a_number():
    x = np.array([[[1.0], [np.nan], [-np.inf], [-np.inf]]], "float32")
    assert np.isnan(ops.max_pool(x, 2).numpy()[0, 0, 0]) and ops.max_pool(x, 2).numpy()[0, 1, 0] == -np.inf


@pytest.mark.parametrize("shape", [(0, 8, 8, 3), (2, 8, 8, 0)])
def test_empty_images(shape):
    x, kernel = keras.ops.zeros(shape), keras.Variable(ones(3, 3, shape[-1], 4))
    with keras.GradientTape() as tape:
        tape.watch(x)
        y = ops.conv(x, kernel)
        total = ops.sum(y)
    assert y.shape == (shape[0], 6, 6, 4) and not y.numpy().any()
    dx, dw = tape.gradient(total, [x, kernel])
    assert dx.shape == shape and dw.shape == kernel.shape and not np.asarray(dw).any()
    for op in (ops.max_pool, ops.average_pool):
        assert op(x, 2).shape == (shape[0], 4, 4, shape[-1])
    assert ops.depthwise_conv(x, ones(3, 3, shape[-1], 2)).shape == (shape[0], 6, 6, 2 * shape[-1])


def test_first_of_equal_elements_gets_the_gradient():
    x = ops.array([[[1.0], [1.0], [0.0], [0.0]]])
    with keras.GradientTape() as tape:
        tape.watch(x)
        y = ops.sum(ops.max_pool(x, 2))
    assert tape.gradient(y, x).numpy().ravel().tolist() == [1.0, 0.0, 1.0, 0.0]


def test_bfloat16_is_computed_in_float32():
    x = ops.cast(ones(1, 5, 5, 2), "bfloat16")
    y = ops.conv(x, ops.cast(ones(3, 3, 2, 4), "bfloat16"))
    assert y.dtype == "bfloat16" and float(ops.cast(y, "float32")[0, 0, 0, 0]) == 18.0
    assert ops.max_pool(x, 2).dtype == "bfloat16"


def test_bias_and_relu_are_absorbed():
    model = keras.Sequential([keras.Input((8, 8, 3)), layers.Conv2D(4, 3, activation="relu")])
    step = Function(lambda x: model(x))
    text = step.compile(TensorSpec((2, 8, 8, 3), "float32")).describe()
    assert "conv_bias" in text and "relu" not in text.replace("activation", "")


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("conv", [layers.DepthwiseConv2D, functools.partial(layers.Conv2D, 5)])
def test_zeros_around_images_bias_and_relu_are_absorbed(conv, dtype, isa):
    """The layers one by one, without a program, say what the values and gradients of the step are."""
    pad = layers.ZeroPadding2D(((0, 1), (2, 1)), dtype=dtype)
    conv = conv(kernel_size=3, strides=2, activation="relu6", bias_initializer="random_uniform", dtype=dtype)
    x = ops.convert_to_tensor(4 * np.random.RandomState(0).standard_normal((2, 11, 13, 37)), dtype)

    def run(x):
        with keras.GradientTape() as tape:
            tape.watch(x)
            y = conv(pad(x))
            loss = ops.sum(ops.square(y))
        return [y, *tape.gradient(loss, [x, *conv.trainable_variables])]

    expected, step = run(x), Function(run)
    for got, want in zip(step(x), expected, strict=True):
        np.testing.assert_allclose(got.numpy(), want.numpy(), rtol=1e-4, atol=1e-3)
    schedule = step.compile(x).describe()
    assert "place(" not in schedule and "relu6(" not in schedule and "conv_bias(" in schedule
    assert "slice(" not in schedule or isinstance(conv, layers.Conv2D)


def test_masked_average_leaves_out_steps():
    x = ops.array([[[1.0], [3.0], [5.0]]])
    layer = layers.GlobalAveragePooling1D()
    assert layer(x, mask=ops.array([[True, True, False]])).numpy().tolist() == [[2.0]]


BAD = [
    (lambda: layers.Conv2D(0, 3), "strictly positive value. Received filters=0"),
    (lambda: layers.Conv2D(3, 3, groups=2), "divisible by the number of groups. Received: groups=2, filters=3"),
    (lambda: layers.Conv2D(3, 3, groups=0), "must be a positive integer. Received: groups=0"),
    (lambda: layers.Conv2D(3, (3,)), "`kernel_size` argument must be a tuple of 2 integers. Received kernel_size"),
    (lambda: layers.Conv2D(3, "ab"), "including element a of type"),
    (lambda: layers.Conv2D(3, 0), r"including values \{0\} that do not satisfy `value > 0`"),
    (lambda: layers.Conv2D(3, 3, padding="causal"), "The `padding` argument must be"),
    (lambda: layers.Conv2D(3, 3, strides=2, dilation_rate=2), "`strides > 1` not supported in conjunction"),
    (lambda: layers.Conv2D(3, 3, data_format="nhwc"), "data_format"),
    (lambda: layers.Conv2DTranspose(3, 3, output_padding=1), "strictly less than `strides`"),
    (lambda: layers.DepthwiseConv2D(3, depth_multiplier=0), "Received depth_multiplier=0"),
    (lambda: layers.SeparableConv2D(-1, 3), "Received filters=-1"),
    (lambda: layers.MaxPooling2D(0), "`pool_size` argument must be a tuple of 2 integers"),
    (lambda: layers.MaxPooling2D(2, padding="full")(ones(1, 4, 4, 1)), "padding"),
    (lambda: layers.MaxPooling2D(5)(ones(1, 2, 2, 1)), "Computed output size would be zero or negative"),
    (lambda: layers.MaxPooling2D(2)(ones(1, 2, 2)), "expected ndim=4, found ndim=3"),
    (lambda: layers.Conv2D(3, 3)(ones(1, 2, 2, 1)), "Computed output size would be zero or negative"),
    (lambda: layers.Conv2D(4, 3, groups=2)(ones(1, 8, 8, 3)), "but the input has 3 channels"),
    (lambda: layers.Conv2D(3, 3)(ones(1, 2, 2)), "expected min_ndim=4, found ndim=3"),
    (lambda: layers.Conv2D(3, 3)(keras.Input((8, 8, None))), "The channel axis of the inputs must have a size"),
    (lambda: ops.conv(ones(1, 4, 4, 3), ones(3, 3, 2, 4)), "evenly divisible by kernel's in_channels"),
    (lambda: ops.conv(ones(1, 4, 4, 4), ones(3, 3, 2, 3)), "number of filters must be evenly divisible"),
    (lambda: ops.conv(ones(1, 4, 4, 3), ones(3, 3, 4)), "Kernel shape must have the same length as input"),
    (lambda: ops.conv(ones(1, 4, 4, 3), ones(3, 3, 3, 4), padding="causal"), "`padding` must be either"),
    (lambda: ops.depthwise_conv(ones(1, 4, 4, 3), ones(3, 3, 2, 4)), "must match the kernel's input channels"),
    (lambda: ops.conv_transpose(ones(1, 4, 4, 3), ones(3, 3, 3, 4)), "must match the kernel's input channels"),
    (lambda: layers.ZeroPadding2D((1, 2, 3)), "`padding` should have two elements"),
    (lambda: layers.ZeroPadding2D(None), "`padding` should be either an int"),
    (lambda: layers.Cropping2D(-1), "`cropping` cannot be negative"),
    (lambda: layers.Cropping2D(2)(ones(1, 4, 4, 1)), "should be smaller than the corresponding spatial dimension"),
    (lambda: layers.Cropping1D(2)(ones(1, 4, 1)), "must be smaller than the input length"),
    (lambda: layers.UpSampling1D(0), "Received: size=0"),
]


@pytest.mark.parametrize("make, message", BAD, ids=[m for _, m in BAD])
def test_wrong_arguments(make, message):
    with pytest.raises(ValueError, match=message):
        make()


def test_kernel_before_build():
    with pytest.raises(AttributeError, match="You must build the layer before accessing `kernel`"):
        _ = layers.Conv2D(2, 3).kernel


@pytest.mark.parametrize("strides", [2, 1])  # windows apart, and windows that share inputs
def test_gradient_of_relu_joins_that_of_the_pool(strides):
    kernel = keras.Variable(np.random.RandomState(0).normal(size=(3, 3, 2, 5)).astype("float32"))

    def slopes(x):
        with keras.GradientTape() as tape:
            y = ops.max_pool(ops.relu(ops.conv(x, kernel)), 2, strides)
            total = ops.sum(y * y)
        return tape.gradient(total, kernel)

    x = ops.array(np.random.RandomState(1).normal(size=(2, 9, 8, 2)).astype("float32"))
    step = Function(slopes)
    assert "max_pool_relu_grad" in step.compile(x).describe()
    np.testing.assert_allclose(step(x), slopes(x), rtol=1e-5, atol=1e-5)


def test_normalization_by_stored_statistics_becomes_part_of_the_filters():
    layers = keras.layers
    model = keras.Sequential(
        [
            keras.Input((18, 18, 3)),
            layers.Conv2D(8, 3, use_bias=False),
            layers.BatchNormalization(),
            layers.ReLU(6.0),
            layers.DepthwiseConv2D(3, use_bias=False),
            layers.BatchNormalization(),
            layers.ReLU(),
            layers.Conv2D(5, 1, use_bias=False),
            layers.BatchNormalization(scale=False, center=False),
        ]
    )
    random = np.random.RandomState(0)
    model.set_weights([random.uniform(0.5, 2, w.shape).astype("float32") for w in model.get_weights()])
    x = random.standard_normal((4, 18, 18, 3)).astype("float32")
    expected = x
    for layer in model.layers:
        expected = layer(expected)
    run = Function(lambda x: model(x, training=False))
    np.testing.assert_allclose(run(x).numpy(), expected.numpy(), rtol=1e-5, atol=1e-4)
    schedule = run.compile(x).describe()
    assert schedule.count("conv_bias(") == 3
    assert "tile[multiply add" not in schedule and "relu" not in schedule


@pytest.mark.parametrize("axis", [-1, 1])
@pytest.mark.parametrize("center", [True, False])
@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("relu", ["relu", "relu6"])
def test_a_relu_goes_into_the_normalization_before_it(relu, dtype, center, axis, isa):
    """With the bits of the ops one by one (double: as compilers contract it), inf and NaN too; without beta the
    gradient reads what the relu gave."""
    layer = layers.BatchNormalization(axis=axis, center=center, gamma_initializer="random_normal", dtype=dtype)
    x = 9 * np.random.RandomState(0).standard_normal((5, 7, 3, 37))
    x[0, 0, 0, 0], x[0, 0, 1, 1], x[0, 0, 2, 2] = np.inf, np.nan, 1e30
    x = ops.convert_to_tensor(x, dtype)

    def run(x):
        with keras.GradientTape() as tape:
            tape.watch(x)
            y = getattr(ops, relu)(layer(x, training=True))
            loss = ops.sum(y * y * y)
        return [y, *tape.gradient(loss, [x, *layer.trainable_variables])]

    expected, step = run(x), Function(run)
    for got, want in zip(step(x), expected, strict=True):
        np.testing.assert_allclose(got.numpy(), want.numpy(), rtol=0 if dtype == "float32" else 1e-9)
    schedule = step.compile(x).describe()
    assert "batch_norm_relu_grad(" in schedule and "relu(" not in schedule and "relu6(" not in schedule


def test_the_normalization_before_a_sum_keeps_its_relu_apart():
    """In a residual block the gradient of the relu goes two ways, and the relu is not that of either normalization."""
    norms = [layers.BatchNormalization() for _ in range(2)]
    x = ops.convert_to_tensor(np.random.RandomState(0).standard_normal((4, 6, 6, 8)).astype("float32"))

    def run(x):
        with keras.GradientTape() as tape:
            tape.watch(x)
            y = ops.relu(norms[0](x, training=True))
            z = ops.relu(norms[1](y, training=True) + y)
            loss = ops.sum(z * z)
        return [z, *tape.gradient(loss, [x, norms[0].gamma, norms[1].gamma])]

    expected, step = run(x), Function(run)
    for got, want in zip(step(x), expected, strict=True):
        np.testing.assert_allclose(got.numpy(), want.numpy(), rtol=1e-5, atol=1e-4)
    schedule = step.compile(x).describe()
    assert schedule.count("batch_norm_grad(") == 1
