"""tensorflow as scripts of Keras use it: what its names mean here."""

import textwrap

import numpy as np
import pytest
from helpers import run_python

import fastkeras
from fastkeras.compat import tensorflow as tf

PICTURE = np.arange(16, dtype="float32").reshape(1, 4, 4, 1)
WINDOWS, CORNER = [[45, 39], [66, 50]], [8, 9, 12, 13]
X = np.array([[1.0, -2.0, 3.0], [0.5, 4.0, -1.0]], "float32")


@pytest.mark.parametrize(
    ("made", "expected"),
    [
        (lambda: tf.constant([1, 2], shape=(2, 1)), [[1], [2]]),
        (lambda: tf.constant(3.0, shape=(2,)), [3.0, 3.0]),
        (lambda: tf.reduce_mean(input_tensor=X, axis=1), X.mean(1)),
        (lambda: tf.reduce_sum(X, axis=0, keepdims=True), X.sum(0, keepdims=True)),
        (lambda: tf.math.reduce_std(X), X.std()),
        (lambda: tf.matmul(X, X, transpose_b=True), X @ X.T),
        (lambda: tf.matmul(a=X, b=X, transpose_a=True), X.T @ X),
        (lambda: tf.transpose(X), X.T),
        (lambda: tf.add(x=X, y=1.0, name="sum"), X + 1),
        (lambda: tf.maximum(X, 0.0), np.maximum(X, 0)),
        (lambda: tf.cast(X, tf.int32), X.astype("int32")),
        (lambda: tf.argmax(X), X.argmax(0)),
        (lambda: tf.argmax(X, axis=1), X.argmax(1)),
        (lambda: tf.concat(values=[X, X], axis=0), np.concatenate([X, X])),
        (lambda: tf.clip_by_value(X, -1.0, 1.0), X.clip(-1, 1)),
        (lambda: tf.gather(X, [1, 0]), X[[1, 0]]),
        (lambda: tf.fill([2, 2], 9), [[9, 9], [9, 9]]),
        (lambda: tf.one_hot([0, 2], 3, on_value=5.0, off_value=1.0), [[5, 1, 1], [1, 1, 5]]),
        (lambda: tf.range(4), [0, 1, 2, 3]),
        (lambda: tf.reshape(tensor=X, shape=(3, 2)), X.reshape(3, 2)),
        (lambda: tf.where(condition=X > 0, x=X, y=0.0), np.maximum(X, 0)),
        (lambda: tf.split(X, [1, 2], axis=1)[1], X[:, 1:]),
        (lambda: tf.split(X, 3, axis=1)[2], X[:, 2:]),
        (lambda: tf.pad(X, [[1, 0], [0, 2]], constant_values=7.0), np.pad(X, [[1, 0], [0, 2]], constant_values=7)),
        (lambda: tf.pad(X, [[1, 0], [0, 0]], "REFLECT"), np.pad(X, [[1, 0], [0, 0]], mode="reflect")),
        (lambda: tf.tile(X, multiples=[1, 2]), np.tile(X, (1, 2))),
        (lambda: tf.convert_to_tensor(value=[1, 2], dtype=tf.float32, name="c"), [1.0, 2.0]),
        (lambda: tf.nn.softmax(X), np.exp(X) / np.exp(X).sum(-1, keepdims=True)),
        (lambda: tf.nn.relu(features=X), np.maximum(X, 0)),
        (lambda: tf.nn.l2_normalize(X, axis=1), X / np.linalg.norm(X, axis=1, keepdims=True)),
        (lambda: tf.math.log(tf.exp(X)), X),
        (lambda: tf.linalg.matmul(X, X, transpose_b=True), X @ X.T),
        (lambda: tf.gather_nd(X, [[0, 1], [1, 2]]), [-2.0, -1.0]),
        (lambda: tf.boolean_mask(X, X > 0), X[X > 0]),
        (lambda: tf.boolean_mask(X, [True, False, True], axis=1), X[:, ::2]),
        (lambda: tf.where(X > 0), np.argwhere(X > 0)),
        (lambda: tf.sort(X, direction="DESCENDING"), np.sort(X)[:, ::-1]),
        (lambda: tf.argsort([1, 3, 1, 2], direction="DESCENDING"), [1, 3, 0, 2]),
        (lambda: tf.sequence_mask([1, 3]), [[True, False, False], [True, True, True]]),
        (lambda: tf.scatter_nd(indices=[[1], [3]], updates=[5.0, 6.0], shape=[5]), [0, 5, 0, 6, 0]),
        (lambda: tf.tensor_scatter_nd_update(tensor=[1, 2], indices=[[1]], updates=[9]), [1, 9]),
        (lambda: tf.tensor_scatter_nd_add([1, 2], [[1], [1]], [3, 4]), [1, 9]),
        (lambda: tf.tensor_scatter_nd_sub([1, 2], [[1], [1]], [3, 4]), [1, -5]),
        (lambda: tf.tensor_scatter_nd_max([1, 2], [[0], [1]], [3, -4]), [3, 2]),
        (lambda: tf.tensor_scatter_nd_min([1, 2], [[0], [1]], [3, -4]), [1, -4]),
        (lambda: tf.add_n([X, X, X]), 3 * X),
        (lambda: tf.clip_by_norm([3.0, 4.0], 1.0), [0.6, 0.8]),
        (lambda: tf.clip_by_norm([3.0, 4.0], 6.0), [3, 4]),
        (lambda: tf.clip_by_global_norm([[3.0], None, [4.0]], 1.0)[0][2], [0.8]),
        (lambda: tf.clip_by_global_norm([[3.0], None, [4.0]], 1.0)[1], 5.0),
        (lambda: tf.linalg.band_part(X, -1, 0), np.tril(X)),
        (lambda: tf.linalg.band_part(X, 0, 1), np.triu(X) - np.triu(X, 2)),
        (lambda: tf.math.confusion_matrix([0, 1, 2, 1], [0, 2, 2, 1]), [[1, 0, 0], [0, 1, 1], [0, 0, 1]]),
        (lambda: tf.math.confusion_matrix([0, 1], [1, 1], num_classes=2, weights=[2, 3]), [[0, 2], [0, 3]]),
        (lambda: tf.nn.embedding_lookup(X, [1, 0]), X[::-1]),
        (lambda: tf.nn.l2_loss(X), (X**2).sum() / 2),
        (lambda: tf.nn.leaky_relu(X, alpha=0.1), np.maximum(X, 0.1 * X)),
        (lambda: tf.random.categorical([[0.0, 100.0]], 3), [[1, 1, 1]]),
        (lambda: tf.sort(tf.random.shuffle(tf.range(4))), [0, 1, 2, 3]),
        (lambda: tf.range(1, limit=10, delta=3), [1, 4, 7]),
        (lambda: tf.slice(input_=X, begin=[0, 1], size=[-1, 2]), X[:, 1:]),
        (lambda: tf.math.floormod(X, 2.0), np.mod(X, 2)),
        (lambda: tf.math.unsorted_segment_sum(X, [1, 0], num_segments=2), X[::-1]),
        (lambda: tf.nn.conv2d(PICTURE, np.ones((3, 3, 1, 1), "float32"), [1, 2, 2, 1], "SAME")[0, ..., 0], WINDOWS),
        (lambda: tf.nn.conv2d(PICTURE, np.ones((2, 2, 1, 1), "float32"), 1, "VALID", dilations=3)[0, ..., 0], [[30]]),
        (lambda: tf.nn.max_pool2d(PICTURE, 3, 2, "SAME")[0, ..., 0], [[10, 11], [14, 15]]),
        (lambda: tf.nn.avg_pool2d(PICTURE, [1, 2, 2, 1], [2, 2], "VALID")[0, ..., 0], [[2.5, 4.5], [10.5, 12.5]]),
        (lambda: tf.image.extract_patches(PICTURE, [1, 2, 2, 1], [1, 2, 2, 1], [1, 1, 1, 1], "VALID")[0, 1, 0], CORNER),
        (lambda: tf.image.pad_to_bounding_box(PICTURE[0, :1], 1, 2, 3, 7)[1, :, 0], [0, 0, 0, 1, 2, 3, 0]),
        (lambda: tf.map_fn(fn=lambda row: 2 * row, elems=X), 2 * X),
        (lambda: tf.cond(tf.constant(True), lambda: tf.constant(1), lambda: tf.constant(2)), 1),
        (lambda: tf.Variable(initial_value=tf.zeros_initializer()((2,)), trainable=False), [0, 0]),
        (lambda: tf.Variable(lambda: [1, 2], dtype=tf.float32), [1, 2]),
        (
            lambda: tf.nn.sparse_softmax_cross_entropy_with_logits(labels=[0, 1], logits=X),
            np.log(np.exp(X).sum(-1)) - X[[0, 1], [0, 1]],
        ),
        (lambda: tf.nn.sigmoid_cross_entropy_with_logits(labels=np.ones_like(X), logits=X), np.log1p(np.exp(-X))),
    ],
)
def test_tensorflow_names(made, expected):
    np.testing.assert_allclose(made().numpy(), expected, rtol=1e-5, atol=1e-6)


