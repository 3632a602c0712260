"""FeatureSpace, HashedCrossing, ReversibleEmbedding: models, files, data sets, bad input."""

import numpy as np
import pytest
from rows_features import NEW, TABLE, config, small, space

import fastkeras as keras
from fastkeras import layers
from fastkeras.utils import FeatureSpace


@pytest.fixture
def adapted():
    layer = space(keras)
    layer.adapt(TABLE)
    return layer


def columns(table):
    return {name: np.array(values)[:, None] for name, values in table.items()}


def test_space_is_saved(tmp_path, adapted):
    path = tmp_path / "space.keras"
    adapted.save(path)
    loaded = keras.models.load_model(path)
    assert isinstance(loaded, FeatureSpace)
    np.testing.assert_array_equal(loaded(NEW), adapted(NEW))
    np.testing.assert_array_equal(config(loaded), config(adapted))


def test_space_of_a_config_has_to_be_adapted(adapted):
    twin = FeatureSpace.from_config(adapted.get_config())
    with pytest.raises(ValueError, match="You need to call `.adapt"):
        twin(NEW)
    twin.adapt(TABLE)
    np.testing.assert_array_equal(twin(NEW), adapted(NEW))


def test_model_behind_a_space(tmp_path, adapted):
    outputs = layers.Dense(2)(adapted.get_encoded_features())
    training = keras.Model(adapted.get_encoded_features(), outputs)
    training.compile(keras.optimizers.Adam(0.05), "mse")
    x, y = adapted(TABLE), np.random.RandomState(1).normal(size=(5, 2)).astype("float32")
    losses = training.fit(x, y, epochs=20, verbose=0).history["loss"]
    assert losses[-1] < losses[0]
    whole = keras.Model(adapted.get_inputs(), outputs)
    for _ in range(2):  # the second call of a model may be a compiled one: not of this model
        np.testing.assert_allclose(whole(columns(NEW)), training(adapted(NEW)), rtol=1e-5, atol=1e-6)
    path = tmp_path / "whole.keras"
    whole.save(path)
    np.testing.assert_allclose(keras.models.load_model(path)(columns(NEW)), whole(columns(NEW)), rtol=1e-6)


def test_model_with_a_lookup_predicts_op_by_op():
    inputs = keras.Input((1,), dtype="int32")
    indices = layers.IntegerLookup(vocabulary=[10, 20])(inputs)
    assert indices.dtype == "int64"
    model = keras.Model(inputs, layers.Embedding(3, 2)(indices))
    x = np.array([[20], [7]])
    np.testing.assert_allclose(model.predict(x, verbose=0), model(x))


