"""tf.data: elements, their shapes and dtypes, and cardinalities of pipelines whose order is defined; fit with them."""

import importlib
import types
import warnings

import numpy as np

SEVEN = np.arange(7) * 10


def _tf(k):
    """What has `data` and `TensorSpec`: TensorFlow, or fastkeras."""
    if hasattr(k, "data"):
        return types.SimpleNamespace(data=k.data, TensorSpec=k.data.TensorSpec)
    return importlib.import_module("tensorflow")


def _flat(element):
    if isinstance(element, dict):
        return [leaf for key in sorted(element) for leaf in _flat(element[key])]
    return [leaf for part in element for leaf in _flat(part)] if isinstance(element, tuple) else [np.asarray(element)]


def codes(text):
    return np.frombuffer(text.encode(), "uint8")


def _figures(dataset, limit=40):
    leaves = [leaf for element in dataset.take(limit).as_numpy_iterator() for leaf in _flat(element)]
    texts = [leaf.ravel().astype("S").tolist() if leaf.dtype.kind in "SO" else [] for leaf in leaves]
    numbers = [leaf.ravel().astype("float64") for leaf in leaves if leaf.dtype.kind not in "SO"]
    return {
        "shapes": codes(str([leaf.shape for leaf in leaves])),
        "dtypes": codes(str(["S" if leaf.dtype.kind in "SO" else leaf.dtype.name for leaf in leaves])),
        "numbers": np.concatenate([np.empty(0), *numbers]),
        "texts": codes(str(texts)),
        "cardinality": int(dataset.cardinality()),
    }


def _pipeline(make):
    def row(k):
        tf = _tf(k)
        return _figures(make(tf.data.Dataset, tf))

    return row


def _ragged(d, tf):
    return d.from_generator(
        lambda: (np.arange(n) for n in (3, 1, 4, 1, 5, 2)), output_signature=tf.TensorSpec((None,), "int32")
    )