STRINGS = tf.constant(["Ab c", "d,E"])
RAMP = np.arange(0, 240, 5, dtype="uint8").reshape(4, 4, 3)


# Expected values are TensorFlow's.
@pytest.mark.parametrize(
    ("made", "expected"),
    [
        (lambda: tf.strings.lower(STRINGS), [b"ab c", b"d,e"]),
        (lambda: tf.strings.upper("a"), b"A"),
        (lambda: tf.strings.upper("é", encoding="utf-8"), "É".encode()),
        (lambda: tf.strings.regex_replace(STRINGS, "[bc]", "-"), [b"A- -", b"d,E"]),
        (lambda: tf.strings.regex_replace("aaa", "(a)", r"\1b", replace_global=False), b"abaa"),
        (lambda: tf.strings.regex_full_match(STRINGS, ".*E"), [False, True]),
        (lambda: tf.strings.split("a/b/c", "/"), [b"a", b"b", b"c"]),
        (lambda: tf.strings.split(" a  b "), [b"a", b"b"]),
        (lambda: tf.strings.split("a/b/c", "/")[-1], b"c"),
        (lambda: tf.rank([[1, 0]]), 2),
        (lambda: tf.nn.compute_average_loss([1.0, 3.0], global_batch_size=4), 1.0),
        (lambda: tf.nn.compute_average_loss([1.0, 3.0], sample_weight=[0, 2]), 3.0),
        (lambda: tf.py_function(Tout=tf.float32)(lambda a, b: a - b)(3.0, tf.constant(1.0)), 2.0),
        (lambda: tf.math.count_nonzero([[1, 0], [2, 3]], axis=1, keepdims=True), [[1], [2]]),
        (lambda: tf.math.count_nonzero([[1.0, 0.0], [2.0, 3.0]]), 3),
        (lambda: tf.strings.length("né"), 3),
        (lambda: tf.strings.length("né", unit="UTF8_CHAR"), 2),
        (lambda: tf.strings.substr(STRINGS, 1, 2), [b"b ", b",E"]),
        (lambda: tf.strings.substr("abcd", -2, 1), b"c"),
        (lambda: tf.strings.join([STRINGS, "!"], separator="-"), [b"Ab c-!", b"d,E-!"]),
        (lambda: tf.strings.strip(input=" a "), b"a"),
        (lambda: tf.strings.to_number(["1.5", "2"]), [1.5, 2]),
        (lambda: tf.strings.to_number("12", tf.int32), 12),
        (lambda: tf.strings.as_string([1, 23]), [b"1", b"23"]),
        (lambda: tf.strings.as_string([True]), [b"true"]),
        (lambda: STRINGS == "d,E", [False, True]),
        (lambda: tf.equal(STRINGS, "d,E"), [False, True]),
        (lambda: tf.expand_dims(STRINGS, -1), [[b"Ab c"], [b"d,E"]]),
        (lambda: tf.reshape(STRINGS, (2, 1)), [[b"Ab c"], [b"d,E"]]),
        (lambda: tf.concat([STRINGS, ["x"]], axis=0), [b"Ab c", b"d,E", b"x"]),
        (lambda: tf.stack(["a", "b"]), [b"a", b"b"]),
        (lambda: tf.gather(STRINGS, [1]), [b"d,E"]),
        (lambda: tf.squeeze(tf.constant([["a"]])), b"a"),
        (lambda: tf.numpy_function(lambda x: x[::-1], [np.arange(3)], tf.int64), [2, 1, 0]),
        (lambda: tf.numpy_function(lambda x: np.asarray(x).item().upper(), ["a"], tf.string), b"A"),
        (lambda: tf.py_function(lambda x: [x, x * 2], [1.5], [tf.float32, tf.float32])[1], 3.0),
        (lambda: tf.image.convert_image_dtype(RAMP, tf.float32)[0, 1], [15 / 255, 20 / 255, 25 / 255]),
        (lambda: tf.image.convert_image_dtype(np.float32([0.5, 1]), tf.uint8), [127, 255]),
        (lambda: tf.image.resize(RAMP, (2, 2))[0, 0], [37.5, 42.5, 47.5]),
        (lambda: tf.image.resize(RAMP, (2, 2), method="nearest")[1, 1], [225, 230, 235]),
        (lambda: tf.image.resize(RAMP, (2, 8), preserve_aspect_ratio=True)[0, 0], [37.5, 42.5, 47.5]),
        (lambda: tf.image.flip_left_right(RAMP), RAMP[:, ::-1]),
        (lambda: tf.image.flip_up_down(RAMP), RAMP[::-1]),
        (lambda: tf.image.rgb_to_grayscale(RAMP)[0, :, 0], [4, 19, 34, 49]),
        (lambda: tf.image.grayscale_to_rgb(tf.constant(RAMP[..., :1]))[0, 1], [15, 15, 15]),
        (lambda: tf.image.central_crop(RAMP, 0.5), RAMP[1:3, 1:3]),
        (lambda: tf.image.crop_to_bounding_box(RAMP, 1, 0, 2, 3), RAMP[1:3, :3]),
        (lambda: tf.image.adjust_brightness(RAMP, 0.5)[3, 3], [255, 255, 255]),
        (lambda: tf.image.adjust_contrast(RAMP, 2.0)[0], [[0, 0, 0], [0, 0, 0], [0, 0, 0], [0, 0, 0]]),
        (lambda: tf.image.adjust_saturation(RAMP, 0.5)[0, 1], [20, 22, 25]),
        (lambda: tf.image.adjust_hue(RAMP, 1 / 3)[0, 1], [25, 15, 20]),
        (lambda: tf.image.random_saturation(RAMP, 1.0, 1.0), RAMP),
        (lambda: tf.image.random_hue(RAMP, 0.0), RAMP),
        (lambda: tf.image.per_image_standardization(RAMP)[0, 0], [-1.6963346, -1.62415, -1.551966]),
    ],
)
def test_names_of_pipelines(made, expected):
    found = made()
    if found.dtype == "string":
        np.testing.assert_array_equal(found.numpy(), np.array(expected, dtype=object))
    else:
        np.testing.assert_allclose(found.numpy(), expected, rtol=1e-5, atol=1e-6)


