"""The base class: state, building, losses, config of user layers, and its errors."""

import collections
import copy
import pickle
import warnings

import numpy as np
import pytest

import fastkeras as keras
from fastkeras import layers, ops
from fastkeras.engine import Function

pytestmark = pytest.mark.usefixtures("fresh_names")
X = np.ones((2, 3), "float32")


class Scale(layers.Layer):
    def build(self, input_shape):
        self.factor = self.add_weight(shape=(input_shape[-1],), initializer="ones", name="factor")

    def call(self, inputs):
        return inputs * self.factor


# --- state -------------------------------------------------------------------------------------------------------


class Nested(layers.Layer):
    def __init__(self):
        super().__init__()
        self.statistic = self.add_weight(name="statistic", trainable=False)
        self.first = layers.Dense(2, name="first")
        self.listed = [layers.Dense(2, name="in_list"), {"key": (layers.Dense(2, name="in_dict"),)}]
        self.own = self.add_weight(name="own", shape=(1,))
        self.dropout = layers.Dropout(0.5)
        self.metric = keras.metrics.Mean(name="average")

    def call(self, x):
        for layer in (self.first, self.listed[0], self.listed[1]["key"][0]):
            x = layer(x)
        return self.dropout(x)


def test_variables_come_in_keras_order():
    layer = Nested()
    layer(X)
    assert [w.path for w in layer.weights] == [
        "nested/own", "nested/statistic", "nested/first/kernel", "nested/first/bias",
        "nested/in_list/kernel", "nested/in_list/bias", "nested/in_dict/kernel", "nested/in_dict/bias",
    ]  # fmt: skip
    assert [v.name for v in layer.non_trainable_variables] == ["statistic", "seed_generator_state"]
    assert [w.name for w in layer.non_trainable_weights] == ["statistic"]
    assert len(layer.trainable_variables) == 7
    assert [m.name for m in layer.metrics] == ["average"]
    assert {v.name for v in layer.metrics_variables} == {"total", "count"}
    assert layer.count_params() == 1 + 1 + (3 * 2 + 2) + 2 * (2 * 2 + 2)


def test_trainable_reaches_nested_layers():
    layer = Nested()
    layer(X)
    layer.trainable = False
    assert layer.trainable_variables == [] and not layer.first.trainable
    assert len(layer.non_trainable_weights) == 8
    layer.trainable = True
    assert len(layer.trainable_weights) == 7


def test_containers_track_what_is_put_in_later():
    layer = layers.Layer()
    layer.many, layer.named, layer.some = [], {}, set()
    layer.ordered = collections.OrderedDict(a=layers.Dense(1, name="a"))
    layer.many.append(layers.Dense(1, name="b"))
    layer.many += [layers.Dense(1, name="c")]
    layer.many.insert(0, layers.Dense(1, name="d"))
    layer.named["e"] = layers.Dense(1, name="e")
    layer.named.update(f=layers.Dense(1, name="f"))
    layer.some.add(layers.Dense(1, name="g"))
    assert [x.name for x in layer._layers] == list("abcdefg")
    removed = layer.many.pop()
    del layer.named["e"]
    layer.ordered.popitem()
    assert removed.name == "c" and [x.name for x in layer._layers] == list("bdfg")
    layer.many.remove(layer.many[0])
    layer.many.clear()
    assert [x.name for x in layer._layers] == list("fg")
    del layer.named
    assert [x.name for x in layer._layers] == ["g"]


def test_container_keeps_its_kind_when_copied():
    layer = layers.Layer()
    layer.many = [1, [2]]
    assert copy.deepcopy(layer.many) == [1, [2]] and type(copy.deepcopy(layer.many)) is list


@pytest.mark.parametrize("copied", [copy.deepcopy, lambda x: pickle.loads(pickle.dumps(x))], ids=["copy", "pickle"])
def test_layers_can_be_copied(copied):
    layer = Nested()
    layer(X)
    twin = copied(layer)
    np.testing.assert_array_equal(twin(X), layer(X))
    assert [w.path for w in twin.weights] == [w.path for w in layer.weights]
    assert not {id(v) for v in twin.variables} & {id(v) for v in layer.variables}
    twin.first.kernel.assign(np.zeros((3, 2)))
    assert layer.first.kernel.numpy().any()


def test_state_after_build_is_refused():
    layer = Scale()
    layer(X)
    with pytest.raises(ValueError, match="You cannot add new elements of state"):
        layer.late = layers.Dense(1)
    with pytest.raises(ValueError, match="You cannot add new elements of state"):
        layer.add_weight(shape=(1,))


