"""What real Keras computes for quantizers, and for layers and a training that are quantized: values and gradients."""

import numpy as np
from rows_nn import gradient, numbers, values_and_gradients


def quantizers(keras):
    q, x = keras.quantizers, numbers(4, 7)
    made = {}
    for name, settings in {
        "rows": {"axis": -1},
        "columns": {"axis": 0, "value_range": (-8, 7)},
        "whole": {"axis": (0, 1), "epsilon": 1e-2},
        "numpy": {"axis": 1, "to_numpy": True},
    }.items():
        made |= {f"{name}.{i}": t for i, t in enumerate(q.abs_max_quantize(x, **settings))}
    made |= {f"quantizer.{i}": t for i, t in enumerate(q.AbsMaxQuantizer(value_range=(-100, 90))(x))}
    for size in (2, 3, 9):
        for to_numpy in (False, True):
            parts = q.abs_max_quantize_grouped_with_zero_point(x + 0.5, size, to_numpy=to_numpy)
            made |= {f"grouped {size} {to_numpy}.{i}": t for i, t in enumerate(parts)}
    made |= {
        f"scale {amax}": q.compute_float8_scale(np.float32(amax), np.float32(3), 448.0) for amax in (0.0, 5.0, np.inf)
    }
    made["history"] = q.compute_float8_amax_history(x, np.arange(4, dtype="float32"))
    wide = np.concatenate([x.ravel(), 1e-3 * x.ravel(), 600 * x.ravel(), [0.0, 448.0, 464.0, 2.0**-10, 1.0625, 1.1875]])
    for dtype in ("float8_e4m3fn", "float8_e5m2"):
        made[dtype] = q.quantize_and_dequantize(wide.astype("float32"), np.float32(0.5), dtype, "float32")
    return made


def int4(keras):
    q, random = keras.quantizers, np.random.RandomState(2)
    signed = random.randint(-8, 8, (3, 5, 4)).astype("int8")
    made = {}
    for axis in (0, 1, -1):
        packed, shape, length = q.pack_int4(signed, axis=axis)
        made |= {
            f"packed {axis}": packed,
            f"shape {axis}": shape,
            f"unpacked {axis}": q.unpack_int4(packed, length, axis),
        }
    packed = q.pack_int4(signed.astype("uint8") & 15, axis=1, dtype="uint8")[0]
    return {**made, "unsigned": packed, "unsigned back": q.unpack_int4(packed, 5, axis=1, dtype="uint8")}


def fake_quant(keras):
    x, low, high = 3 * numbers(4, 3), np.float32([-1.0, -0.4, 0.1]), np.float32([1.2, 2.0, 1.7])
    function, made = keras.quantizers.fake_quant_with_min_max_vars, {}
    for bits in (2, 8):
        for narrow in (False, True):
            settings = {"num_bits": bits, "narrow_range": narrow}
            one = values_and_gradients(keras, lambda *t, s=settings: function(*t, **s), x, low[0], high[0])
            each = values_and_gradients(keras, lambda *t, s=settings: function(*t, axis=1, **s), x, low, high)
            made |= {f"{bits} {narrow} {k}": v for k, v in one.items()}
            made |= {f"{bits} {narrow} channels {k}": v for k, v in each.items()}
    return made


def configs(keras):
    """(mode, config) by name."""
    q = keras.quantizers
    return {
        "int8": ("int8", None),
        "weights": (None, q.Int8QuantizationConfig(activation_quantizer=None)),
        "ranges": (
            None,
            q.Int8QuantizationConfig(q.AbsMaxQuantizer(axis=0, value_range=(-99, 99)), q.AbsMaxQuantizer(epsilon=0.1)),
        ),
        "narrow": (None, q.Int8QuantizationConfig(activation_quantizer=q.AbsMaxQuantizer(value_range=(-50, 50)))),
        "int4": ("int4", None),
        "groups": (None, q.Int4QuantizationConfig(block_size=3)),
        "channels": (None, q.Int4QuantizationConfig(block_size=None)),
        "both": (None, q.Int4QuantizationConfig(block_size=-1, activation_quantizer=q.AbsMaxQuantizer())),
    }