def test_files_of_pictures(tmp_path):
    from PIL import Image

    path = str(tmp_path / "ramp.png")
    Image.fromarray(RAMP).save(path)
    content = tf.io.read_file(path)
    assert content.dtype == tf.string and content.numpy()[1:4] == b"PNG"
    np.testing.assert_array_equal(tf.io.decode_png(content).numpy(), RAMP)
    assert tf.image.decode_image(content, channels=1).shape == (4, 4, 1)
    assert tf.image.decode_jpeg(content, channels=3, dct_method="INTEGER_ACCURATE").dtype == tf.uint8
    np.testing.assert_allclose(tf.io.decode_image(content, dtype=tf.float32).numpy(), RAMP / 255, rtol=1e-6)
    Image.fromarray(RAMP[..., 0]).save(path)
    assert tf.image.decode_png(tf.io.read_file(tf.constant(path))).shape == (4, 4, 1)
    tf.io.write_file(path, "text")
    with pytest.raises(OSError, match="not an image"):
        tf.image.decode_png(tf.io.read_file(path))
    with pytest.raises(ValueError, match="channels=2"):
        tf.image.decode_png(content, channels=2)
    with pytest.raises(ValueError, match="one dimension"):
        tf.strings.split([["a b", "c"]])
    with pytest.raises(ValueError, match="uint8 or floats"):
        tf.image.convert_image_dtype(RAMP, tf.int32)


