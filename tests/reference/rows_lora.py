"""What real Keras computes for layers with LoRA: values, gradients, training, and what it writes into files."""

import functools

import numpy as np
from rows_layers import gradients
from rows_nn import numbers
from rows_quantization import IDS, configs, flat, stored

LAYERS = {
    "dense": (lambda k, **more: k.layers.Dense(5, activation="tanh", **more), (3, 7)),
    "heads": (lambda k, **more: k.layers.EinsumDense("abc,cde->abde", (None, 2, 4), bias_axes="e", **more), (2, 3, 4)),
    "joined": (lambda k, **more: k.layers.EinsumDense("abcd,cde->abe", (None, 5), **more), (2, 3, 4, 2)),
    "embedding": (lambda k, **more: k.layers.Embedding(6, 5, **more), (None,)),
    "reversible": (lambda k, **more: k.layers.ReversibleEmbedding(6, 5, **more), (None,)),
    "conv1d": (lambda k, **more: k.layers.Conv1D(4, 2, padding="causal", **more), (2, 6, 3)),
    "conv2d": (
        lambda k, **more: k.layers.Conv2D(4, (2, 3), groups=2, data_format="channels_first", **more),
        (2, 4, 5, 6),
    ),
}


def made(keras, name, mode=None, alpha=3.0, before=True, **more):
    """(layer, inputs), quantized before LoRA is enabled or after, with weights that are the same for everybody."""
    make, shape = LAYERS[name]
    layer = make(keras, **more)
    layer.build(shape)
    for i, w in enumerate(layer.weights):
        w.assign(numbers(*w.shape, seed=i + 3))

    def quantize():
        if mode is not None:
            kind, config = configs(keras)[mode]
            layer.quantize(kind, config=config)

    if before:
        quantize()
    layer.enable_lora(2, lora_alpha=alpha)
    for i, w in enumerate(v for v in layer.weights if v.name.startswith("lora")):
        w.assign(numbers(*w.shape, seed=i + 20, scale=0.7))
    if not before:
        quantize()
    return layer, IDS if shape == (None,) else numbers(*shape)


def row(keras, name, mode=None, before=True, **more):
    """Outputs, gradients, what `kernel` gives, files, and what is trained."""
    layer, x = made(keras, name, mode, before=before, **more)
    found = {"outputs": keras.ops.cast(layer(x), "float32")}
    if x is not IDS:
        for training in (False, True) if "training" in layer.call_signature_parameters else (False,):
            call = {"training": True} if training else {}
            found |= {f"gradient {training} {i}": g for i, g in enumerate(gradients(keras, layer, x, call))}
    elif name == "reversible":
        found["reverse"] = keras.ops.cast(layer(numbers(2, 3, 5), reverse=True), "float32")
    weight = layer.embeddings if x is IDS else layer.kernel
    found["weight"] = keras.ops.cast(weight, "float32")
    values = [keras.ops.cast(v, "float32") for v in stored(layer)]
    found["file"] = flat(keras, values)
    found["shapes"] = [size for v in values for size in (*v.shape, -1)]
    found["variables"] = [size for v in layer.weights for size in (v.trainable, *v.shape, -1)]
    store = {str(i): np.asarray(v) * 0 + 1 for i, v in enumerate(values)}
    layer.load_own_variables(store)
    found["loaded"] = flat(keras, layer.weights)
    return found


def constructed(keras):
    """What the constructor's arguments become, before and after the layer is built."""
    found = {}
    for name, (make, shape) in LAYERS.items():
        for more in ({}, {"lora_rank": 2}, {"lora_rank": 2, "lora_alpha": 5.0}, {"lora_alpha": 5.0}):
            layer = make(keras, **more)
            key = f"{name} {sorted(more)}"
            found[key] = np.array([config_numbers(layer), [-1, -1, False]], "float32")
            layer.build(shape)
            found[key][1] = config_numbers(layer)
    return found


def config_numbers(layer):
    config = layer.get_config()
    return [config.get("lora_rank", -1), config.get("lora_alpha", -1), layer.lora_enabled]


def training(keras, dtype="float32", mode=None):
    """Losses of a model of which A, B and biases are trained, and its weights after."""
    layers = keras.layers
    model = keras.Sequential(
        [
            keras.Input((6,), dtype="int32"),
            layers.Embedding(9, 8, lora_rank=2, dtype=dtype),
            layers.EinsumDense("abc,cd->abd", (None, 6), bias_axes="d", activation="tanh", dtype=dtype),
            layers.Conv1D(5, 2, activation="relu", lora_rank=2, lora_alpha=3.0, dtype=dtype),
            layers.GlobalAveragePooling1D(dtype=dtype),
            layers.Dense(3, kernel_regularizer="l2", dtype=dtype),
        ]
    )
    model.layers[1].enable_lora(3, lora_alpha=1.5)
    model.layers[4].enable_lora(1)
    for i, w in enumerate(model.weights):
        w.assign(numbers(*w.shape, seed=i, scale=0.6))
    if mode is not None:
        model.quantize(mode, filters=lambda layer: hasattr(layer, "quantization_config"))
    model.compile(keras.optimizers.SGD(0.05), "mse")
    x, y = np.random.RandomState(3).randint(0, 9, (24, 6)).astype("int32"), numbers(24, 3, seed=9)
    history = model.fit(x, y, batch_size=8, epochs=4, shuffle=False, verbose=0)
    found = {"losses": np.array(history.history["loss"])}
    found["trained"] = flat(keras, model.trainable_variables)
    return found


MODES = {
    "dense": ("int8", "weights", "int4", "groups", "channels", "both"),
    "heads": ("int8", "int4", "groups", "channels"),
    "joined": ("int8", "int4", "channels", "both"),
    "embedding": ("int8", "int4", "groups", "channels"),
    "reversible": ("int8",),
}
ROWS = {
    "constructed": constructed,
    "training": training,
    "training_halves": functools.partial(training, dtype="mixed_bfloat16"),
    "training_int8": functools.partial(training, mode="int8"),
    **{name: functools.partial(row, name=name) for name in LAYERS},
    **{f"{n} {mode}": functools.partial(row, name=n, mode=mode) for n, modes in MODES.items() for mode in modes},
    "dense quantized after": functools.partial(row, name="dense", mode="int8", before=False),
    "dense halves": functools.partial(row, name="dense", dtype="mixed_bfloat16"),
    "dense int8 halves": functools.partial(row, name="dense", mode="int8", dtype="mixed_bfloat16"),
}
TOLERANCE = {name: 3e-2 for name in ("training_halves", "dense halves", "dense int8 halves")}