def quantized(keras, make, shape, names, ids=None, **call):
    """Outputs and gradients, numbers, and shapes in the order of files, of a layer in all modes; scales of each."""
    made, outputs, found, order = {}, [], [], []
    for name in names:
        mode, config = configs(keras)[name]
        layer = make(keras)
        layer.build(shape)
        for i, w in enumerate(layer.weights):
            w.assign(numbers(*w.shape, seed=i + 3))
        layer.quantize(mode, config=config)
        x = numbers(*shape) if ids is None else ids
        outputs.append(layer(x, **call))
        if ids is None and not call:
            outputs += gradient(keras, lambda x, layer=layer: layer(x), x)
        weights = {w.name: w for w in layer.weights if w.name != "bias"}
        made[f"{name} scales"] = flat(keras, [w for key, w in weights.items() if key.endswith("scale")])
        found += [w for key, w in weights.items() if not key.endswith("scale")]
        order += [size for v in stored(layer) for size in (*v.shape, -1)]
    return {**made, "outputs": flat(keras, outputs), "numbers": flat(keras, found), "order": order}


def flat(keras, tensors):
    """Several tensors as one, in float32."""
    return keras.ops.concatenate([keras.ops.reshape(keras.ops.cast(t, "float32"), (-1,)) for t in tensors])


def stored(layer):
    """The variables of a layer in the order of files."""
    store = {}
    layer.save_own_variables(store)
    return [store[str(i)] for i in range(len(store))]


ALL = ("int8", "weights", "ranges", "narrow", "int4", "groups", "channels", "both")
EQUATIONS = {
    "last": ("abc,cd->abd", (2, 3, 4), (None, 5)),
    "heads": ("abc,cde->abde", (2, 3, 4), (None, 2, 3)),
    "joined": ("abcd,cde->abe", (2, 3, 4, 2), (None, 5)),
    "turned": ("abc,dce->abde", (2, 3, 4), (None, 2, 3)),
    "crossed": ("abcd,dce->abe", (2, 3, 4, 2), (None, 5)),
    "stacks": ("abc,bcd->abd", (2, 3, 4), (3, 5)),
}


def einsum(name):
    equation, shape, output_shape = EQUATIONS[name]

    def row(keras):
        def make(keras):
            return keras.layers.EinsumDense(equation, output_shape, bias_axes=equation[-1], activation="tanh")

        return quantized(keras, make, shape, ("int8", "weights", "int4", "groups", "channels", "both"))

    return row


def dense(keras):
    return quantized(keras, lambda k: k.layers.Dense(5, activation="gelu"), (3, 7), ALL)


def dense_of_halves(keras):
    def make(keras):
        return keras.layers.Dense(5, use_bias=False, dtype="mixed_bfloat16")

    return quantized(keras, make, (2, 3, 7), ("int8", "int4"))


IDS = np.array([[1, 2], [0, 4]], "int32")


def embedding(keras):
    return quantized(keras, lambda k: k.layers.Embedding(6, 5), (None,), ("int8", "int4", "groups", "channels"), IDS)


def reversible(tied):
    def row(keras):
        def make(keras):
            return keras.layers.ReversibleEmbedding(6, 5, tie_weights=tied, logit_soft_cap=None if tied else 4.0)

        made = {}
        for reverse, inputs in ((False, IDS), (True, numbers(2, 3, 5))):
            names = ("int8", "weights", "int4", "groups", "channels", "both")
            parts = quantized(keras, make, (None,), names, inputs, reverse=reverse)
            made |= {f"{reverse} {key}": value for key, value in parts.items()}
        return made

    return row


def training(keras):
    """A float layer learns in front of one that is quantized."""
    model = keras.Sequential(
        [keras.Input((6,)), keras.layers.Dense(8, activation="tanh"), keras.layers.Dense(3, name="q")]
    )
    for i, w in enumerate(model.weights):
        w.assign(numbers(*w.shape, seed=i))
    model.quantize("int8", filters="^q$")
    model.compile(keras.optimizers.SGD(0.05), "mse")
    history = model.fit(numbers(24, 6), numbers(24, 3, seed=9), batch_size=8, epochs=3, shuffle=False, verbose=0)
    return {"losses": history.history["loss"], **{f"w{i}": w for i, w in enumerate(model.weights)}}


ROWS = {
    "quantizers": quantizers,
    "int4": int4,
    "fake_quant": fake_quant,
    "dense": dense,
    "dense_of_halves": dense_of_halves,
    **{f"einsum_{name}": einsum(name) for name in EQUATIONS},
    "embedding": embedding,
    "reversible": reversible(False),
    "reversible_tied": reversible(True),
    "training": training,
}
TOLERANCE = {"dense_of_halves": 1e-2}
