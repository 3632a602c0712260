"""What real Keras computes with recurrent layers: outputs, states, masks, gradients, losses, configs."""

import functools
import json

import numpy as np

TOLERANCE = {}
ROWS = {}


def row(name):
    def enter(function):
        ROWS[name] = function
        return function

    return enter


def random(seed, *shape):
    return np.random.RandomState(seed).normal(0, 0.7, shape).astype("float32")


def fill(layer, seed=3):
    """Weights that are the same for everybody."""
    rng = np.random.RandomState(seed)
    layer.set_weights([rng.normal(0, 0.4, w.shape).astype("float32") for w in layer.get_weights()])


def config_bytes(layer):
    """The config as JSON, floats to six digits: Keras has some of them in float32."""
    plain = json.loads(json.dumps(layer.get_config()), parse_float=lambda x: round(float(x), 6))
    return np.frombuffer(json.dumps(plain, sort_keys=True).encode(), "uint8")


def text(lines):
    return np.frombuffer("\n".join(map(str, lines)).encode(), "uint8")


def gradients(k, layer, x, call):
    """Gradients of the sum of all outputs, weighted, with respect to the inputs and the weights."""

    def objective(outputs):
        flat = outputs if isinstance(outputs, (list, tuple)) else [outputs]
        return sum(k.ops.sum(y * random(50 + i, *y.shape)) for i, y in enumerate(flat))

    if k.__name__ == "keras":
        import jax

        def compute(values):
            given, weights = values
            mapping = list(zip(layer.trainable_variables, weights, strict=True))
            with k.StatelessScope(state_mapping=mapping):
                return objective(layer(given, **call))

        start = k.ops.convert_to_tensor(x), [v.value for v in layer.trainable_variables]
        d_x, d_weights = jax.grad(compute)(start)
        return [d_x, *d_weights]
    given = k.ops.convert_to_tensor(x)
    with k.GradientTape() as tape:
        tape.watch(given)
        total = objective(layer(given, **call))
    return tape.gradient(total, [given, *layer.trainable_variables])


MASK = np.array([[1, 1, 1, 0, 0, 0], [0, 0, 1, 1, 0, 1], [0, 0, 0, 0, 0, 0], [1, 1, 1, 1, 1, 1]], bool)


def sequence_row(make, masked, states, call, k):
    layer = make(k)
    x = random(1, 4, 6, 3)
    layer.build(x.shape)
    fill(layer)
    call = dict(call)
    if masked:
        call["mask"] = k.ops.convert_to_tensor(MASK)
    if states:
        call["initial_state"] = [k.ops.convert_to_tensor(random(10 + i, 4, n)) for i, n in enumerate(states)]
    outputs = layer(x, **call)
    made = {"config": config_bytes(layer)}
    flat = outputs if isinstance(outputs, (list, tuple)) else [outputs]
    made |= {f"output{i}": np.asarray(y) for i, y in enumerate(flat)}
    made |= {f"gradient{i}": np.asarray(g) for i, g in enumerate(gradients(k, layer, x, call))}
    made["paths"] = text(f"{w.name} {tuple(w.shape)}" for w in layer.weights)
    return made


def add(name, make, masked=False, states=(), **call):
    ROWS[name] = functools.partial(sequence_row, make, masked, states, call)


# --- every option of LSTM, GRU, SimpleRNN ----------------------------------------------------------------------------

OPTIONS = {
    "last": {},
    "sequences": {"return_sequences": True},
    "states": {"return_sequences": True, "return_state": True},
    "last states": {"return_state": True},
    "backwards": {"return_sequences": True, "go_backwards": True, "return_state": True},
    "no bias": {"use_bias": False, "return_sequences": True},
    "unroll": {"unroll": True, "return_sequences": True},
    "relu": {"activation": "relu", "return_sequences": True},
    "initializers": {"kernel_initializer": "ones", "bias_initializer": "ones", "recurrent_initializer": "zeros"},
    "penalties": {"kernel_regularizer": "l2", "recurrent_regularizer": "l1", "bias_regularizer": "l2",
                  "kernel_constraint": "max_norm", "recurrent_constraint": "unit_norm", "bias_constraint": "non_neg"},
    "dropout in inference": {"dropout": 0.5, "recurrent_dropout": 0.3, "seed": 1},
    "zero output": {"return_sequences": True, "zero_output_for_mask": True},
}  # fmt: skip
OF_ONE = {
    "LSTM": {"no forget bias": {"unit_forget_bias": False}, "gates": {"recurrent_activation": "hard_sigmoid"}},
    "GRU": {
        "reset before": {"reset_after": False, "return_sequences": True},
        "reset before, no bias": {"reset_after": False, "use_bias": False},
        "gates": {"recurrent_activation": "hard_sigmoid", "return_sequences": True},
    },
    "SimpleRNN": {},
}
for cls, own in OF_ONE.items():
    state = [5, 5] if cls == "LSTM" else [5]
    for option, settings in {**OPTIONS, **own}.items():

        def make(k, cls=cls, settings=settings):
            return getattr(k.layers, cls)(5, **settings)

        add(f"{cls} {option}", make)
        if option in ("backwards", "zero output", "last states"):
            add(f"{cls} {option} masked", make, masked=True)
        if option in ("states", "unroll", "relu"):
            add(f"{cls} {option} masked from states", make, masked=True, states=state)


