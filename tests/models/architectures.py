"""Models whose JSON and summary must be Keras's own, letter for letter.

`KERAS_BACKEND=jax python tests/models/architectures.py`, where real Keras is installed, writes architectures.json.
"""

import json
import pathlib

STORED = pathlib.Path(__file__).with_suffix(".json")


def sequential(k):
    layers = k.layers
    model = k.Sequential(
        [
            k.Input((28, 28)),
            layers.Flatten(),
            layers.Dense(128, activation="relu", kernel_regularizer="l2"),
            layers.Dropout(0.2),
            layers.Dense(10, activation="softmax"),
        ]
    )
    model.compile("adam", "sparse_categorical_crossentropy", metrics=["accuracy"])
    return model, {}


def unbuilt_sequential(k):
    return k.Sequential([k.layers.Dense(4), k.layers.BatchNormalization()], name="later"), {}


def two_inputs(k):
    layers = k.layers
    a, b = k.Input((4,), name="a"), k.Input((4,), name="b", dtype="int32")
    x = layers.Concatenate()([layers.Dense(3, activation="relu")(a), layers.Dense(3)(b)])
    return k.Model([a, b], [layers.Dense(1, name="first")(x), layers.Dense(2, name="second")(x)], name="pair"), {}


def dictionaries(k):
    inputs = {"p": k.Input((3,), name="p"), "q": k.Input((3,), name="q")}
    x = k.layers.Add()([inputs["p"], inputs["q"]])
    return k.Model(inputs, {"sum": x, "dense": k.layers.Dense(2)(x)}), {}


def shared_layer(k):
    layers = k.layers
    a, b = k.Input((4,)), k.Input((4,))
    shared = layers.Dense(3, name="shared")
    x = layers.Subtract()([shared(a), shared(shared_width(layers, b))])
    return k.Model([a, b], x), {}


def shared_width(layers, x):
    return layers.Activation("tanh")(x)


def nested(k):
    layers = k.layers
    inner_input = k.Input((6,))
    inner = k.Model(inner_input, layers.Dense(5, name="inner_dense")(inner_input), name="inner")
    stack = k.Sequential([k.Input((5,)), layers.Dense(4), layers.LayerNormalization()], name="stack")
    inputs = k.Input((6,))
    x = stack(inner(inputs))
    y = stack(inner(layers.Dense(6)(inputs)))
    return k.Model(inputs, layers.Multiply()([x, y])), {"expand_nested": True, "show_trainable": True}


def operations(k):
    ops = k.ops
    a, b = k.Input((4,), name="a"), k.Input((4,), name="b")
    x = ops.relu(a) + b * 2
    x = ops.concatenate([ops.mean(x, axis=1, keepdims=True), a], axis=-1)
    x = ops.reshape(x[:, 1:3], (-1, 2))
    return k.Model([a, b], ops.where(x > 0, x, 0.0)), {}


def middle(k):
    """A model cut out of another one."""
    layers = k.layers
    inputs = k.Input((8,))
    first = layers.Dense(6, name="first")(inputs)
    second = layers.Dense(4, name="second")(first)
    k.Model(inputs, layers.Dense(2)(second))
    return k.Model(first, second), {"line_length": 70}


def frozen(k):
    model, _ = sequential(k)
    model.layers[1].trainable = False
    return model, {"show_trainable": True, "layer_range": ["dense", "dropout"], "positions": [0.4, 0.7, 0.9]}


CASES = [sequential, unbuilt_sequential, two_inputs, dictionaries, shared_layer, nested, operations, middle, frozen]


def describe(k, case):
    """{"json", "summary"} of a case."""
    k.utils.clear_session()
    model, summary_arguments = case(k)
    lines = []
    model.summary(print_fn=lines.append, **summary_arguments)
    return {"json": json.loads(model.to_json()), "summary": "\n".join(lines)}


if __name__ == "__main__":
    import os

    os.environ["COLUMNS"] = "100"
    import keras

    figures = {case.__name__: describe(keras, case) for case in CASES}
    STORED.write_text(json.dumps(figures, indent=1, ensure_ascii=False) + "\n")
