"""Sequential, Functional and subclassed models: building, calling, slicing, cloning, errors."""

import copy
import pickle

import numpy as np
import pytest
from helpers import ones

import fastkeras as keras
from fastkeras import layers, ops


def mlp():
    return keras.Sequential([keras.Input((4,)), layers.Dense(3, activation="relu"), layers.Dense(2)])


# --- Sequential


def test_sequential_is_built_while_layers_are_added():
    model = keras.Sequential()
    model.add(keras.Input((4,)))
    model.add(layers.Dense(3))
    assert model.output_shape == (None, 3) and len(model.weights) == 2
    model.add(layers.Dense(2))
    assert model.output_shape == (None, 2) and [w.path for w in model.weights][0].endswith("/kernel")
    assert [layer.name for layer in model.layers] == [layer.name for layer in model._layers[1:]]


def test_sequential_is_built_by_its_first_call():
    model = keras.Sequential([layers.Dense(3), layers.Dense(2)])
    assert not model.built and model.weights == []
    with pytest.raises(AttributeError, match="has no defined input shape yet"):
        _ = model.input_shape
    assert model(ones(5, 4)).shape == (5, 2)
    assert model.built and model.input_shape == (5, 4) or model.input_shape == (None, 4)


@pytest.mark.parametrize("argument", [{"input_shape": (4,)}, {"input_dim": 4}])
@pytest.mark.filterwarnings("ignore:Do not pass an `input_shape`")
def test_sequential_takes_the_shape_from_its_first_layer(argument):
    model = keras.Sequential([layers.Dense(3, **argument)])
    model.add(layers.Dense(1))
    assert model.input_shape == (None, 4) and model.count_params() == 19


def test_sequential_built_by_a_batch_takes_batches_of_other_sizes():
    model = keras.Sequential([layers.Dense(3)])
    assert model(np.zeros((8, 4))).shape == (8, 3)
    assert model(np.zeros((5, 4))).shape == (5, 3)
    assert model(keras.Input(batch_shape=(2, 4))).shape == (2, 3)  # inside another model, as a GAN has it
    with pytest.raises(ValueError, match="expected axis -1|incompatible"):
        model(keras.Input(batch_shape=(2, 5)))


def test_sequential_pop_and_rebuild():
    model = mlp()
    before = model(ones(1, 4)).shape
    layer = model.pop()
    assert before == (1, 2) and layer.units == 2
    assert model.output_shape == (None, 3) and model(ones(1, 4)).shape == (1, 3)


def test_sequential_of_several_inputs():
    model = keras.Sequential([layers.Add(), layers.Dense(2)])
    assert model([ones(3, 4), ones(3, 4)]).shape == (3, 2)


def test_sequential_refuses():
    with pytest.raises(ValueError, match="Only instances of `keras.Layer` can be added"):
        keras.Sequential([np.ones(3)])
    with pytest.raises(ValueError, match="should have unique names"):
        keras.Sequential([layers.Dense(1, name="a"), layers.Dense(1, name="a")])
    with pytest.raises(ValueError, match="already been configured to use input shape"):
        keras.Sequential([keras.Input((2,)), keras.Input((3,))])
    with pytest.raises(ValueError, match="has no layers"):
        keras.Sequential().build((None, 3))
    with pytest.raises(AttributeError, match="reserved"):
        mlp().layers = []


# --- Functional


def test_functional_inputs_by_list_dict_and_name():
    a, b = keras.Input((4,), name="a"), keras.Input((4,), name="b")
    model = keras.Model([a, b], layers.Subtract()([a, b]))
    x, y = ones(2, 4), 3 * ones(2, 4)
    np.testing.assert_array_equal(model([x, y]).numpy(), x - y)
    np.testing.assert_array_equal(model({"b": y, "a": x}).numpy(), x - y)
    np.testing.assert_array_equal(model.predict({"b": y, "a": x}, verbose=0), x - y)
    by_name = keras.Model({"a": a, "b": b}, {"difference": layers.Subtract()([a, b])})
    np.testing.assert_array_equal(by_name({"a": x, "b": y})["difference"].numpy(), x - y)


def test_what_a_dict_holds_too_much_is_left_out_aloud():
    a, b = keras.Input((4,), name="a"), keras.Input((4,), name="b")
    model = keras.Model({"a": a, "b": b}, layers.Subtract()([a, b]))
    x, y = ones(2, 4), 3 * ones(2, 4)
    with pytest.warns(UserWarning, match="The structure of `inputs` doesn't match the expected structure"):
        outputs = model({"a": x, "aa": ones(2, 1), "b": y})
    np.testing.assert_array_equal(outputs.numpy(), x - y)
    assert model({"a": a, "aa": keras.Input((1,)), "b": b}).shape == (None, 4)