PIPELINES = {
    "slices": lambda d, tf: d.from_tensor_slices((SEVEN, {"b": SEVEN / 2, "a": [1, 2, 3, 4, 5, 6, 7]})),
    "slices_of_texts": lambda d, tf: d.from_tensor_slices({"t": ["a", "bc", "é"], "n": [True, False, True]}),
    "tensors": lambda d, tf: d.from_tensors(([1, 2], 0.5, "text")),
    "range": lambda d, tf: d.range(10, 1, -4),
    "range_int32": lambda d, tf: d.range(2, 5, output_type="int32"),
    "batch": lambda d, tf: d.range(7).batch(3),
    "batch_drop": lambda d, tf: d.range(7).batch(3, drop_remainder=True),
    "batch_batch": lambda d, tf: d.range(8).batch(2).batch(3, drop_remainder=True),
    "batch_of_dicts": lambda d, tf: d.from_tensor_slices({"x": SEVEN, "s": list("abcdefg")}).batch(4),
    "unbatch": lambda d, tf: d.range(7).batch(3).unbatch(),
    "rebatch": lambda d, tf: d.range(7).batch(2).rebatch(3),
    "rebatch_several": lambda d, tf: d.range(8).batch(4).rebatch([2, 1]),
    "take_skip": lambda d, tf: d.range(7).skip(2).take(3),
    "take_all": lambda d, tf: d.range(7).take(-1).skip(5),
    "take_more": lambda d, tf: d.range(3).take(9),
    "shard": lambda d, tf: d.range(7).shard(3, 1),
    "shard_batches": lambda d, tf: d.range(7).batch(2).shard(2, 1),
    "repeat": lambda d, tf: d.range(3).repeat(2).batch(4),
    "repeat_batches": lambda d, tf: d.range(3).batch(2).repeat(2),
    "repeat_endless": lambda d, tf: d.range(3).repeat(),
    "concatenate": lambda d, tf: d.range(3).concatenate(d.range(5, 7)),
    "map": lambda d, tf: d.range(4).map(lambda x: (x + 1, {"square": x * x})),
    "map_list": lambda d, tf: d.range(3).map(lambda x: [x, 2 * x]),
    "map_pair": lambda d, tf: d.from_tensor_slices((SEVEN, SEVEN)).map(lambda x, y: x - y),
    "map_parallel": lambda d, tf: d.range(9).map(lambda x: x * 3, num_parallel_calls=3).batch(2),
    "filter": lambda d, tf: d.range(7).filter(lambda x: x % 3 != 1),
    "flat_map": lambda d, tf: d.range(4).flat_map(lambda x: d.range(x)),
    "interleave": lambda d, tf: d.range(5).interleave(lambda x: d.from_tensors(x).repeat(4), 2, 3),
    "interleave_uneven": lambda d, tf: d.range(6).interleave(lambda x: d.range(10 * x, 11 * x), cycle_length=3),
    "window": lambda d, tf: d.range(7).window(3, 2, 2).flat_map(lambda w: w.batch(3)),
    "window_drop": lambda d, tf: d.range(9).window(2, 3, drop_remainder=True).flat_map(lambda w: w.batch(2)),
    "window_of_pairs": lambda d, tf: (
        d.from_tensor_slices((SEVEN, SEVEN + 1)).window(3).flat_map(lambda x, y: d.zip((x.batch(3), y.batch(3))))
    ),
    "windows": lambda d, tf: d.range(7).window(2, 1, drop_remainder=True).map(lambda w: 1),
    "enumerate": lambda d, tf: d.from_tensor_slices([0.5, 1.5]).enumerate(5),
    "zip": lambda d, tf: d.zip((d.range(3), {"a": d.range(5).batch(2)})),
    "zip_endless": lambda d, tf: d.zip(d.range(3), d.range(2).repeat()),
    "scan": lambda d, tf: d.range(5).scan(np.int64(1), lambda s, x: (s + x, s * x)),
    "take_while": lambda d, tf: d.range(7).take_while(lambda x: x < 4),
    "unique": lambda d, tf: d.from_tensor_slices([3, 1, 3, 2, 1]).unique(),
    "unique_texts": lambda d, tf: d.from_tensor_slices(["b", "a", "b"]).unique(),
    "cache": lambda d, tf: d.range(5).map(lambda x: x + 1).cache().repeat(2),
    "prefetch": lambda d, tf: d.range(5).map(lambda x: x + 1).prefetch(2),
    "apply": lambda d, tf: d.range(5).apply(lambda other: other.batch(2)),
    "choose": lambda d, tf: d.choose_from_datasets(
        [d.range(3), d.range(10, 12)], d.from_tensor_slices(np.array([1, 0, 0, 1, 1, 0], "int64"))
    ),
    "choose_all": lambda d, tf: d.choose_from_datasets(
        [d.range(3), d.range(10, 12)], d.from_tensor_slices(np.array([1, 0, 1, 1, 0, 0, 0, 1], "int64")), False
    ),
    "generator": lambda d, tf: _ragged(d, tf),
    "generator_types": lambda d, tf: d.from_generator(
        lambda n: ((i, [i, i]) for i in range(n)), ("int32", "float32"), ((), (2,)), args=(3,)
    ),
    "padded_batch": lambda d, tf: _ragged(d, tf).padded_batch(4),
    "padded_batch_to": lambda d, tf: _ragged(d, tf).padded_batch(4, padded_shapes=[6], padding_values=-1),
    "padded_batch_of_pairs": lambda d, tf: d.zip((_ragged(d, tf), d.from_tensor_slices(list("abcdef")))).padded_batch(
        4, padded_shapes=([None], []), padding_values=(-1, "none"), drop_remainder=True
    ),
    "group_by_window": lambda d, tf: d.range(9).group_by_window(lambda x: x % 2, lambda key, w: w.batch(3), 3),
    "buckets": lambda d, tf: _ragged(d, tf).bucket_by_sequence_length(lambda x: _size(tf, x), [2, 4], [2, 2, 2]),
    "buckets_to_boundary": lambda d, tf: _ragged(d, tf).bucket_by_sequence_length(
        lambda x: _size(tf, x), [3, 7], [2, 3, 1], pad_to_bucket_boundary=True, drop_remainder=True
    ),
    "ignore_errors": lambda d, tf: d.range(4).filter(lambda x: x > 0).ignore_errors(),
    "counter": lambda d, tf: d.counter(3, 2).take(3),
}


def _size(tf, x):
    return tf.shape(x)[0] if hasattr(tf, "shape") else x.shape[0]


def reductions(k):
    """reduce, len, get_single_element."""
    d = _tf(k).data.Dataset
    pair = d.range(5).reduce((np.int64(0), np.int64(1)), lambda s, x: (s[0] + x, s[1] * (x + 1)))
    only = d.range(5).batch(5).get_single_element()
    return {"pair": np.array([int(v) for v in pair]), "only": np.asarray(only), "len": len(d.range(5).batch(2))}