class Rows(keras.utils.PyDataset):
    """Batches of a table and labels."""

    def __init__(self, size):
        super().__init__()
        self.size = size

    def __len__(self):
        return -(-5 // self.size)

    def __getitem__(self, index):
        rows = slice(index * self.size, (index + 1) * self.size)
        return {name: np.array(values)[rows] for name, values in TABLE.items()}


@pytest.mark.parametrize("size", [2, 5])
def test_space_adapts_to_batches(size, adapted):
    layer = space(keras)
    layer.adapt(Rows(size))
    own, other = adapted(NEW).numpy(), layer(NEW).numpy()
    np.testing.assert_allclose(other, own, rtol=1e-5)


def test_given_statistics_are_kept():
    kinds = {
        "n": FeatureSpace.feature("float32", layers.Normalization(mean=2.0, variance=4.0), "float"),
        "d": FeatureSpace.float_discretized(None, bin_boundaries=[0.0, 1.0]),
        "s": FeatureSpace.feature("string", layers.StringLookup(vocabulary=["a", "b"]), "one_hot"),
        "t": FeatureSpace.feature("string", layers.TextVectorization(vocabulary=["x"], output_mode="count"), "float"),
    }
    data = {"n": [4.0], "d": [0.5], "s": ["b"], "t": ["x y x"]}
    assert FeatureSpace(kinds)(data).numpy().tolist() == [[0.0, 1.0, 0.0, 1.0, 0.0, 0.0, 1.0, 1.0, 2.0]]


def test_three_features_are_crossed():
    layer = FeatureSpace(
        {name: "string_hashed" for name in "abc"}, crosses=[("a", "b", "c")], crossing_dim=4, hashing_dim=3
    )
    assert layer({"a": ["x", "y"], "b": ["z", "z"], "c": ["u", "v"]}).shape == (2, 13)


@pytest.mark.parametrize(
    "make, message",
    [
        (lambda: FeatureSpace({}), "cannot be None or empty"),
        (lambda: FeatureSpace({"a": "double"}), "Invalid feature type: double"),
        (lambda: FeatureSpace({"a": "float"}, output_mode="list"), "output_mode=list"),
        (lambda: FeatureSpace({"a": "float"}, crosses=[("a", "b")]), "unknown features"),
        (lambda: FeatureSpace({"a": "float", "b": "float"}, crosses=[("a", "b")], crossing_dim=0), "crossing_dim=0"),
        (lambda: FeatureSpace.cross(("a", "b"), 3, output_mode="multi_hot"), "output_mode=multi_hot"),
        (lambda: FeatureSpace.string_hashed(3, output_mode="count"), "output_mode=count"),
        (lambda: FeatureSpace({"a": "float_normalized"})({"a": [1.0]}), "You need to call `.adapt"),
        (lambda: FeatureSpace({"a": "float_normalized"}).adapt([1.0]), "can only be called on"),
        (lambda: FeatureSpace({"a": "float"})([1.0]), "only be called with a dict"),
        (lambda: FeatureSpace({"a": FeatureSpace.string_hashed(3, output_mode="int")})({"a": ["x"]}), "Cannot concat"),
        (
            lambda: FeatureSpace({"a": FeatureSpace.feature("float32", layers.Rescaling(2.0), "one_hot")}).get_inputs(),
            "should return an integer dtype",
        ),
    ],
)
def test_errors_of_spaces(make, message):
    with pytest.raises(ValueError, match=message):
        make()


@pytest.mark.parametrize(
    "inputs, message",
    [
        (["a"], "at least two inputs"),
        (np.array([1, 2]), "list or tuple"),
        ([["a"], ["b", "c"]], "equal shape"),
        ([[["a", "b"]], [["a", "b"]]], "should have shape"),
        ([[1.0], ["a"]], "integer or string dtype"),
    ],
)
def test_errors_of_crossings(inputs, message):
    with pytest.raises(ValueError, match=message):
        layers.HashedCrossing(3)(inputs)


@pytest.mark.parametrize("settings, message", [({"output_mode": "count"}, "output_mode"), ({"sparse": True}, "sparse")])
def test_settings_of_crossings(settings, message):
    with pytest.raises(ValueError, match=message):
        layers.HashedCrossing(3, **settings)


def test_crossing_in_a_saved_model(tmp_path):
    inputs = [keras.Input((1,), dtype=dtype) for dtype in ("string", "int32")]
    model = keras.Model(inputs, layers.HashedCrossing(4, output_mode="one_hot")(inputs))
    data = [np.array([["a"], ["b"]]), np.array([[1], [2]])]
    path = tmp_path / "crossing.keras"
    model.save(path)
    loaded = keras.models.load_model(path)
    assert loaded.inputs[0].dtype == "string"
    np.testing.assert_array_equal(loaded(data), model(data))


@pytest.mark.parametrize("tied", [True, False])
def test_language_model_of_one_layer(tmp_path, tied):
    layer = layers.ReversibleEmbedding(7, 4, tie_weights=tied, mask_zero=True)
    inputs = keras.Input((5,), dtype="int32")
    model = keras.Model(inputs, layer(layers.LSTM(4, return_sequences=True)(layer(inputs)), reverse=True))
    assert model.output_shape == (None, 5, 7)
    model.compile("adam", keras.losses.SparseCategoricalCrossentropy(from_logits=True))
    ids = np.random.RandomState(0).randint(0, 7, (16, 5))
    losses = model.fit(ids, ids, epochs=4, verbose=0).history["loss"]
    assert losses[-1] < losses[0]
    path = tmp_path / "reversible.keras"
    model.save(path)
    loaded = keras.models.load_model(path)
    assert len(loaded.get_layer(layer.name).weights) == 2 - tied
    np.testing.assert_allclose(loaded.predict(ids, verbose=0), model.predict(ids, verbose=0), rtol=1e-6)


def test_mask_of_one_direction_only():
    layer = layers.ReversibleEmbedding(3, 2, mask_zero=True)
    vectors = layer(np.array([[2, 1, 0]]))
    assert vectors._keras_mask.numpy().tolist() == [[True, True, False]]
    assert getattr(layer(vectors, reverse=True), "_keras_mask", None) is None


def test_dtypes_of_logits():
    layer = layers.ReversibleEmbedding(3, 2, reverse_dtype="float64")
    assert layer(np.ones((1, 2)), reverse=True).dtype == "float64"
    mixed = layers.ReversibleEmbedding(3, 2, dtype="mixed_bfloat16")
    vectors = keras.Input((4, 2))
    assert mixed(vectors, reverse=True).dtype == mixed(np.ones((1, 4, 2)), reverse=True).dtype == "bfloat16"


def test_small_space_of_the_files():
    assert small(keras)({"age": 30.0, "city": "Rome", "income": 0.4}).shape == (13,)