def test_weights_get_and_set():
    layer = layers.Dense(2)
    layer.build((None, 3))
    values = [np.full((3, 2), 2.0, "float32"), np.zeros(2, "float32")]
    layer.set_weights(values)
    np.testing.assert_array_equal(layer.get_weights()[0], values[0])
    with pytest.raises(ValueError, match="with a weight list of length 1, but the layer was expecting 2 weights"):
        layer.set_weights(values[:1])
    with pytest.raises(ValueError, match=r"weight shape \(2,\) is not compatible with provided weight shape \(3,\)"):
        layer.set_weights([values[0] + 1, np.zeros(3)])
    np.testing.assert_array_equal(layer.get_weights()[0], values[0])  # a refused list changes nothing


def test_add_weight_takes_everything_keras_takes():
    layer = layers.Layer(name="holder")
    weight = layer.add_weight(
        (2, 3), "ones", "float64", trainable=False, autocast=False, regularizer="l2", constraint="non_neg",
        aggregation="mean", overwrite_with_gradient=True, name="w",
    )  # fmt: skip
    assert (weight.shape, weight.dtype, weight.trainable, weight.path) == ((2, 3), "float64", False, "holder/w")
    assert weight.aggregation == "mean" and weight.overwrite_with_gradient and not weight.autocast
    assert isinstance(weight.regularizer, keras.regularizers.L2)
    assert isinstance(weight.constraint, keras.constraints.NonNeg)
    assert layer.add_weight(dtype="int32").numpy() == 0
    assert layer.add_variable((1,), "ones").numpy() == [1.0]
    with pytest.raises(ValueError, match="`name` must be passed as a keyword argument"):
        layer.add_weight("kernel", shape=(1,))
    with pytest.raises(ValueError, match="`initializer` was passed both positionally and as a keyword argument"):
        layer.add_weight((1,), "ones", initializer="zeros")
    with pytest.raises(TypeError, match="at most 3 positional arguments but 4 were given"):
        layer.add_weight((1,), "ones", "float32", True)


def test_own_variables_to_a_store_and_back():
    layer, store = layers.Dense(2), {}
    layer.build((None, 3))
    layer.save_own_variables(store)
    assert sorted(store) == ["0", "1"]
    twin = layers.Dense(2)
    with pytest.raises(ValueError, match="was never built and thus it doesn't have any variables"):
        twin.load_own_variables(store)
    twin.build((None, 3))
    twin.load_own_variables(store)
    np.testing.assert_array_equal(twin.kernel.numpy(), layer.kernel.numpy())
    with pytest.raises(ValueError, match="expected 2 variables, but received 1 variables during loading"):
        twin.load_own_variables({"0": store["0"]})


# --- building ----------------------------------------------------------------------------------------------------


def test_build_is_recorded():
    layer = Scale()
    assert not layer.built and layer.path is None and layer.get_build_config() is None
    layer.build((None, 3))
    assert layer.built and layer.path == "scale" and layer.get_build_config() == {"input_shape": (None, 3)}
    twin = Scale()
    twin.build_from_config(layer.get_build_config())
    assert twin.factor.shape == (3,)


def test_build_of_the_base_says_nothing_when_called_by_an_own_build():
    class Block(layers.Layer):
        def __init__(self):
            super().__init__()
            self.inner = layers.Dense(2)

        def build(self, input_shape):
            super().build(input_shape)

        def call(self, inputs):
            return self.inner(inputs)

    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert Block()(np.ones((1, 3))).shape == (1, 2)


@pytest.mark.parametrize("base", [layers.Dropout, layers.MaxPooling1D, layers.Activation])
def test_a_layer_below_one_without_weights_may_have_some(base):
    class Scaled(base):
        def build(self, input_shape):
            self.scale = self.add_weight(shape=(input_shape[-1],), initializer="ones")

    class Twice(Scaled):
        pass

    argument = {layers.Dropout: 0.5, layers.MaxPooling1D: 2, layers.Activation: "relu"}[base]
    assert base(argument).built
    for cls in (Scaled, Twice):
        layer = cls(argument)
        assert not layer.built
        layer(np.ones((2, 4, 3)))
        assert layer.built and layer.scale.shape == (3,)


