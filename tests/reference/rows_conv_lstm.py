"""What real Keras computes with ConvLSTM1D, 2D and 3D: outputs, states, masks, gradients, losses, configs."""

import functools

import numpy as np
from rows_rnn import config_bytes, fill, gradients, random, text

TOLERANCE = {}
SHAPES = {1: (3, 3, 6, 2), 2: (3, 3, 4, 3, 2), 3: (2, 2, 3, 4, 3, 2)}
FIRST = {2: (3, 3, 2, 4, 3), 3: (2, 2, 2, 3, 4, 3)}
MASK = np.array([[1, 0, 1], [0, 1, 0], [0, 0, 0]], bool)


def sequence_row(rank, settings, masked, started, k):
    """Outputs, gradients of inputs and weights, config, the names and shapes of weights."""
    layer = getattr(k.layers, f"ConvLSTM{rank}D")(**{"filters": 2, "kernel_size": 2, **settings})
    shape = (FIRST if settings.get("data_format") == "channels_first" else SHAPES)[rank]
    x, call = random(1, *shape), {}
    layer.build(shape)
    fill(layer)
    if masked:  # elsewhere Keras on JAX cannot apply a mask to images
        layer.unroll = True
        call["mask"] = k.ops.convert_to_tensor(MASK[: shape[0], : shape[1]])
    if started:
        state = layer.cell.get_initial_state(shape[0])[0].shape
        call["initial_state"] = [k.ops.convert_to_tensor(random(10 + i, *state)) for i in range(2)]
    outputs = layer(x, **call)
    made = {"config": config_bytes(layer), "shapes": text([layer.compute_output_shape(shape)])}
    made |= {f"output{i}": np.asarray(y) for i, y in enumerate(outputs if settings.get("return_state") else [outputs])}
    made |= {f"gradient{i}": np.asarray(g) for i, g in enumerate(gradients(k, layer, x, call))}
    return {**made, "paths": text(f"{w.path} {tuple(w.shape)}" for w in layer.weights)}


SEQUENCES, STATES = {"return_sequences": True}, {"return_sequences": True, "return_state": True}
CASES = {
    "1D": (1, {}, False, False),
    "1D sequences": (1, {**SEQUENCES, "padding": "same", "kernel_size": 3}, False, False),
    "1D dilated": (1, {"dilation_rate": 2, "padding": "SAME", "activation": "relu"}, False, False),
    "2D": (2, {}, False, False),
    "2D sequences": (2, {**SEQUENCES, "kernel_size": (2, 3)}, False, False),
    "2D states": (2, {**STATES, "padding": "same"}, False, True),
    "2D last states, masked": (2, {"return_state": True}, True, False),
    "2D states, masked": (2, {**STATES, "padding": "same"}, True, True),
    "2D unrolled": (2, {**SEQUENCES, "unroll": True}, False, False),
    "2D backwards": (2, {**STATES, "go_backwards": True}, False, False),
    "2D backwards, masked": (2, {**STATES, "go_backwards": True}, True, False),
    "2D strides": (2, {**SEQUENCES, "strides": 2, "padding": "same", "kernel_size": 3}, False, False),
    "2D strides, valid": (2, {"strides": (2, 1), "kernel_size": (1, 3)}, False, True),
    "2D no bias": (2, {"use_bias": False, "recurrent_activation": "hard_sigmoid"}, False, False),
    "2D channels first": (2, {**STATES, "data_format": "channels_first"}, False, True),
    "2D penalties": (
        2,
        {
            "kernel_regularizer": "l2",
            "recurrent_regularizer": "l1",
            "bias_regularizer": "l2",
            "activity_regularizer": "l1",
            "kernel_constraint": "max_norm",
            "recurrent_constraint": "unit_norm",
            "bias_constraint": "non_neg",
            "kernel_initializer": "he_normal",
            "bias_initializer": "ones",
            "unit_forget_bias": False,
        },
        False,
        False,
    ),
    "2D dropout in inference": (2, {"dropout": 0.5, "recurrent_dropout": 0.3, "seed": 1}, False, False),
    "3D": (3, {**SEQUENCES, "padding": "same"}, False, False),
    "3D channels first": (3, {"data_format": "channels_first", "use_bias": False}, True, False),
}  # fmt: skip
ROWS = {name: functools.partial(sequence_row, *case) for name, case in CASES.items()}


def first_weights(k):
    """The bias of the forget gate, and of none."""
    made = {}
    for name, settings in {"forget": {}, "plain": {"unit_forget_bias": False, "bias_initializer": "ones"}}.items():
        layer = k.layers.ConvLSTM1D(2, 2, **settings)
        layer.build((None, None, 4, 3))
        made[name] = layer.get_weights()[2]
        made[f"{name} shapes"] = text(f"{v.path} {tuple(v.shape)}" for v in layer.variables)
    return made


def stateful(k):
    """States go on from batch to batch until they are reset."""
    layer = k.layers.ConvLSTM2D(2, 2, stateful=True, return_sequences=True)
    x = random(1, 2, 6, 3, 4, 2)
    layer.build((2, 2, 3, 4, 2))
    fill(layer)
    made = {f"{t}": np.asarray(layer(x[:, t : t + 2])) for t in (0, 2, 4)}
    layer.reset_states()
    return {**made, "again": np.asarray(layer(x[:, :2]))}


def both_directions(k):
    layer = k.layers.Bidirectional(k.layers.ConvLSTM2D(2, 2, return_sequences=True))
    x = random(1, 2, 3, 3, 4, 2)
    layer.build(x.shape)
    fill(layer)
    return {"output": np.asarray(layer(x))}


def losses(k):
    """Losses and weights of a model of two layers, with steps that are masked."""
    films = k.Input((4, 5, 4, 2))
    x = k.layers.ConvLSTM2D(3, 3, padding="same", return_sequences=True, activation="relu")(films)
    x = k.layers.ConvLSTM2D(2, 2, return_state=True, unroll=True)(x, mask=k.ops.any(films > 0, axis=(2, 3, 4)))
    model = k.Model(films, k.layers.Dense(1)(k.layers.Flatten()(k.layers.concatenate(x))))
    fill(model)
    model.compile(k.optimizers.Adam(0.01), "mse")
    x, y = random(1, 32, 4, 5, 4, 2), random(2, 32, 1)
    x[::3, 2:] = -1
    made = {"losses": np.array([float(model.train_on_batch(x[i : i + 8], y[i : i + 8])) for i in range(0, 32, 8)])}
    return made | {f"weight{i}": w for i, w in enumerate(model.get_weights())}


ROWS |= {
    "first weights": first_weights,
    "stateful": stateful,
    "both directions": both_directions,
    "losses": losses,
}