def test_parts_of_several_strings_are_rows():
    rows = tf.strings.split(["a b c", "", "d e"])
    assert rows.to_list() == [[b"a", b"b", b"c"], [], [b"d", b"e"]]
    assert (rows.shape, len(rows), rows.row_lengths().numpy().tolist()) == ((3, None), 3, [3, 0, 2])
    assert rows[2].numpy().tolist() == [b"d", b"e"]
    assert rows[1:].to_list() == rows.to_list()[1:]
    assert rows.to_tensor("-").numpy().tolist() == [[b"a", b"b", b"c"], [b"-"] * 3, [b"d", b"e", b"-"]]
    words = fastkeras.layers.TextVectorization(
        standardize=lambda texts: tf.strings.lower(texts), split=lambda texts: tf.strings.split(texts, ",")
    )
    words.adapt(["A,b", "b,b,c"])
    assert words.get_vocabulary() == ["", "[UNK]", "b", "c", "a"]
    assert words(["a,z", "c"]).numpy().tolist() == [[4, 1], [3, 0]]


def test_devices():
    for name in [None, "/cpu:0", "CPU", "/CPU:0", "/job:localhost/replica:0/task:0/device:CPU:0"]:
        with tf.device(name):
            assert tf.ones(2).shape == (2,)
    for name in ["/gpu:0", "/cpu:1", "/device:TPU:0"]:
        with pytest.raises(ValueError, match=f"no device but the CPU.*{name}"), tf.device(name):
            pass


