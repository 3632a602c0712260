"""Names of TensorFlow's functions that are ops of ours, and of their parameters."""

import functools
import inspect

from fastkeras import ops

SAME = object()

_INVERSES = {"acos": "arccos", "asin": "arcsin", "atan": "arctan", "atan2": "arctan2"}
_REDUCTIONS = {f"reduce_{name}": name for name in "all any logsumexp max mean min prod sum".split()}

# tf's name -> name in fastkeras.ops; SAME: it has the same one. Arguments are renamed by `translated`.
OPS = {
    "": {
        **dict.fromkeys(
            """abs add broadcast_to cast cond cos cosh cumsum divide einsum equal exp expand_dims eye floor
            greater greater_equal less less_equal linspace logical_and logical_not logical_or matmul maximum meshgrid
            minimum multiply negative norm not_equal ones ones_like repeat reshape roll round searchsorted shape sigmoid
            sign sin sinh size slice sqrt square squeeze stack stop_gradient subtract tan tanh tensordot tile
            unstack vectorized_map while_loop zeros zeros_like""".split(),
            SAME,
        ),
        **_INVERSES,
        "concat": "concatenate",
        "clip_by_value": "clip",
        "identity": "copy",
        "map_fn": "map",
        "pow": "power",
        "range": "arange",
        **_REDUCTIONS,
        "reverse": "flip",
        "scatter_nd": "scatter",
        "tensor_scatter_nd_update": "scatter_update",
        "truediv": "true_divide",
    },
    "math": {
        **dict.fromkeys(
            """abs add ceil cos cosh cumprod cumsum divide divide_no_nan equal erf erfinv exp expm1 floor
            greater greater_equal in_top_k is_finite is_inf is_nan less less_equal log log1p logical_and logical_not
            logical_or logical_xor maximum minimum mod multiply negative not_equal reciprocal round rsqrt segment_sum
            sigmoid sign sin sinh softmax softplus sqrt square subtract tan tanh top_k""".split(),
            SAME,
        ),
        "is_finite": "isfinite",
        "is_inf": "isinf",
        "is_nan": "isnan",
        "pow": "power",
        **_INVERSES,
        **_REDUCTIONS,
        "reduce_std": "std",
        "reduce_variance": "var",
        "floordiv": "floor_divide",
        "floormod": "mod",
        "truediv": "true_divide",
        "unsorted_segment_sum": "segment_sum",
    },
    "nn": {
        **dict.fromkeys(
            """elu gelu in_top_k leaky_relu log_softmax moments relu relu6 selu sigmoid silu softmax softplus softsign
            tanh top_k""".split(),
            SAME,
        ),
        "swish": "silu",
    },
    "linalg": {
        **dict.fromkeys(
            "cholesky cross det einsum eye inv logdet matmul norm pinv qr solve svd tensordot trace".split(), SAME
        ),
        "diag_part": "diagonal",
    },
}

# Names of parameters in TensorFlow, by their position: ours are x, or x1 and x2.
_FIRST = ("input", "input_tensor", "tensor", "logits", "features", "value", "values", "condition", "a", "x")
_SECOND = ("b", "y")
OTHERS = {
    "leaky_relu": {"alpha": "negative_slope"},
    "map_fn": {"fn": "f", "elems": "xs"},
    "scatter_nd": {"updates": "values"},
    "slice": {"input_": "inputs", "begin": "start_indices", "size": "shape"},
    "clip_by_value": {"t": "x", "clip_value_min": "x_min", "clip_value_max": "x_max"},
    "range": {"limit": "stop", "delta": "step"},
    "reshape": {"shape": "newshape"},
    "tile": {"multiples": "repeats"},
}


def find(namespace, name):
    """The op that TensorFlow's function `name` in `namespace` means, or None."""
    ours = OPS.get(namespace, {}).get(name)
    op = getattr(ops, name if ours is SAME else ours, None) if ours is not None else None
    return None if op is None else translated(op, OTHERS.get(name, {}))


def translated(function, others):
    """`function` with TensorFlow's keyword names; its `name=` labels a graph node there and has no meaning here."""
    names = list(inspect.signature(function).parameters)
    renamed = dict.fromkeys(_FIRST, names[0])
    if len(names) > 1 and names[1] == "x2":
        renamed |= dict.fromkeys(_SECOND, "x2")
    renamed |= others

    @functools.wraps(function)
    def translated(*args, name=None, **kwargs):
        return function(*args, **{key if key in names else renamed.get(key, key): v for key, v in kwargs.items()})

    return translated
