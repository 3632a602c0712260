"""Rows of tests/test_reference.py: values, reductions, weights, masks and gradients of every loss."""

import numpy as np


def _random(seed=0):
    return np.random.RandomState(seed)


def _probabilities(shape, seed=0):
    scores = np.exp(_random(seed).normal(size=shape))
    return (scores / scores.sum(-1, keepdims=True)).astype("float32")


def _regression(shape=(6, 4), low=-2.0, high=2.0):
    r = _random(1)
    return r.uniform(low, high, shape).astype("float32"), r.uniform(low, high, shape).astype("float32")


def _one_hot(shape=(6, 4)):
    labels = _random(2).randint(0, shape[-1], shape[:-1])
    return np.eye(shape[-1], dtype="float32")[labels], _probabilities(shape)


def _sparse(shape=(6, 4)):
    return _random(2).randint(0, shape[-1], shape[:-1]), _probabilities(shape)


def _binary(shape=(6, 4)):
    r = _random(3)
    return r.randint(0, 2, shape).astype("float32"), r.uniform(0.02, 0.98, shape).astype("float32")


def _logits(data):
    y_true, y_pred = data
    return y_true, (2.0 * _random(4).normal(size=y_pred.shape)).astype("float32")


def _embeddings():
    r = _random(5)
    e = r.normal(size=(8, 5))
    return r.randint(0, 3, 8), (e / np.linalg.norm(e, axis=-1, keepdims=True)).astype("float32")


def gradient(k, fn, x):
    """d fn / d x in either library."""
    if k.__name__ == "keras":
        import jax

        return jax.grad(fn)(x)
    x = k.ops.convert_to_tensor(x)
    with k.GradientTape() as tape:
        tape.watch(x)
        y = fn(x)
    return tape.gradient(y, x).numpy()


# name -> (class, its arguments, (y_true, y_pred))
_CASES = {
    "mse": ("MeanSquaredError", {}, _regression()),
    "mae": ("MeanAbsoluteError", {}, _regression()),
    "mape": ("MeanAbsolutePercentageError", {}, _regression()),
    "msle": ("MeanSquaredLogarithmicError", {}, _regression(low=0.1)),
    "cosine": ("CosineSimilarity", {}, _regression()),
    "cosine_axis0": ("CosineSimilarity", {"axis": 0}, _regression()),
    "huber": ("Huber", {}, _regression()),
    "huber_delta": ("Huber", {"delta": 0.3}, _regression()),
    "log_cosh": ("LogCosh", {}, _regression()),
    "hinge_signs": ("Hinge", {}, (np.sign(_regression()[0]), _regression()[1])),
    "hinge_binary": ("Hinge", {}, (_binary()[0], _regression()[1])),
    "squared_hinge": ("SquaredHinge", {}, (_binary()[0], _regression()[1])),
    "categorical_hinge": ("CategoricalHinge", {}, _one_hot()),
    "kl": ("KLDivergence", {}, (_probabilities((6, 4), 7), _probabilities((6, 4)))),
    "poisson": ("Poisson", {}, _regression(low=0.1)),
    "cce": ("CategoricalCrossentropy", {}, _one_hot()),
    "cce_logits": ("CategoricalCrossentropy", {"from_logits": True}, _logits(_one_hot())),
    "cce_smooth": ("CategoricalCrossentropy", {"label_smoothing": 0.1}, _one_hot()),
    "cce_smooth_logits": (
        "CategoricalCrossentropy",
        {"label_smoothing": 0.2, "from_logits": True},
        _logits(_one_hot()),
    ),
    "cce_axis1": ("CategoricalCrossentropy", {"axis": 1}, _one_hot((5, 4, 3))),
    "cce_sequence": ("CategoricalCrossentropy", {}, _one_hot((5, 4, 3))),
    "cfocal": ("CategoricalFocalCrossentropy", {}, _one_hot()),
    "cfocal_logits": (
        "CategoricalFocalCrossentropy",
        {"alpha": 0.5, "gamma": 1.5, "from_logits": True, "label_smoothing": 0.1},
        _logits(_one_hot()),
    ),
    "scce": ("SparseCategoricalCrossentropy", {}, _sparse()),
    "scce_column": ("SparseCategoricalCrossentropy", {}, (_sparse()[0][:, None], _sparse()[1])),
    "scce_logits": ("SparseCategoricalCrossentropy", {"from_logits": True}, _logits(_sparse())),
    "scce_ignore": ("SparseCategoricalCrossentropy", {"ignore_class": 2}, _sparse((5, 4, 3))),
    "scce_ignore_minus": (
        "SparseCategoricalCrossentropy",
        {"ignore_class": -1, "from_logits": True},
        (np.where(_sparse()[0] == 2, -1, _sparse()[0]), _logits(_sparse())[1]),
    ),
    "scce_sequence": ("SparseCategoricalCrossentropy", {"from_logits": True}, _logits(_sparse((5, 4, 3)))),
    "bce": ("BinaryCrossentropy", {}, _binary()),
    "bce_logits": ("BinaryCrossentropy", {"from_logits": True}, _logits(_binary())),
    "bce_smooth": ("BinaryCrossentropy", {"label_smoothing": 0.2}, _binary()),
    "bce_column": ("BinaryCrossentropy", {}, (_binary((6, 1))[0][:, 0], _binary((6, 1))[1])),
    "bfocal": ("BinaryFocalCrossentropy", {}, _binary()),
    "bfocal_balanced": (
        "BinaryFocalCrossentropy",
        {"apply_class_balancing": True, "alpha": 0.3, "gamma": 1.0, "from_logits": True, "label_smoothing": 0.1},
        _logits(_binary()),
    ),
    "dice": ("Dice", {}, _binary()),
    "dice_axis": ("Dice", {"axis": (1, 2)}, _binary((3, 4, 5))),
    "tversky": ("Tversky", {"alpha": 0.3, "beta": 0.7}, _binary()),
    "circle": ("Circle", {}, _embeddings()),
    "circle_diagonal": ("Circle", {"gamma": 10.0, "margin": 0.25, "remove_diagonal": False}, _embeddings()),
    "gce": ("CategoricalGeneralizedCrossEntropy", {"q": 0.7}, _sparse()),
}
_REDUCTIONS = ("sum_over_batch_size", "sum", "mean", "mean_with_sample_weight", "none", None)