def test_inputs_that_are_missing_or_of_another_rank():
    a, b = keras.Input((4,), name="a"), keras.Input((4,), name="b")
    model = keras.Model({"x": {"a": a}, "y": [b]}, layers.Subtract()([a, b]))
    with pytest.raises(ValueError, match=r"with name 'b' and path 'y\.0'\. Expected shape \(None, 4\)"):
        model({"x": {"a": ones(2, 4)}, "y": [ones(2, 4, 4)]})
    single = keras.Model(a, layers.Dense(1)(a))
    single.compile("sgd", "mse")
    pair = keras.Model([a, b], layers.Subtract()([a, b]))
    for call in (
        lambda: single(None),
        lambda: single([None]),
        lambda: single.fit([None], ones(2, 1), verbose=0),
        lambda: pair([ones(2, 4), None]),
        lambda: pair.predict([ones(2, 4), None], verbose=0),
    ):
        with pytest.raises(ValueError, match="The input '[ab]' is not optional, but None was passed"):
            call()


def test_functional_shares_layers_and_nests_models():
    inner = mlp()
    inputs = keras.Input((4,))
    model = keras.Model(inputs, layers.Add()([inner(inputs), inner(layers.Dense(4)(inputs))]))
    assert len(model.weights) == 6 and len({id(w) for w in model.weights}) == 6
    x = np.random.RandomState(0).normal(size=(3, 4)).astype("float32")
    dense = next(layer for layer in model.layers if isinstance(layer, layers.Dense))
    expected = inner(x).numpy() + inner(dense(x)).numpy()
    np.testing.assert_allclose(model(x).numpy(), expected, rtol=1e-5, atol=1e-6)


def test_slicing_a_model_shares_its_weights():
    inputs = keras.Input((4,))
    hidden = layers.Dense(3, name="hidden")(inputs)
    model = keras.Model(inputs, layers.Dense(2, name="end")(hidden))
    front = keras.Model(model.input, model.get_layer("hidden").output)
    back = keras.Model(model.get_layer("end").input, model.output)
    x = ones(2, 4)
    np.testing.assert_allclose(back(front(x)).numpy(), model(x).numpy(), rtol=1e-6)
    assert front.weights[0] is model.weights[0] and back.weights[0] is model.weights[2]


def test_get_layer():
    model = mlp()
    assert model.get_layer(index=1) is model.layers[1] is model.get_layer(model.layers[1].name)
    with pytest.raises(ValueError, match="No such layer: nowhere. Existing layers are"):
        model.get_layer("nowhere")
    with pytest.raises(ValueError, match="Was asked to retrieve layer at index 9 but model only has 2 layers"):
        model.get_layer(index=9)
    with pytest.raises(ValueError, match="Provide only"):
        model.get_layer("a", 1)
    with pytest.raises(ValueError, match="Provide either"):
        model.get_layer()


def test_graph_errors():
    a, b = keras.Input((4,)), keras.Input((4,))
    joined = layers.Add()([a, b])
    with pytest.raises(ValueError, match="Output with path `` is not connected to `inputs`"):
        keras.Model(a, joined)
    with pytest.raises(ValueError, match="Output with path `second` is not connected"):
        keras.Model(a, {"first": layers.Dense(1)(a), "second": joined})
    with pytest.raises(ValueError, match="Graph disconnected: cannot find parent for tensor"):
        keras.Model(a, layers.Add()([a, keras.KerasTensor((None, 4))]))
    with pytest.raises(ValueError, match='The name "twice" is used 2 times in the model'):
        keras.Model(a, layers.Dense(2, name="twice")(layers.Dense(2, name="twice")(a)))
    with pytest.raises(ValueError, match="All `outputs` values must be KerasTensors"):
        keras.Model(a, ones(2, 2))
    with pytest.raises(ValueError, match="cannot be empty"):
        keras.Model([], [])
    with pytest.warns(UserWarning, match="all keys in the dict must match the names"):
        keras.Model({"other": a}, layers.Dense(1)(a))


def test_call_errors():
    model = mlp()
    with pytest.raises(ValueError, match="incompatible"):
        model(ones(2, 5))
    a = keras.Input((4,), name="a")
    functional = keras.Model(a, layers.Dense(1)(a))
    with pytest.raises(ValueError, match=r"expected shape=\(None, 4\), found shape=\(2, 5\)"):
        functional(ones(2, 5))
    with pytest.warns(UserWarning, match="The structure of `inputs` doesn't match"):
        functional([ones(2, 4)])
    assert functional(ones(2, 4)).shape == (2, 1)  # and stays usable


