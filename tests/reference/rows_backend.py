"""What the functions of Keras 2 compute in keras.backend: real Keras runs them on TensorFlow."""

import functools

import numpy as np
from rows_nn import numbers


def backend_of(keras):
    if keras.__name__ == "keras":
        from keras._tf_keras.keras import backend

        return backend
    return keras.backend


def images(data_format, *shape, seed=0):
    x = numbers(2, *shape, seed=seed)
    return x if data_format == "channels_last" else np.moveaxis(x, -1, 1)


CALLS = {  # function, shapes of the other tensors, settings: once per setting of it
    "conv1d": ((7, 3), [(3, 3, 4)], [{}, {"padding": "causal", "dilation_rate": 2}, {"padding": "same", "strides": 2}]),
    "conv2d": ((5, 6, 3), [(3, 2, 3, 4)], [{}, {"padding": "same", "strides": (2, 1)}, {"dilation_rate": (2, 2)}]),
    "conv3d": ((4, 5, 3, 2), [(2, 3, 2, 2, 3)], [{}, {"padding": "same", "strides": (2, 2, 2)}]),
    "depthwise_conv2d": ((5, 6, 3), [(3, 2, 3, 2)], [{}, {"padding": "same", "strides": (2, 2)}]),
    "separable_conv2d": ((5, 6, 3), [(3, 2, 3, 2), (1, 1, 6, 4)], [{}, {"padding": "same", "strides": (2, 2)}]),
    "pool2d": (
        (5, 6, 3),
        [],
        [{"pool_size": (2, 3)}, {"pool_size": (3, 2), "strides": (2, 2), "padding": "same", "pool_mode": "avg"}],
    ),
    "pool3d": (
        (4, 5, 3, 2), [], [{"pool_size": (2, 3, 2)}, {"pool_size": (2, 2, 2), "strides": (2, 1, 2), "pool_mode": "avg"}]
    ),
    "spatial_2d_padding": ((3, 2, 2), [], [{}, {"padding": ((1, 0), (2, 3))}]),
    "spatial_3d_padding": ((3, 2, 2, 1), [], [{}, {"padding": ((1, 0), (2, 3), (0, 1))}]),
    "resize_images": (
        (3, 4, 2),
        [],
        [{"height_factor": 2, "width_factor": 3, "interpolation": i}
         for i in ("nearest", "bilinear", "bicubic", "area", "lanczos3", "lanczos5")],
    ),
    "resize_volumes": ((2, 3, 2, 2), [], [{"depth_factor": 2, "height_factor": 1, "width_factor": 3}]),
}  # fmt: skip
LAST_ONLY = tuple(name for name in CALLS if "conv" in name or "pool" in name)  # those of TensorFlow on CPUs


def of_images(name):
    def row(keras):
        backend, made = backend_of(keras), {}
        shape, others, settings = CALLS[name]
        for data_format in ("channels_last",) if name in LAST_ONLY else ("channels_last", "channels_first"):
            tensors = [images(data_format, *shape), *(numbers(*s, seed=i) for i, s in enumerate(others, 1))]
            for i, chosen in enumerate(settings):
                function = functools.partial(getattr(backend, name), data_format=data_format, **chosen)
                made[f"{data_format} {i}"] = function(*map(backend.constant, tensors))
        return made

    return row


TRANSPOSED = {  # size of the output, settings
    "valid": ((7, 9), {"strides": (2, 2)}),
    "longer": ((8, 10), {"strides": (2, 2)}),
    "same": ((5, 8), {"strides": (2, 2), "padding": "same"}),
    "plain": ((5, 5), {}),
    "dilated": ((7, 6), {"dilation_rate": (2, 2)}),
}


def conv2d_transpose(keras):
    backend, made = backend_of(keras), {}
    for name, (size, settings) in TRANSPOSED.items():
        steps = settings.get("strides", (1, 1))
        x = numbers(2, 3, 4, 3)
        kernel = numbers(3, 3 if steps == (2, 2) else 2, 4, 3, seed=1)
        made[name] = backend.conv2d_transpose(backend.constant(x), backend.constant(kernel), (2, *size, 4), **settings)
    return made


def padding_of_steps(keras):
    backend = backend_of(keras)
    x = backend.constant(numbers(2, 3, 2))
    return {"default": backend.temporal_padding(x), "given": backend.temporal_padding(x, (2, 0))}


