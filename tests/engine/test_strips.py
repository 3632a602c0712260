"""Programs that run some samples at a time: the bits of the whole batch, and what they leave alone."""

import numpy as np
import pytest

import fastkeras as keras
from fastkeras import ops
from fastkeras.engine import Function, config


def images(samples, side=64, channels=24):
    random = np.random.RandomState(0)
    return ops.convert_to_tensor(random.standard_normal((samples, side, side, channels)).astype("float32"))


KERNEL = keras.Variable(np.random.RandomState(1).standard_normal((3, 3, 24, 1)).astype("float32"))
BIAS = keras.Variable(np.random.RandomState(2).standard_normal(24).astype("float32"))


def block(x):
    """A residual block of ops that know no neighbours among samples; its weights are made in the program."""
    y = ops.relu6(ops.depthwise_conv(x, KERNEL * 0.5, padding="same") + BIAS)
    return ops.tanh(ops.depthwise_conv(y, KERNEL, padding="same")) + x


def same(run, x, strips):
    step = Function(run)
    for _ in range(2):
        for got, want in zip(step(x), run(x), strict=True):
            np.testing.assert_array_equal(got.numpy(), want.numpy())
    schedule = step.compile(x).describe()
    assert schedule.count("strips[") == strips
    return schedule


@pytest.mark.parametrize("samples", [1, 7, 16, 18])
@pytest.mark.parametrize("threads", [1, 2, 3])
def test_a_batch_in_strips_has_the_same_bits(samples, threads, isa, set_threads):
    set_threads(threads)
    same(lambda x: [ops.max_pool(block(block(x)), 2)], images(samples), samples > 1)


@pytest.mark.parametrize("reduce", [ops.sum, ops.mean, ops.max, ops.prod, ops.logsumexp])
def test_pairs_of_rows_are_reduced_in_strips(reduce, isa):
    rows = ops.convert_to_tensor(np.random.RandomState(0).normal(size=(48, 60, 24)).astype("float32"))
    same(lambda x: [reduce((x[:, :, None] - x[:, None]) ** 2, axis=-1)], rows, 1)
    same(lambda x: [reduce((x[:, :, None] - x[:, None]) ** 2, axis=0)], rows, 0)


def test_what_lies_between_two_nodes_has_memory_for_one_strip():
    x = images(32)
    program = Function(lambda x: ops.average_pool(block(block(block(x))), 4)).compile(x)
    whole = x.numpy().nbytes  # a feed that is gathered from rows has memory too
    assert program.memory_bytes - whole < 0.5 * whole * config.num_threads()


@pytest.mark.parametrize("samples", [4, 6, 14])
@pytest.mark.parametrize("side", [16, 30, 56])
def test_threads_do_not_decide_whether_there_are_strips(samples, side, set_threads):
    """Where strips begin a tile ends, and what it holds in float32 is rounded to float16."""

    def run(x):
        y = ops.cast(x, "float16")
        y = y / (ops.max(y, axis=0, keepdims=True) + 1.0)
        for _ in range(8):
            y = y + ops.cast(ops.average_pool(block(ops.cast(y, "float32")), 3, 1, "same"), "float16")
        return [y]

    found = []
    for threads in (1, 2, 3):
        set_threads(threads)
        step = Function(run)
        x = images(samples, side)
        found.append((step.compile(x).describe().count("strips["), step(x)[0].numpy()))
    for strips, y in found:
        assert strips == found[0][0]
        np.testing.assert_array_equal(y, found[0][1])


def test_where_samples_meet_the_next_strips_begin():
    """The means over the batch come after the strips; what reads them is in strips of its own."""

    def run(x):
        y = block(x)
        centered = y - ops.mean(y, axis=0, keepdims=True)
        return [ops.max_pool(block(centered), 2), y]

    schedule = same(run, images(16), 2)
    assert schedule.index("strips[") < schedule.index("mean(") < schedule.rindex("strips[")


@pytest.mark.parametrize("widths", [[0, 0], [1, 0], [0, 2]])
def test_padded_samples(widths):
    """Zeros that no convolution takes stay an op, told the number of samples; around the batch they end strips."""

    def run(x):
        y = ops.pad(block(block(x)), [widths, [1, 1], [1, 1], [0, 0]])
        return [ops.max_pool(ops.tanh(y), 3, strides=2)]

    schedule = same(run, images(16), 1)
    assert ("max_pool(" in schedule) == any(widths)  # as a node of its own


def test_values_of_the_same_length_that_are_no_samples():
    table = np.random.RandomState(3).standard_normal((16, 64, 64, 24)).astype("float32")

    def run(x):
        return [block(block(x)) + table, ops.flip(block(block(x)), axis=0)]

    same(run, images(16), 1)