@row("first weights")
def first_weights(k):
    """What initializers that draw nothing give: the bias of the LSTM's forget gate, shapes."""
    made = {}
    for name, layer in {
        "lstm": k.layers.LSTM(3), "plain": k.layers.LSTM(3, unit_forget_bias=False, bias_initializer="ones"),
        "gru": k.layers.GRU(3), "before": k.layers.GRU(3, reset_after=False), "simple": k.layers.SimpleRNN(3),
    }.items():  # fmt: skip
        layer.build((None, None, 4))
        made[name] = layer.get_weights()[2]
        made[f"{name} shapes"] = text(f"{v.path} {tuple(v.shape)}" for v in layer.variables)
        made[f"{name} output"] = text([layer.compute_output_shape((None, None, 4))])
    return made


# --- cells, stacks, wrappers -----------------------------------------------------------------------------------------


def users_cell(k):
    class Leaky(k.layers.Layer):
        def __init__(self, units, **kwargs):
            super().__init__(**kwargs)
            self.units = units
            self.state_size = [units, 1]
            self.output_size = units

        def build(self, input_shape):
            self.kernel = self.add_weight(shape=(input_shape[-1], self.units), name="kernel")

        def call(self, inputs, states):
            level, count = states
            level = 0.7 * level + k.ops.matmul(inputs, self.kernel)
            return level * 2 + count, [level, count + 1]

    return Leaky(4)


CELLS = {
    "LSTMCell": lambda k: k.layers.LSTMCell(4),
    "GRUCell": lambda k: k.layers.GRUCell(4),
    "GRUCell before": lambda k: k.layers.GRUCell(4, reset_after=False),
    "SimpleRNNCell": lambda k: k.layers.SimpleRNNCell(4, activation="relu"),
    "stack": lambda k: [k.layers.LSTMCell(3), k.layers.GRUCell(4)],
}
for name, make_cell in CELLS.items():
    add(f"RNN {name} masked", lambda k, make_cell=make_cell: k.layers.RNN(make_cell(k)), masked=True)


@row("user's cell")
def user_cell(k):
    layer = k.layers.RNN(users_cell(k), return_sequences=True, return_state=True)
    x = random(1, 4, 6, 3)
    layer.build(x.shape)
    fill(layer)
    y, level, count = layer(x)
    return {"y": np.asarray(y), "level": np.asarray(level), "count": np.asarray(count)}


@row("one step")
def one_step(k):
    made = {}
    x, h, c = random(1, 4, 3), random(2, 4, 5), random(3, 4, 5)
    cells = k.layers
    for name, cell, states in (
        ("lstm", cells.LSTMCell(5), [h, c]), ("gru", cells.GRUCell(5), [h]), ("simple", cells.SimpleRNNCell(5), [h]),
        ("lstm 1", cells.LSTMCell(5, implementation=1), [h, c]), ("gru 1", cells.GRUCell(5, implementation=1), [h]),
    ):  # fmt: skip
        cell.build((4, 3))
        fill(cell)
        y, new = cell(k.ops.convert_to_tensor(x), [k.ops.convert_to_tensor(s) for s in states])
        made[name] = np.asarray(y)
        made |= {f"{name} state {i}": np.asarray(s) for i, s in enumerate(new)}
        made[f"{name} config"] = config_bytes(cell)
        made[f"{name} zeros"] = np.asarray(cell.get_initial_state(batch_size=2)[0])
    return made


for mode, option in (
    ("concat", "last"), ("concat", "states"), ("sum", "sequences"), ("mul", "last"), ("ave", "sequences"),
    (None, "sequences"), (None, "states"),
):  # fmt: skip

    def make(k, mode=mode, option=option):
        return k.layers.Bidirectional(k.layers.LSTM(4, **OPTIONS[option]), merge_mode=mode)

    add(f"Bidirectional {mode} {option}", make, masked=option != "last")
add("Bidirectional GRU", lambda k: k.layers.Bidirectional(k.layers.GRU(4, return_sequences=True)))
add("Bidirectional SimpleRNN", lambda k: k.layers.Bidirectional(k.layers.SimpleRNN(4)), masked=True)
add(
    "Bidirectional own backward layer",
    lambda k: k.layers.Bidirectional(k.layers.LSTM(4), backward_layer=k.layers.GRU(3, go_backwards=True)),
)
add("Bidirectional from states", lambda k: k.layers.Bidirectional(k.layers.LSTM(4)), states=[4, 4, 4, 4])
add("TimeDistributed Dense", lambda k: k.layers.TimeDistributed(k.layers.Dense(4, activation="relu")))
add("TimeDistributed LayerNormalization", lambda k: k.layers.TimeDistributed(k.layers.LayerNormalization()))