def batch_normalization(keras):
    backend = backend_of(keras)
    x, *moments = (backend.constant(np.abs(numbers(*s, seed=i))) for i, s in enumerate([(2, 3, 4), *[(4,)] * 4]))
    return {
        "all": backend.batch_normalization(x, *moments, epsilon=0.1),
        "bare": backend.batch_normalization(x, *moments[:2], None, None),
    }


def focal(keras):
    backend, made = backend_of(keras), {}
    target = np.random.RandomState(1).randint(0, 2, (3, 4)).astype("float32")
    logits, one_hot = numbers(3, 4), np.eye(4, dtype="float32")[[2, 0, 1]]
    for from_logits, output in ((True, logits), (False, 1 / (1 + np.exp(-logits)))):
        output = backend.constant(output)
        for balanced in (True, False):
            made[f"binary {from_logits} {balanced}"] = backend.binary_focal_crossentropy(
                backend.constant(target), output, balanced, alpha=0.3, gamma=1.5, from_logits=from_logits
            )
        for axis, labels in ((-1, one_hot), (0, np.eye(3, 4, dtype="float32"))):
            made[f"categorical {from_logits} {axis}"] = backend.categorical_focal_crossentropy(
                backend.constant(labels), output, alpha=0.3, gamma=1.5, from_logits=from_logits, axis=axis
            )
    return made


WALKS = {
    "plain": {},
    "backwards": {"go_backwards": True},
    "masked": {"mask": True},
    "masked_backwards": {"mask": True, "go_backwards": True},
    "masked_zeros": {"mask": True, "zero_output_for_mask": True},
    "unrolled": {"mask": True, "unroll": True, "zero_output_for_mask": True},
    "last_only": {"mask": True, "return_all_outputs": False},
    "time_major": {"mask": True, "time_major": True},
    "lengths": {"input_length": True},
    "lengths_backwards": {"input_length": True, "go_backwards": True},
}
MASK = np.array([[1, 1, 0, 1], [0, 1, 1, 0], [1, 0, 0, 0]], bool)


def rnn(name):
    def row(keras):
        backend, settings = backend_of(keras), dict(WALKS[name])
        time_major = settings.get("time_major", False)
        x = numbers(3, 4, 2)
        x = backend.constant(x.swapaxes(0, 1) if time_major else x)
        if settings.pop("mask", False):
            settings["mask"] = backend.constant(MASK.T if time_major else MASK, dtype="bool")
        if settings.pop("input_length", False):
            settings["input_length"] = backend.constant([4, 1, 2], dtype="int32")
        factor, states = backend.constant([[0.5, 2.0]]), [backend.ones((3, 2)), backend.zeros((3, 1))]

        def step(x, states):
            hidden, count, factor = states
            hidden = backend.tanh(x + hidden * factor)
            return hidden * 2.0, [hidden, count + 1.0]

        last, outputs, states = backend.rnn(step, x, states, constants=[factor], **settings)
        return {"last": last, "outputs": outputs, "hidden": states[0], "count": states[1]}

    return row


def loops(keras):
    backend = backend_of(keras)
    x, y = backend.constant(numbers(4, 3)), backend.constant(numbers(4, 2, seed=1))
    add = lambda total, x: total * 0.5 + x  # noqa: E731
    both = lambda total, pair: total * 0.5 + backend.sum(pair[0]) * pair[1]  # noqa: E731
    return {
        "map": backend.map_fn(lambda row: row * 2.0, x),
        "map of two": backend.map_fn(lambda pair: backend.sum(pair[0]) + pair[1], (x, y), dtype="float32"),
        "foldl": backend.foldl(add, x),
        "foldr": backend.foldr(add, x),
        "foldl from": backend.foldl(both, (x, y), initializer=backend.constant([1.0, 2.0])),
        "foldr from": backend.foldr(both, (x, y), initializer=backend.constant([1.0, 2.0])),
    }


ROWS = {
    **{name: of_images(name) for name in CALLS},
    "conv2d_transpose": conv2d_transpose,
    "temporal_padding": padding_of_steps,
    "batch_normalization": batch_normalization,
    "focal": focal,
    **{f"rnn_{name}": rnn(name) for name in WALKS},
    "loops": loops,
}
# TensorFlow reads the bicubic kernel from a table.
TOLERANCE = {f"resize_images/{data_format} 2": 1e-3 for data_format in ("channels_last", "channels_first")}