class OfDense(tf.Module):
    def __init__(self, size, name=None):
        super().__init__(name=name)
        self.w, self.steps = tf.Variable(tf.ones((size, 1))), tf.Variable(0, trainable=False)


class OfModules(tf.Module):
    def __init__(self):
        super().__init__()
        self.parts = [OfDense(2), {"last": OfDense(3, name="last")}]
        self.again = self.parts[0]
        self.layer = fastkeras.Sequential([fastkeras.Input((2,)), fastkeras.layers.Dense(1)])


def test_modules_find_their_variables():
    module = OfModules()
    assert (module.name, module.parts[1]["last"].name) == ("ofmodules", "last")
    assert len(module.variables) == 6
    assert [v.shape for v in module.non_trainable_variables] == [(), ()]
    assert {id(v) for v in module.trainable_variables} == {
        id(v) for v in (module.again.w, module.parts[1]["last"].w, *module.layer.weights)
    }
    assert [type(m).__name__ for m in module.submodules if isinstance(m, tf.Module)] == ["OfDense", "OfDense"]
    assert module.layer in module.submodules
    assert module.layer.layers[0] in module.submodules


def test_strategies_have_one_replica():
    assert not tf.distribute.has_strategy()
    for strategy in [tf.distribute.MirroredStrategy(), tf.distribute.OneDeviceStrategy("/cpu:0")]:
        with strategy.scope():
            assert tf.distribute.get_strategy() is strategy
        assert strategy.num_replicas_in_sync == tf.distribute.get_strategy().num_replicas_in_sync == 1
        assert strategy.run(lambda a, b: a - b, args=(3,), kwargs={"b": 1}) == 2
        per_replica = tf.constant([1.0, 3.0])
        assert strategy.reduce("SUM", per_replica, axis=None) is per_replica
        assert float(strategy.reduce(tf.distribute.ReduceOp.SUM, per_replica, axis=0)) == 4
        assert float(strategy.reduce(tf.distribute.ReduceOp.MEAN, per_replica, axis=0)) == 2
        assert strategy.experimental_local_results(per_replica)[0] is per_replica
        with pytest.raises(ValueError, match="reduce_op=MAX"):
            strategy.reduce("MAX", per_replica, axis=0)
    with pytest.raises(ValueError, match="one device"):
        tf.distribute.MirroredStrategy(["/cpu:0", "/cpu:1"])
    with pytest.raises(ValueError, match="no device but the CPU"):
        tf.distribute.OneDeviceStrategy("/gpu:0")