def _case(cls, arguments, data):
    y_true, y_pred = data

    def row(k):
        make = getattr(k.losses, cls)
        out = {}
        for reduction in ("sum_over_batch_size", "sum", None):
            out[str(reduction)] = make(reduction=reduction, **arguments)(y_true, y_pred)
        loss = make(**arguments)
        out["gradient"] = gradient(k, lambda p: loss(y_true, p), y_pred)
        if out["None"].shape:
            weight = _random(9).uniform(0.0, 2.0, tuple(out["None"].shape)[:1]).astype("float32")
            if tuple(out["None"].shape) == weight.shape or cls == "SparseCategoricalCrossentropy":
                weight = np.ones(tuple(out["None"].shape), "float32") * weight.reshape(
                    (-1,) + (1,) * (len(out["None"].shape) - 1)
                )
                for reduction in ("sum_over_batch_size", "mean_with_sample_weight"):
                    out[f"weighted {reduction}"] = make(reduction=reduction, **arguments)(y_true, y_pred, weight)
                out["weighted gradient"] = gradient(k, lambda p: loss(y_true, p, sample_weight=weight), y_pred)
        return out

    return row


def _reductions(k):
    y_true, y_pred = _regression((5, 3, 2))
    r = _random(11)
    weights = {
        "none": None,
        "samples": r.uniform(size=5)[:, None].astype("float32"),
        "all": r.uniform(size=(5, 3)).astype("float32"),
        "last": r.uniform(size=(5, 3, 1)).astype("float32"),
    }
    out = {}
    for reduction in _REDUCTIONS:
        loss = k.losses.MeanSquaredError(reduction=reduction)
        for name, weight in weights.items():
            out[f"{reduction} {name}"] = loss(y_true, y_pred, sample_weight=weight)
    return out


def _masks(k):
    y_true, y_pred = _regression((5, 3, 2))
    r = _random(12)
    out = {}
    for reduction in _REDUCTIONS:
        loss = k.losses.MeanAbsoluteError(reduction=reduction)
        for name, mask in {"some": r.randint(0, 2, (5, 3)) > 0, "none": np.zeros((5, 3), bool)}.items():
            prediction = k.ops.convert_to_tensor(y_pred)
            prediction._keras_mask = k.ops.convert_to_tensor(mask)
            out[f"{reduction} {name}"] = loss(y_true, prediction)
            weight = r.uniform(size=(5, 3)).astype("float32")
            out[f"{reduction} {name} weighted"] = loss(y_true, prediction, sample_weight=weight)
    return out


def _ranks(k):
    y_true, y_pred = _regression((5, 1))
    t, p = y_true[:, 0], y_pred[:, 0]
    pairs = {"vector": (t, y_pred), "column": (y_true, p), "vectors": (t, p)}
    return {
        f"{loss} {name}": getattr(k.losses, loss)(reduction=None)(*pair)
        for loss in ("MeanSquaredError", "BinaryCrossentropy", "Huber")
        for name, pair in pairs.items()
    }


def _functions(k):
    """The functions, called by the names that `get` knows."""
    data = {"categorical": _one_hot(), "sparse": _sparse(), "binary": _binary(), "kl": _one_hot()}
    names = (
        "mse MAE mape msle huber log_cosh hinge squared_hinge poisson cosine_similarity bce binary_focal_crossentropy "
        "categorical_crossentropy categorical_focal_crossentropy categorical_hinge kld "
        "sparse_categorical_crossentropy dice tversky"
    ).split()
    out = {}
    for name in names:
        y_true, y_pred = data.get(name.split("_")[0], _binary())
        out[name] = k.losses.get(name)(k.ops.convert_to_tensor(y_true), k.ops.convert_to_tensor(y_pred))
    return out


def _dtypes(k):
    y_true, y_pred = _one_hot()
    y_true, y_pred = y_true.astype("int32"), y_pred.astype("float64")
    loss = k.losses.CategoricalCrossentropy()
    return {"float64 and int labels": loss(y_true, y_pred), "lists": loss(y_true.tolist(), y_pred.tolist())}


ROWS = {name: _case(*case) for name, case in _CASES.items()}
ROWS |= {"reductions": _reductions, "masks": _masks, "ranks": _ranks, "functions": _functions, "dtypes": _dtypes}
