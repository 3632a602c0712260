"""Checks of labels before training: what would make every loss NaN is said where it was given."""

import numpy as np

from fastkeras import losses


def check_labels(entries, y, y_pred):
    """Checks labels against the losses that will see them.

    `entries`: of a built CompileLoss; `y`: arrays, nested as given; `y_pred`: specs of the outputs. Raises ValueError
    naming the row and the value of a label that is NaN or no class.
    """
    for path, loss, *_ in entries:
        labels, prediction = _follow(y, path), _follow(y_pred, path)
        if not isinstance(labels, np.ndarray) or labels.size == 0 or not hasattr(prediction, "shape"):
            continue
        if not type(loss).__module__.startswith("fastkeras.") or _fn_is_foreign(loss):
            continue  # a loss of the user's may give NaN or -1 a meaning
        # min is NaN as soon as one value is: one pass, and nothing is allocated.
        if labels.dtype.kind == "f" and np.isnan(labels.min()):
            row = int(np.argwhere(np.isnan(labels))[0][0])
            raise ValueError(f"[fit] labels must not be NaN. Received: y[{row}]={labels[row]}, loss={loss.name}")
        if _is_sparse(loss):
            _check_classes(labels, prediction.shape[-1], loss)


def _check_classes(labels, classes, loss):
    if classes is None or not (labels.min() < 0 or labels.max() >= classes):
        return
    wrong = (labels < 0) | (labels >= classes)
    ignored = getattr(loss, "ignore_class", None)
    if ignored is not None:
        wrong &= labels != ignored
    if wrong.any():
        place = tuple(int(i) for i in np.argwhere(wrong)[0])
        raise ValueError(
            f"[{loss.name}] labels must be classes in [0, {classes}). Received: y{list(place)}={labels[place]}"
        )


def _is_sparse(loss):
    return isinstance(loss, losses.SparseCategoricalCrossentropy) or (
        getattr(loss, "fn", None) is losses.sparse_categorical_crossentropy
    )


def _fn_is_foreign(loss):
    fn = getattr(loss, "fn", None)
    return fn is not None and not getattr(fn, "__module__", "").startswith("fastkeras.")


def _follow(structure, path):
    for key in path:
        try:
            structure = structure[key]
        except (KeyError, IndexError, TypeError):
            return None
    return structure