def test_rank_is_adjusted():
    inputs = keras.Input((1,))
    model = keras.Model(inputs, layers.Dense(2)(inputs))
    assert model.predict(ones(3), verbose=0).shape == (3, 2)


def test_deep_graph():
    inputs = x = keras.Input((2,))
    for _ in range(1500):
        x = layers.Activation("linear")(x)
    assert len(keras.Model(inputs, x).layers) == 1501


def test_keras_tensors_have_operators_and_no_value():
    x = keras.Input((4,))
    for result in (x + 1, 1 - x, x / 2, x @ np.ones((4, 4), "float32"), -x, abs(x), x**2, x[:, :2], x > 0):
        assert isinstance(result, keras.KerasTensor)
    model = keras.Model(x, ops.sum((2 * x - 1) ** 2, axis=-1))
    np.testing.assert_allclose(model(ones(3, 4)).numpy(), [4, 4, 4])
    for convert in (float, int, np.asarray):
        with pytest.raises(ValueError, match="A KerasTensor is symbolic"):
            convert(x)
    with pytest.raises(TypeError, match="cannot be used as a boolean"):
        bool(x)


# --- subclasses


class Residual(keras.Model):
    def __init__(self, units=4, **kwargs):
        super().__init__(**kwargs)
        self.units = units
        self.blocks = [layers.Dense(units, activation="relu") for _ in range(2)]
        self.drop = layers.Dropout(0.5)
        self.end = layers.Dense(1)

    def call(self, inputs, training=None):
        x = inputs
        for block in self.blocks:
            x = x + self.drop(block(x), training=training)
        return self.end(x)


def test_subclassed_model():
    model = Residual()
    assert model(ones(2, 4)).shape == (2, 1) and len(model.weights) == 6 and len(model.layers) == 4
    assert np.ptp(model(ones(64, 4)).numpy()) < 1e-6 < np.ptp(model(ones(64, 4), training=True).numpy())
    model.compile("sgd", "mse")
    model.fit(ones(8, 4), ones(8, 1), verbose=0)
    twin = Residual.from_config(model.get_config())
    assert twin.units == 4


def test_subclass_with_functional_constructor():
    class Wrapped(keras.Model):
        def __init__(self, units):
            inputs = keras.Input((4,))
            super().__init__(inputs=inputs, outputs=layers.Dense(units)(inputs))
            self.units = units

    model = Wrapped(3)
    assert isinstance(model, keras.models.Functional) and model.output_shape == (None, 3) and type(model) is Wrapped
    assert isinstance(Wrapped(2), keras.Model)
    assert set(model.get_config()) == {"name", "trainable", "dtype"}


def test_subclassed_model_is_described_by_its_constructor_call(tmp_path):
    class Mine(keras.Model):
        def __init__(self, units, rate=0.5, **kwargs):
            super().__init__(**kwargs)
            self.dense = layers.Dense(units)

        def call(self, inputs):
            return self.dense(inputs)

    model = Mine(3, name="mine")
    config = model.get_config()
    assert (config["units"], config["rate"], config["name"]) == (3, 0.5, "mine")
    model(ones(2, 4))
    model.save(tmp_path / "mine.keras")
    loaded = keras.saving.load_model(tmp_path / "mine.keras", custom_objects={"Mine": Mine})
    np.testing.assert_array_equal(loaded(ones(2, 4)).numpy(), model(ones(2, 4)).numpy())

    class Around(keras.Model):
        def __init__(self, inner):
            super().__init__()
            self.inner = inner

    with pytest.raises(NotImplementedError, match="was created by passing non-serializable argument values"):
        Around(model).to_json()


def test_summary_shows_all_outputs_of_a_model_inside():
    class Around(keras.Model):
        def __init__(self, inner):
            super().__init__()
            self.inner = inner

        def call(self, inputs):
            return self.inner(inputs)[0]

    inputs = keras.Input((4,))
    model = Around(keras.Model(inputs, [layers.Dense(2)(inputs), layers.Dense(3)(inputs)]))
    model(ones(1, 4))
    lines = []
    model.summary(print_fn=lines.append)
    assert "((None, 2), (None, 3))" in lines[0]