def test_summaries(tmp_path):
    pytest.importorskip("tensorboard")
    assert not tf.summary.scalar("nowhere", 1.0, step=0)
    writer = tf.summary.create_file_writer(tmp_path)
    with writer.as_default():
        for step in range(3):
            assert tf.summary.scalar("loss", tf.constant(step / 2), step=step)
        tf.summary.histogram("weights", tf.ones((3, 4)), step=tf.constant(1), buckets=5)
        tf.summary.image("pictures", np.zeros((4, 5, 6, 1), "uint8"), step=2, max_outputs=2)
        tf.summary.text("words", ["a", "b"], step=3, description="two letters")
        with pytest.raises(ValueError, match="No step set.*step=None"):
            tf.summary.scalar("loss", 1.0)
        with pytest.raises(ValueError, match=r"data.shape=\(5, 6, 1\)"):
            tf.summary.image("pictures", np.zeros((5, 6, 1)), step=2)
    with writer.as_default(step=7):
        tf.summary.scalar("later", 1.0)
    writer.close()
    code = """
        from tensorboard.backend.event_processing.event_accumulator import EventAccumulator
        found = EventAccumulator({folder!r}, size_guidance={{"tensors": 0}}).Reload()
        print({{tag: [e.step for e in found.Tensors(tag)] for tag in found.Tags()["tensors"]}})
        print([e.tensor_proto.float_val[0] for e in found.Tensors("loss")])
        print(len(found.Tensors("pictures")[0].tensor_proto.string_val))
        print(found.SummaryMetadata("words").summary_description)
    """
    done = run_python(textwrap.dedent(code).format(folder=str(tmp_path)))
    lines = done.stdout.splitlines()
    assert lines, done.stderr
    assert lines[0] == "{'loss': [0, 1, 2], 'weights': [1], 'pictures': [2], 'words': [3], 'later': [7]}"
    assert lines[1:] == ["[0.0, 0.5, 1.0]", "4", "two letters"]


def test_random_parts_and_gammas():
    crops = [tf.image.random_crop(PICTURE, (1, 2, 3, 1)).numpy() for _ in range(40)]
    firsts = {int(crop.flat[0]) for crop in crops}
    assert firsts == {0, 1, 4, 5, 8, 9}  # wherever it fits
    assert all((np.diff(crop[0, :, :, 0]) == 1).all() for crop in crops)
    gammas = tf.random.gamma((20_000,), [1.0, 4.0], beta=2.0).numpy()
    assert gammas.shape == (20_000, 2)
    np.testing.assert_allclose(gammas.mean(0), [0.5, 2.0], rtol=0.05)
    with pytest.raises(ValueError, match="the part must fit"):
        tf.image.random_crop(PICTURE, (1, 5, 1, 1))
    with pytest.raises(ValueError, match="padding must be 'VALID' or 'SAME'"):
        tf.nn.max_pool2d(PICTURE, 2, 2, [[0, 0]])
    with pytest.raises(ValueError, match="one, two, or four with 1 for batch and channels"):
        tf.nn.conv2d(PICTURE, PICTURE, [1, 1, 1, 2], "SAME")
    with pytest.raises(ValueError, match="data_format must be one of NHWC, NCHW"):
        tf.nn.avg_pool2d(PICTURE, 2, 2, "SAME", data_format="HWC")


def test_seeds_of_random_pictures_go_on():
    flips = [tf.image.random_flip_left_right(RAMP, seed=3).numpy()[0, 0, 0] for _ in range(30)]
    assert 5 < flips.count(0) < 25
    brighter = {int(tf.image.random_brightness(RAMP, 0.3, seed=3).numpy().max()) for _ in range(10)}
    assert len(brighter) > 3


def test_tensorflow_tools(capsys):
    v = tf.Variable(2.0, True)
    with tf.GradientTape() as tape:
        y = tf.square(v)
    assert float(tape.gradient(y, v)) == 4.0
    assert tf.function(lambda x: x + 1)(1) == 2
    assert tf.function(jit_compile=True)(len)([1]) == 1
    assert tf.executing_eagerly()
    assert tf.config.list_physical_devices("GPU") == [] == tf.config.experimental.list_physical_devices("GPU")
    assert tf.losses.MeanSquaredError is fastkeras.losses.MeanSquaredError
    assert not tf.Variable(2.0, False).trainable and not isinstance(fastkeras.Variable(1.0), tf.Variable)
    with pytest.raises(ValueError, match="direction='UP'"):
        tf.sort(X, direction="UP")
    tf.print("a", 1)
    assert capsys.readouterr().err == "a 1\n"
    tf.random.set_seed(1)
    first = tf.random.normal((3,)).numpy()
    tf.random.set_seed(1)
    np.testing.assert_array_equal(tf.random.normal((3,)).numpy(), first)
    integers = tf.random.uniform((50,), 2, 5, dtype=tf.int32).numpy()
    assert set(integers.tolist()) == {2, 3, 4}
    with pytest.raises(ValueError, match="no complex tensors"):
        tf.transpose(X, conjugate=True)