def test_a_prime_number_of_small_samples_is_left_alone():
    kernel = keras.Variable(np.ones((3, 3, 1, 1), "float32"))

    def run(x):
        for _ in range(4):
            x = ops.relu(ops.depthwise_conv(x, kernel, padding="same"))
        return [x]

    same(run, images(4099, 16, 1), 0)
    same(run, images(4096, 16, 1), 1)


def test_a_step_trains_what_follows_the_strips():
    head = keras.layers.Dense(3)
    x = images(16)

    def run(x):
        with keras.GradientTape() as tape:
            loss = ops.mean(ops.square(head(ops.mean(block(block(x)), axis=(1, 2)))))
        return [loss, *tape.gradient(loss, head.trainable_variables)]

    run(x)
    step = Function(run)
    for got, want in zip(step(x), run(x), strict=True):
        np.testing.assert_allclose(got.numpy(), want.numpy(), rtol=1e-5)
    assert "strips[" in step.compile(x).describe()


@pytest.mark.parametrize("convolution", ["Conv2D", "Conv2DTranspose"])
def test_gradients_that_depend_on_nothing_fed_have_samples_too(convolution, isa, set_threads):
    """A score that is linear in the last convolution sends constants back, one image of them for each sample."""
    last = getattr(keras.layers, convolution)(24, 3, padding="same", use_bias=False)
    last.build((None, 64, 64, 24))
    x, importance = images(8), np.arange(8, dtype="float32").reshape(8, 1, 1, 1)

    def run(x):
        with keras.GradientTape() as tape:
            score = ops.sum(last(block(block(x))) * importance)
        return tape.gradient(score, last.trainable_variables)

    (want,) = (t.numpy() for t in run(x))
    for threads in (1, 2):
        set_threads(threads)
        step = Function(run)
        assert "conv_kernel_grad]" in step.compile(x).describe()
        np.testing.assert_allclose(step(x)[0].numpy(), want, rtol=1e-4, atol=1e-5 * np.abs(want).max())


@pytest.fixture(scope="module")
def training():
    """A block of MobileNet whose images are large, with relus and without, and a sum of two branches."""
    layers = keras.layers
    blocks = [
        [layers.Conv2D(48, 1, use_bias=False), layers.BatchNormalization(), layers.ReLU(6.0)],
        [layers.DepthwiseConv2D(3, padding="same", use_bias=False), layers.BatchNormalization(), layers.ReLU()],
        [layers.Conv2D(24, 1, use_bias=False), layers.BatchNormalization(scale=False)],
        [layers.Conv2D(24, 3, padding="same", use_bias=False), layers.BatchNormalization(center=False), layers.ReLU()],
    ]
    model = keras.Sequential([keras.Input((None, None, 24)), *(layer for block in blocks for layer in block)])

    def run(x):
        with keras.GradientTape() as tape:
            tape.watch(x)
            y = x + model(x, training=True)
            loss = ops.mean(y * y)
        return [loss, *tape.gradient(loss, [x, *model.trainable_variables])]

    return run, model


@pytest.mark.parametrize("samples", [7, 12])
def test_training_with_normalization_goes_in_strips(samples, training, isa):
    """Sums over the batch have the same bits for any number of threads, and are those of the ops one by one."""
    run, model = training
    x = images(samples)
    before, results = config.num_threads(), []
    state = model.get_weights()
    want = [t.numpy() for t in run(x)]
    moved = model.get_weights()
    try:
        for threads in (1, 2, 3):
            config.set_num_threads(threads)
            step = Function(run)
            model.set_weights(state)
            results.append([t.numpy() for t in step(x)])
            for got, expected in zip(model.get_weights(), moved, strict=True):
                np.testing.assert_allclose(got, expected, rtol=1e-5, atol=1e-6)
            schedule = step.compile(x).describe()
            assert (
                schedule.count("strips[") >= 6 and "batch_norm_sums" in schedule and "batch_norm_products" in schedule
            )
    finally:
        config.set_num_threads(before)
        model.set_weights(state)
    for result in results:
        for got, first, expected in zip(result, results[0], want, strict=True):
            np.testing.assert_array_equal(got, first)
            np.testing.assert_allclose(got, expected, rtol=1e-3, atol=1e-4 * np.abs(expected).max())