@pytest.mark.parametrize(
    "function, name",
    [
        (ops.abs, "Absolute"),
        (abs, "Absolute"),
        (ops.conj, "Conjugate"),
        (ops.swish, "Silu"),
        (ops.hard_swish, "HardSilu"),
    ],
)
def test_second_names_of_ops_are_written_as_the_first(function, name):
    inputs = keras.Input((4,))
    model = keras.Model(inputs, function(inputs))
    assert type(model.operations[1]).__name__ == name
    twin = keras.models.model_from_json(model.to_json())
    np.testing.assert_array_equal(twin(-ones(1, 4)).numpy(), model(-ones(1, 4)).numpy())


def test_an_open_size_beside_a_constant():
    inputs, other = keras.Input((None, 4)), keras.KerasTensor((2, None))
    table = np.arange(12.0, dtype="float32").reshape(3, 4)
    model = keras.Model(inputs, keras.ops.where(inputs > 0, inputs + table, keras.ops.zeros((1, 3, 1))))
    assert model.output_shape == (None, 3, 4)
    np.testing.assert_array_equal(model.predict(ones(2, 3, 4), verbose=0)[1], table + 1)
    assert (keras.KerasTensor((None, 3)) + other).shape == (2, 3)
    assert keras.ops.concatenate([keras.KerasTensor((None, 3)), other]).shape == (None, 3)
    assert keras.ops.add(keras.KerasTensor((None, 0)), np.ones((7, 1))).shape == (7, 0)
    with pytest.raises(ValueError, match="shapes must broadcast"):
        keras.KerasTensor((None, 3)) + keras.KerasTensor((2, 4))


def test_positions_of_an_open_length():
    class Positions(layers.Layer):
        def __init__(self, longest, **kwargs):
            super().__init__(**kwargs)
            self.embedding = layers.Embedding(longest, 4)

        def call(self, inputs):
            return inputs + self.embedding(ops.arange(0, ops.shape(inputs)[1], 1))

    inputs = keras.Input((None, 4))
    model = keras.Model(inputs, Positions(8)(inputs))
    assert model.output_shape == (None, None, 4)
    table = model.layers[1].embedding.get_weights()[0]
    np.testing.assert_array_equal(model.predict(np.zeros((2, 5, 4)), verbose=0)[0], table[:5])
    with pytest.raises(IndexError, match="indices must lie in"):
        model(ones(1, 9, 4))


def test_model_without_call():
    class Empty(keras.Model):
        pass

    with pytest.raises(NotImplementedError, match="Model Empty does not have a `call"):
        Empty()(ones(1, 1))


# --- copies


def test_clone_pickle_and_deepcopy():
    model = mlp()
    model.compile("adam", "mse")
    model.fit(ones(8, 4), ones(8, 2), verbose=0)
    clone = keras.models.clone_model(model)
    assert clone.compiled and not np.allclose(clone.get_weights()[0], model.get_weights()[0])
    expected = model.predict(ones(3, 4), verbose=0)
    for twin in (pickle.loads(pickle.dumps(model)), copy.deepcopy(model)):
        np.testing.assert_array_equal(twin.predict(ones(3, 4), verbose=0), expected)
        assert twin.weights[0] is not model.weights[0]


def test_clone_function_and_input_tensors():
    inputs = keras.Input((4,))
    model = keras.Model(inputs, layers.Dense(2, name="d")(inputs))

    def linear(layer):
        return (
            layers.Dense(5, name="wide") if isinstance(layer, layers.Dense) else layer.from_config(layer.get_config())
        )

    assert keras.models.clone_model(model, clone_function=linear).output_shape == (None, 5)
    new = keras.Input((4,), name="new")
    assert keras.models.clone_model(model, input_tensors=new).input.name == "new"
    with pytest.raises(ValueError, match="`input_tensors` must have the same structure as model.input"):
        keras.models.clone_model(model, input_tensors=[new])
    with pytest.raises(ValueError, match="only supported for Functional models|not supported with Sequential"):
        keras.models.clone_model(mlp(), call_function=lambda layer, *a, **k: layer(*a, **k))


def test_state_tree():
    model = mlp()
    model.compile("sgd", "mse")
    tree = model.get_state_tree("numpy_array")
    names = [layer.name for layer in model.layers]
    place = tree["trainable_variables"]
    while names[0] not in place:
        place = next(iter(place.values()))
    place[names[0]]["kernel"] = np.zeros((4, 3), "float32")
    model.set_state_tree(tree)
    assert not model.get_weights()[0].any()
    with pytest.raises(ValueError, match="Unknown variable name"):
        model.set_state_tree({"wrong": {}})


def test_export_says_what_is_missing():
    with pytest.raises(NotImplementedError, match="format='onnx'"):
        mlp().export("model.onnx", format="onnx")
    with pytest.raises(ValueError, match="Unrecognized format=pdf"):
        mlp().export("model.pdf", format="pdf")