# --- models ----------------------------------------------------------------------------------------------------------


@row("lstm losses")
def lstm_losses(k):
    """The first ten losses of the model that is measured, from the same weights."""
    model = k.Sequential(
        [k.Input((20,), dtype="int32"), k.layers.Embedding(2000, 32), k.layers.LSTM(32), k.layers.Dense(1)]
    )
    rng = np.random.RandomState(0)
    model.set_weights([rng.normal(0, 0.1, w.shape).astype("float32") for w in model.get_weights()])
    model.compile(optimizer="adam", loss=k.losses.BinaryCrossentropy(from_logits=True))
    x, y = rng.randint(0, 2000, (320, 20)).astype("int32"), rng.randint(0, 2, (320, 1)).astype("float32")
    losses = [model.train_on_batch(x[i : i + 32], y[i : i + 32]) for i in range(0, 320, 32)]
    made = {"losses": np.array([float(v) for v in losses])}
    made |= {f"weight {i}": w[:40] for i, w in enumerate(model.get_weights())}
    return made


def masked_model(k):
    tokens = k.Input((7,), dtype="int32")
    x = k.layers.Embedding(20, 4, mask_zero=True)(tokens)
    x = k.layers.LSTM(5, return_sequences=True)(x)
    x = k.layers.Dropout(0.0)(x)
    x = k.layers.Bidirectional(k.layers.GRU(3, return_sequences=True))(x)
    steps = k.layers.Dense(2, name="steps")(x)
    last = k.layers.Dense(1, name="last")(k.layers.SimpleRNN(4)(x))
    model = k.Model(tokens, [steps, last])
    fill(model)
    return model


@row("masks through a model")
def masks_through_a_model(k):
    """Masked steps of an Embedding count in no loss and no metric; one step of training moves all weights."""
    model = masked_model(k)
    model.compile(optimizer=k.optimizers.SGD(0.1), loss=["mse", "mse"], metrics=[["mae"], ["mae"]])
    rng = np.random.RandomState(2)
    x = rng.randint(1, 20, (8, 7)).astype("int32")
    for i, length in enumerate((7, 3, 0, 5, 1, 7, 2, 4)):
        x[i, length:] = 0
    x[3, 0] = 0
    y = [random(4, 8, 7, 2), random(5, 8, 1)]
    made = {f"prediction {i}": np.asarray(p) for i, p in enumerate(model.predict(x, verbose=0))}
    made["evaluated"] = np.array(model.evaluate(x, y, batch_size=8, verbose=0), "float64")
    made["trained"] = np.array(model.train_on_batch(x, y)[:3], "float64")
    made |= {f"weight {i}": w for i, w in enumerate(model.get_weights())}
    return made


@row("Masking")
def masking(k):
    x = random(1, 4, 6, 3)
    x[0, 2:] = 9.0
    x[2] = 9.0
    model = k.Sequential([k.Input((6, 3)), k.layers.Masking(9.0), k.layers.LSTM(4), k.layers.Dense(2)])
    fill(model)
    return {"y": np.asarray(model.predict(x, verbose=0))}


@row("stateful")
def stateful(k):
    """States go on from batch to batch until they are reset."""
    made = {}
    for cls in ("LSTM", "GRU", "SimpleRNN"):
        layer = getattr(k.layers, cls)(4, stateful=True, return_sequences=True)
        x = random(1, 2, 9, 3)
        layer.build((2, 3, 3))
        fill(layer)
        made |= {f"{cls} {t}": np.asarray(layer(x[:, t : t + 3])) for t in (0, 3, 6)}
        layer.reset_states()
        made[f"{cls} again"] = np.asarray(layer(x[:, :3]))
    layer = k.layers.Bidirectional(k.layers.LSTM(4, stateful=True))
    layer.build((2, 3, 3))
    fill(layer)
    made |= {f"both {t}": np.asarray(layer(x[:, t : t + 3])) for t in (0, 3)}
    layer.reset_states()
    made["both again"] = np.asarray(layer(x[:, :3]))
    return made


@row("sequence to sequence")
def encoder_decoder(k):
    """The states of one layer begin another."""
    first, second = k.Input((None, 3)), k.Input((None, 2))
    _, h, c = k.layers.LSTM(4, return_state=True)(first)
    y = k.layers.LSTM(4, return_sequences=True)(second, initial_state=[h, c])
    model = k.Model([first, second], k.layers.TimeDistributed(k.layers.Dense(2))(y))
    fill(model)
    model.compile(optimizer=k.optimizers.SGD(0.1), loss="mse")
    x, z, target = random(1, 4, 6, 3), random(2, 4, 5, 2), random(3, 4, 5, 2)
    made = {"before": np.asarray(model.predict([x, z], verbose=0)), "loss": model.train_on_batch([x, z], target)}
    return made | {f"weight {i}": w for i, w in enumerate(model.get_weights())}