def test_build_by_a_call_with_none_among_the_inputs():
    class Sum(layers.Layer):
        def __init__(self):
            super().__init__()
            self.dense = layers.Dense(2)

        def call(self, inputs):
            return self.dense(inputs["a"]) if inputs["b"] is None else self.dense(inputs["a"] + inputs["b"])

    layer = Sum()
    layer({"a": keras.KerasTensor((3, 4)), "b": None})
    assert layer.built and len(layer.weights) == 2
    layer({"a": np.ones((3, 4)), "b": None})


def test_build_of_a_superclass_counts_once():
    class Child(Scale):
        def build(self, input_shape):
            super().build(input_shape)
            self.extra = self.add_weight(name="extra")

    layer = Child()
    layer(X)
    assert [w.path for w in layer.weights] == ["child/factor", "child/extra"]


def test_build_with_several_shapes():
    class Two(layers.Layer):
        def build(self, a_shape, b_shape):
            self.sizes = (a_shape, b_shape)

        def call(self, a, b):
            return a + ops.sum(b)

    layer = Two()
    layer(X, b=np.ones((5,), "float32"))
    assert layer.sizes == ((2, 3), (5,))
    assert layer.get_build_config() == {"shapes_dict": {"a_shape": (2, 3), "b_shape": (5,)}}


def test_build_parameters_must_match_call():
    class Wrong(layers.Layer):
        def build(self, a_shape, c_shape):
            raise AssertionError

        def call(self, a, b):
            return a

    with pytest.raises(ValueError, match="`call\\(\\)` does not have argument `c`"):
        Wrong()(X, X)


def test_weights_made_while_tracing_have_values():
    layer = Scale()
    result = Function(lambda x: layer(x))(X)
    np.testing.assert_array_equal(result, X)
    np.testing.assert_array_equal(layer.factor.numpy(), np.ones(3))


def test_nested_layers_are_built_by_a_symbolic_call():
    layer = Nested()
    assert layer(keras.Input((3,))).shape == (None, 2)
    assert layer.built and len(layer.weights) == 8


class Positions(layers.Layer):
    """What depends on the place: an embedding, and rows of a table."""

    def __init__(self):
        super().__init__()
        self.embedding = layers.Embedding(8, 3)
        self.table = ops.convert_to_tensor(np.arange(24.0, dtype="float32").reshape(8, 3))

    def call(self, x):
        steps = ops.shape(x)[1]
        return x + self.embedding(ops.arange(steps)) + self.table[:steps]


def test_tables_of_positions_may_be_short_where_the_length_is_open():
    layer = Positions()
    inputs = keras.Input((None, 3))
    model = keras.Model(inputs, layer(inputs))
    assert model.output_shape == (None, None, 3)
    layer.set_weights([np.ones((8, 3))])
    x = np.zeros((2, 5, 3), "float32")
    np.testing.assert_array_equal(model.predict(x, verbose=0), x + 1 + layer.table.numpy()[:5])
    with pytest.raises(IndexError, match="Received: 8"):
        model.predict(np.zeros((2, 9, 3), "float32"), verbose=0)


# --- losses ------------------------------------------------------------------------------------------------------


class Costly(layers.Layer):
    def call(self, inputs):
        self.add_loss(ops.sum(inputs))
        return inputs


def test_losses_are_those_of_the_last_call():
    class Parent(layers.Layer):
        def __init__(self):
            super().__init__(activity_regularizer=keras.regularizers.L1(1.0))
            self.child = Costly()
            self.dense = layers.Dense(1, kernel_initializer="ones", kernel_regularizer=keras.regularizers.L2(0.5))

        def call(self, inputs):
            return self.dense(self.child(inputs))

    layer = Parent()
    for _ in range(2):
        layer(X)
        assert [float(x) for x in layer.losses] == [3.0, 6.0, 1.5]  # activity / batch size, child, kernel
    with pytest.raises(ValueError, match="can only be called from inside `build\\(\\)` or `call\\(\\)`"):
        layer.add_loss("much")


def test_losses_of_a_finished_trace_are_gone():
    layer = Costly()
    traced = Function(lambda x: (layer(x), layer.losses))
    assert float(traced(X)[1][0]) == 6.0
    assert layer.losses == []


# --- config ------------------------------------------------------------------------------------------------------


