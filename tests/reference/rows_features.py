"""What real Keras makes of tables and of ids: hashed crossings, feature spaces, embeddings in both directions."""

import json

import numpy as np

TABLE = {
    "age": [20.0, 31.0, 25.0, 58.0, 40.0],
    "city": ["Rome", "Oslo", "Rome", "Bonn", "Oslo"],
    "code": [1, 2, 2, 9, 1],
    "height": [1.6, 1.9, 1.75, 1.8, 1.7],
    "income": [0.1, 0.2, 0.7, 0.9, 0.4],
    "name": ["x", "y", "z", "x", "w"],
    "size": [3.0, 1.0, 2.0, 4.0, 5.0],
    "zip": [10, 11, 12, 13, 10],
}
NEW = {
    "age": [33.0, 70.0],
    "city": ["Rome", "Kyiv"],
    "code": [9, 7],
    "height": [1.5, 1.81],
    "income": [0.3, 2.0],
    "name": ["y", "q"],
    "size": [2.0, 0.0],
    "zip": [13, 99],
}


def space(k, **settings):
    """One feature of each kind."""
    kinds = k.utils.FeatureSpace
    return kinds(
        features={
            "age": "float_normalized",
            "city": "string_categorical",
            "code": kinds.integer_categorical(num_oov_indices=2, name="code"),
            "height": kinds.float_rescaled(scale=2.0, offset=-1.0, name="height"),
            "income": kinds.float_discretized(num_bins=3, name="income"),
            "name": kinds.string_hashed(num_bins=4, name="name"),
            "size": "float",
            "zip": "integer_hashed",
        },
        crosses=[("city", "code"), kinds.cross(("name", "zip"), crossing_dim=5)],
        crossing_dim=6,
        hashing_dim=7,
        **settings,
    )


def config(layer):
    """The config without the shapes that layers inside were built with."""

    def plain(x):
        if isinstance(x, dict):
            return {key: plain(value) for key, value in x.items() if key != "build_config"}
        return [plain(y) for y in x] if isinstance(x, (list, tuple)) else x

    return np.frombuffer(json.dumps(plain(layer.get_config()), sort_keys=True).encode(), "uint8")


def concatenated(k):
    layer = space(k)
    layer.adapt(TABLE)
    inputs = {f"{name} {x.dtype}": np.array([d or 0 for d in x.shape]) for name, x in layer.get_inputs().items()}
    return {
        "adapted": layer(TABLE),
        "new": layer(NEW),
        "columns": layer({name: np.array(values)[:, None] for name, values in NEW.items()}),
        "single": layer({name: values[0] for name, values in NEW.items()}),
        "config": config(layer),
        "encoded": np.array([d or 0 for d in layer.get_encoded_features().shape]),
        **inputs,
    }


def as_dict(k):
    kinds = k.utils.FeatureSpace
    layer = kinds(
        features={
            "city": kinds.string_categorical(max_tokens=3, output_mode="int"),
            "code": kinds.integer_categorical(output_mode="int"),
            "name": kinds.string_hashed(num_bins=4),
            "text": kinds.feature("string", k.layers.TextVectorization(output_mode="tf_idf"), "float"),
        },
        crosses=[kinds.cross(("city", "code"), crossing_dim=8, output_mode="int")],
        output_mode="dict",
    )
    texts = ["one two", "two", "three two one", "", "one"]
    layer.adapt({**{name: TABLE[name] for name in ("city", "code", "name")}, "text": texts})
    data = {**{name: NEW[name] for name in ("city", "code", "name")}, "text": ["two four", "one"]}
    return {f"{kind}{n}": x for kind, d in (("", data), ("single ", _first(data))) for n, x in layer(d).items()}


def _first(data):
    return {name: values[0] for name, values in data.items()}


def small(k):
    """The one that lies in tests/data/keras."""
    features = {"age": "float_normalized", "city": "string_categorical", "income": "float_discretized"}
    layer = k.utils.FeatureSpace(features, crosses=[("city", "income")], crossing_dim=5, num_discretization_bins=3)
    layer.adapt({name: TABLE[name] for name in features})
    return layer


def of_small(layer):
    return np.asarray(layer({name: NEW[name] for name in ("age", "city", "income")}))


def crossing(k):
    words, numbers = np.array(["A", "B", "A", "tea", ""]), np.array([101, -1, 2**40, 0, 7])
    layer, vectors = k.layers.HashedCrossing(5), k.layers.HashedCrossing(6, output_mode="one_hot")
    return {
        "two": layer((words, numbers)),
        "three": layer((numbers, words, numbers[::-1])),
        "columns": layer((words[:, None], numbers[:, None])),
        "single": layer(("tea", 3)),
        "one_hot": vectors((words, words[::-1])),
        "one_hot columns": vectors((words[:, None], numbers[:, None])),
        "shape": np.array(vectors.compute_output_shape(((3, 1), (3, 1)))),
        "config": config(layer),
    }


def both_directions(k):
    """Outputs both ways, and a small language model's losses and weights with one table or two."""
    ids, made = np.random.RandomState(3).randint(0, 6, (8, 4)), {}
    for tied in (True, False):
        layer = k.layers.ReversibleEmbedding(6, 3, tie_weights=tied, logit_soft_cap=3.0)
        inputs = k.Input((4,), dtype="int32")
        outputs = layer(k.layers.Dense(3, activation="tanh")(layer(inputs)), reverse=True)
        model = k.Model(inputs, outputs)
        rng = np.random.RandomState(2)
        model.set_weights([rng.normal(0, 0.5, w.shape).astype("float32") for w in model.get_weights()])
        made[f"{tied} logits"] = model(ids)
        made[f"{tied} weights"] = np.array([len(w.path) for w in layer.weights])
        loss = k.losses.SparseCategoricalCrossentropy(from_logits=True)
        model.compile(k.optimizers.SGD(0.5), loss)
        made[f"{tied} losses"] = np.array([float(model.train_on_batch(ids, ids)) for _ in range(4)])
        made |= {f"{tied} weight{i}": w for i, w in enumerate(model.get_weights())}
    return made


ROWS = {
    "feature space": concatenated,
    "feature space of dicts": as_dict,
    "small feature space": lambda k: {"new": of_small(small(k))},
    "hashed crossing": crossing,
    "both directions": both_directions,
}