# --- compiled calls


def test_compiled_call_follows_the_model():
    """A call runs compiled; whatever it was compiled with may change afterwards."""
    model = mlp()
    x = ones(2, 4)
    first, again = model(x).numpy(), model(x).numpy()
    np.testing.assert_array_equal(first, again)
    model.set_weights([2 * w for w in model.get_weights()])
    np.testing.assert_allclose(model(x).numpy(), 4 * first, rtol=1e-5)
    model.layers[-1].activation = ops.negative
    np.testing.assert_allclose(model(x).numpy(), -4 * first, rtol=1e-5)
    np.testing.assert_allclose(model.predict(x, verbose=0), -4 * first, rtol=1e-5)
    model.add(layers.Dense(7))
    assert model(x).shape == (2, 7)


def test_compiled_call_inside_another_model_follows_its_training():
    class Outer(keras.Model):
        def __init__(self):
            super().__init__()
            self.inner = keras.Sequential([keras.Input((64,)), layers.Dropout(0.5)])

        def call(self, x):
            return self.inner(x)

    model = Outer()
    model.inner(ones(1, 64)), model(ones(1, 64))
    assert (model(ones(1, 64), training=True).numpy() == 0).any()
    assert (model(ones(1, 64)).numpy() == 1).all()


def test_compiled_call_as_inference_is_one_of_its_own():
    x = np.arange(64, dtype="float32").reshape(1, 8, 8, 1)
    model = keras.Sequential([keras.Input((8, 8, 1)), keras.layers.RandomTranslation(0.5, 0.5, seed=1)])
    for _ in range(3):  # the first call compiles the next ones
        assert not np.array_equal(model(x), x)  # images are augmented unless training=False, as in Keras
        np.testing.assert_array_equal(model(x, training=False), x)


def test_compiled_call_leaves_tapes_alone():
    model = mlp()
    x = keras.ops.convert_to_tensor(ones(2, 4))
    model(x), model(x)
    with keras.GradientTape() as tape:
        loss = ops.sum(model(x))
    gradients = tape.gradient(loss, model.trainable_variables)
    assert all(g is not None and g.shape == v.shape for g, v in zip(gradients, model.trainable_variables, strict=True))


def test_function_of_symbolic_tensors():
    x, y = keras.KerasTensor((None, 3), name="x"), keras.KerasTensor((None, 3), name="y")
    total = x + 2.0 * y
    function = keras.Function({"x": x, "y": y}, [total, keras.ops.sum(total, axis=-1)], name="f")
    values = {"x": keras.ops.ones((2, 3)), "y": keras.ops.ones((2, 3))}
    assert [t.numpy().tolist() for t in function(values)] == [[[3.0] * 3] * 2, [9.0, 9.0]]
    assert len(function.inputs) == 2 and len(function.operations) == 3 and function.name == "f"
    assert function.compute_output_shape({"x": (5, 3), "y": (5, 3)}) == [(5, 3), (5,)]
    again = function({"x": keras.Input((3,)), "y": keras.Input((3,))})
    assert [t.shape for t in again] == [(None, 3), (None,)]
    with pytest.raises(ValueError, match="incompatible inputs"):
        function({"x": keras.ops.ones((2, 4)), "y": keras.ops.ones((2, 3))})
    with pytest.raises(ValueError, match="disconnected"):
        keras.Function(x, total)
    with pytest.raises(ValueError, match="cannot be empty"):
        keras.Function([], total)
    assert isinstance(keras.Sequential([keras.Input((2,)), keras.layers.Dense(1)])._functional, keras.Function)


def test_masks_stand_in_calls_of_one_tensor_only():
    ids = keras.Input((5,), dtype="int32")
    x = layers.Embedding(4, 2, mask_zero=True)(ids)
    attention, recurrent = layers.MultiHeadAttention(1, 2), layers.GRU(3)
    model = keras.Model(ids, recurrent(attention(x, x)))
    assert attention._inbound_nodes[0].kwargs == {}
    assert recurrent._inbound_nodes[0].kwargs["mask"] is not None
    y = model(np.array([[1, 2, 0, 0, 0], [1, 2, 3, 1, 2]]))
    longer = model(np.array([[1, 2, 3, 0, 0], [1, 2, 3, 1, 2]]))
    assert not np.allclose(y[0], longer[0])  # the mask reaches both layers all the same


def test_keras_tensors_divide_as_in_python_2():
    x = keras.KerasTensor((3,), "int32")
    assert (x.__div__(2).dtype, x.__rdiv__(2).shape) == ("float32", (3,))