def test_automatic_config_of_a_user_layer():
    class Mine(layers.Layer):
        def __init__(self, size, rate=0.5, **kwargs):
            super().__init__(**kwargs)

    config = Mine(3, name="m").get_config()
    assert (config["size"], config["rate"], config["name"], config["trainable"]) == (3, 0.5, "m", True)
    assert Mine.from_config(config).get_config() == config

    class Closed(layers.Layer):
        def __init__(self, size):
            super().__init__()

    assert Closed(3).get_config() == {"size": 3}

    class Takes(layers.Layer):
        def __init__(self, function):
            super().__init__()

    with pytest.raises(NotImplementedError, match="was created by passing non-serializable argument values"):
        Takes(print).get_config()

    class Variadic(layers.Layer):
        def __init__(self, *sizes):
            super().__init__()

    with pytest.raises(NotImplementedError, match="positional only or variadic positional arguments"):
        Variadic(1, 2).get_config()


def test_config_follows_the_attributes():
    layer = layers.Dropout(0.5)
    layer.rate = 0.25
    assert layer.get_config()["rate"] == 0.25


@pytest.mark.parametrize(
    "layer, shape",
    [
        (layers.Dense(2, activation="relu"), (3, 4)),
        (layers.EinsumDense("ab,bc->ac", 2, activation="relu"), (3, 4)),
        (layers.Conv2D(2, 3, activation="relu"), (1, 4, 4, 3)),
        (layers.SeparableConv1D(2, 3, activation="relu"), (1, 4, 3)),
        (layers.SimpleRNNCell(2), None),
    ],
    ids=lambda v: v.name if isinstance(v, layers.Layer) else "",
)
def test_activation_can_be_taken_away(layer, shape):
    layer.activation = None
    if shape is None:
        x, _ = layer(np.full((2, 3), 9.0), [np.full((2, 2), 9.0)])
    else:
        x = np.random.RandomState(0).normal(size=shape)
        x = layer(np.concatenate([x, -x]))
    assert abs(x.numpy()).max() > 1 or x.numpy().min() < 0  # neither relu nor tanh
    assert layer.get_config()["activation"] is None


def test_user_subclass_extends_config():
    class Wide(layers.Dense):
        def __init__(self, units, factor=2, **kwargs):
            super().__init__(units, **kwargs)
            self.factor = factor

        def get_config(self):
            return {**super().get_config(), "factor": self.factor}

    layer = Wide(3, factor=4, activation="relu")
    twin = Wide.from_config(layer.get_config())
    assert (twin.units, twin.factor, twin.activation) == (3, 4, keras.activations.relu)


def test_constructor_errors():
    with pytest.raises(ValueError, match="Unrecognized keyword arguments passed to Dense"):
        layers.Dense(2, colour="red")
    with pytest.raises(ValueError, match="Expected `trainable` to be a boolean"):
        layers.Dense(2, trainable="yes")
    with pytest.raises(ValueError, match="cannot contain character `/`"):
        layers.Dense(2, name="a/b")
    with pytest.warns(UserWarning, match="Do not pass an `input_shape`/`input_dim` argument"):
        assert layers.Dense(2, input_shape=(3,))._input_shape_arg == (3,)
    with pytest.warns(UserWarning):
        assert layers.Dense(2, input_dim=3)._input_shape_arg == (3,)


def test_stateless_call_changes_nothing():
    layer = layers.BatchNormalization(momentum=0.5)
    layer.build((None, 1))
    x = np.array([[1.0], [3.0]], "float32")
    with pytest.raises(ValueError, match="must be built"):
        layers.BatchNormalization().stateless_call([], [], x)
    before = layer.get_weights()
    values = [v.value for v in layer.trainable_variables], [v.value for v in layer.non_trainable_variables]
    _, updated = layer.stateless_call(*values, x, training=True)
    np.testing.assert_allclose(updated[0], [1.0])
    for a, b in zip(before, layer.get_weights(), strict=True):
        np.testing.assert_array_equal(a, b)
    with pytest.raises(ValueError, match="Received list with length 0, but expected 2 variables"):
        layer.stateless_call([], values[1], x)


def test_sizes_that_stand_for_none_are_no_build_config():
    class Outer(keras.layers.Layer):
        def __init__(self, **kwargs):
            super().__init__(**kwargs)
            self.inner = keras.layers.Dense(3)

        def call(self, x):
            return self.inner(x)

    outer = Outer()
    assert outer(keras.Input((4,))).shape == (None, 3)
    assert outer.get_build_config() == {"input_shape": (None, 4)} and outer.inner.get_build_config() is None
    outer = Outer()
    outer(np.zeros((2, 4)))
    assert outer.inner.get_build_config() == {"input_shape": (2, 4)}