def specs(k):
    """Shapes and dtypes of elements, as they are known without a look at them."""
    tf = _tf(k)
    d = tf.data.Dataset
    datasets = [
        d.from_tensor_slices((np.zeros((4, 2)), ["a", "b", "c", "d"])),
        d.from_tensor_slices((np.zeros((4, 2)), ["a", "b", "c", "d"])).batch(2),
        d.range(4).batch(2, drop_remainder=True).batch(2),
        d.range(4).batch(2).map(lambda x: {"x": x + 1}),
        d.range(4).map(lambda x: (x, [x, x])),
        _ragged(d, tf).padded_batch(2, padded_shapes=[None]),
        d.range(4).enumerate().batch(2).prefetch(1).cache().repeat().take(3).unbatch(),
    ]
    names = [[(_dims(spec.shape), _name(spec.dtype)) for spec in _leaves(each.element_spec)] for each in datasets]
    return {str(i): codes(str(found)) for i, found in enumerate(names)}


def _leaves(spec):
    if isinstance(spec, dict):
        return [leaf for key in sorted(spec) for leaf in _leaves(spec[key])]
    return [leaf for part in spec for leaf in _leaves(part)] if isinstance(spec, tuple) else [spec]


def _dims(shape):
    return tuple(None if n is None else int(n) for n in shape)


def _name(dtype):
    return getattr(dtype, "name", dtype)


def _model(k):
    model = k.Sequential([k.Input((3,)), k.layers.Dense(4, activation="relu"), k.layers.Dense(2, activation="softmax")])
    model.compile("adam", "sparse_categorical_crossentropy", metrics=["accuracy"], weighted_metrics=["accuracy"])
    random = np.random.RandomState(0)
    model.set_weights([random.normal(size=w.shape).astype("float32") for w in model.get_weights()])
    return model


X = np.random.RandomState(3).normal(size=(22, 3)).astype("float32")
Y = np.random.RandomState(4).randint(0, 2, 22)


def _fit(make, **arguments):
    """The figures of a fit with the dataset, and how often it warned."""

    def row(k):
        d, model = _tf(k).data.Dataset, _model(k)
        with warnings.catch_warnings(record=True) as caught:
            warnings.simplefilter("always")
            given = {name: value(d) if callable(value) else value for name, value in arguments.items()}
            history = model.fit(make(d), verbose=0, shuffle=False, **given)
        told = sum("ran out of data" in str(w.message) for w in caught)
        logs = {name: np.array(values) for name, values in sorted(history.history.items())}
        return {**logs, "warnings": told, "steps": int(model.optimizer.iterations.numpy())}

    return row


def _pairs(d):
    return d.from_tensor_slices((X, Y))


def evaluations(k):
    """evaluate and predict."""
    d, model = _tf(k).data.Dataset, _model(k)
    pairs = _pairs(d).batch(4)
    return {
        "evaluate": np.array(model.evaluate(pairs.map(lambda x, y: (x, y)), verbose=0)),
        "evaluate_steps": np.array(model.evaluate(pairs.repeat(), steps=7, verbose=0)),
        "predict": model.predict(d.from_tensor_slices(X).batch(5), verbose=0),
        "predict_repeated": model.predict(d.from_tensor_slices(X).take(8).repeat(2).batch(5), verbose=0),
        "predict_steps": model.predict(pairs, steps=2, verbose=0),
    }


ROWS = {
    **{name: _pipeline(make) for name, make in PIPELINES.items()},
    "reductions": reductions,
    "specs": specs,
    "fit": _fit(lambda d: _pairs(d).batch(4), epochs=3, validation_data=lambda d: _pairs(d).skip(10).batch(3)),
    "fit_mapped": _fit(lambda d: _pairs(d).map(lambda x, y: (2 * x, y)).batch(4), epochs=2),
    "fit_steps": _fit(lambda d: _pairs(d).repeat().batch(4), epochs=3, steps_per_epoch=4),
    "fit_steps_of_batches": _fit(lambda d: _pairs(d).batch(4).repeat(), epochs=3, steps_per_epoch=4),
    "fit_steps_of_passes": _fit(lambda d: _pairs(d).batch(4), epochs=3, steps_per_epoch=3),
    "fit_class_weight": _fit(lambda d: _pairs(d).batch(4), epochs=2, class_weight={0: 0.5, 1: 3.0}),
    "fit_class_weight_mapped": _fit(lambda d: _pairs(d).batch(4).take(4), epochs=2, class_weight={0: 0.5, 1: 3.0}),
    "fit_sample_weight": _fit(
        lambda d: d.from_tensor_slices((X, Y, np.linspace(0, 1, 22).astype("float32"))).batch(8), epochs=2
    ),
    "fit_validation_steps": _fit(
        lambda d: _pairs(d).batch(4),
        epochs=2,
        validation_data=lambda d: _pairs(d).batch(4).repeat(),
        validation_steps=2,
    ),
    "fit_unknown_length": _fit(lambda d: _pairs(d).filter(lambda x, y: y >= 0).batch(4), epochs=3),
    "evaluations": evaluations,
}