def test_normalization_of_groups_is_part_of_strips(isa, set_threads):
    """Samples never meet there: one group of strips forward, one backward, in which y is made again."""
    layers, x = keras.layers, images(12)
    blocks = [
        [layers.GroupNormalization(6), layers.Activation("silu"), layers.DepthwiseConv2D(3, use_bias=False)],
        [layers.GroupNormalization(24, center=False), layers.Conv2D(40, 1), layers.GroupNormalization(1, scale=False)],
    ]
    model = keras.Sequential([keras.Input((None, None, 24)), *(layer for block in blocks for layer in block)])

    def run(x):
        with keras.GradientTape() as tape:
            tape.watch(x)
            y = ops.average_pool(model(x, training=True), 2)
            loss = ops.mean(y * y * y)
        return [loss, *tape.gradient(loss, [x, *model.trainable_variables])]

    want, results = [t.numpy() for t in run(x)], []
    for threads in (1, 2, 3):
        set_threads(threads)
        step = Function(run)
        results.append([t.numpy() for t in step(x)])
    forward, backward = (line for line in step.compile(x).describe().splitlines() if line.startswith("strips["))
    assert forward.count("group_norm_statistics") == backward.count("group_norm_input_grad") == 3
    assert backward.count("group_norm_apply") > 0
    for result in results:
        for got, first, expected in zip(result, results[0], want, strict=True):
            np.testing.assert_array_equal(got, first)
            np.testing.assert_allclose(got, expected, rtol=1e-3, atol=1e-4 * np.abs(expected).max())


def test_what_training_can_make_again_has_no_memory(training):
    """Of the three values per element and layer (x, y and the gradient of x) x alone is kept for long."""
    run, _ = training
    x = images(32)
    layers = 48 + 48 + 24 + 24
    assert Function(run).compile(x).memory_bytes < 2 * x.numpy().nbytes / 24 * layers


def test_gradients_of_strips_are_joined_as_they_are_made(training):
    run, _ = training
    x = images(12)

    def step(x):
        grads = run(x)[2:]
        return [ops.concatenate([ops.reshape(2.0 * g, (-1,)) for g in part]) for part in (grads[6:], grads[:6])]

    compiled, taken = Function(step).compile(x), []

    def take(number, joined):
        taken.append(joined.numpy().copy())
        joined.numpy()[...] = 0

    compiled.run([x], take)
    schedule = compiled.describe()
    assert schedule.index("@output 0") < schedule.rindex("strips[") < schedule.index("@output 1")
    for got, want in zip(taken, compiled.run([x]), strict=True):
        np.testing.assert_array_equal(got, want.numpy())


@pytest.mark.parametrize("size, strides, padding", [(2, 2, "valid"), (2, 2, "same"), (3, 2, "same"), (2, 1, "valid")])
@pytest.mark.parametrize("relu", [True, False])
def test_a_large_pool_remembers_where_its_maximum_was(size, strides, padding, relu, isa):
    """Ties go to the first, NaN to nobody, and the images before the pool are not kept for its gradient."""
    values = np.random.RandomState(4).randint(-3, 4, (8, 63, 65, 24)).astype("float32")
    values[0, 5, 7, 3] = np.nan
    x, bias = ops.convert_to_tensor(values), keras.Variable(np.full(24, 0.5, "float32"))

    def run(x):
        with keras.GradientTape() as tape:
            tape.watch(x)
            y = ops.relu(x * 2.0 + bias) if relu else x * 2.0 + bias
            y = ops.max_pool(y, size, strides, padding)
            loss = ops.sum(y[1:] * y[1:]) + ops.sum(y[0, :2])
        return tape.gradient(loss, [x, bias])

    step = Function(run)
    for got, want in zip(step(x), run(x), strict=True):
        np.testing.assert_array_equal(got.numpy(), want.numpy())  # sums of small whole numbers are exact
    schedule = step.compile(x).describe()
    assert "max_pool_where" in schedule and "max_pool_route" in schedule and "relu_grad" not in schedule


def test_sums_over_samples_are_taken_strip_by_strip(set_threads):
    """The gradient of a bias, of one that each row of an image has, and of one that every sample has."""
    x, cases = images(16), [(24,), (64, 1, 1), (1, 64, 64, 24), (16, 1, 1, 24)]
    biases = [keras.Variable(np.random.RandomState(i).normal(size=shape)) for i, shape in enumerate(cases)]

    def run(x):
        with keras.GradientTape() as tape:
            y = block(block(x))
            for bias in biases:
                y = ops.tanh(y + bias)
            loss = ops.mean(block(y))
        return tape.gradient(loss, biases)

    want, found = [t.numpy() for t in run(x)], []
    for threads in (1, 2):
        set_threads(threads)
        step = Function(run)
        lines = step.compile(x).describe().split("\n")
        assert any("sum_to" in line.split("(")[0] for line in lines if line.startswith("strips["))
        found.append([t.numpy() for t in step(x)])
    for one, two, exact in zip(*found, want, strict=True):
        np.testing.assert_array_equal(one, two)
        np.testing.assert_allclose(one, exact, rtol=1e-4, atol=1e-6 * np.abs(exact).max())


@pytest.mark.parametrize("shape", [(63, 0), (2, 0, 3), (0, 5)])
def test_a_program_on_nothing_is_compiled(shape):
    assert Function(lambda x: ops.exp(x) + 1)(np.zeros(shape, "float32")).shape == shape
