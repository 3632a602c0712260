"""The primitive behind preprocessing.image: images moved, recoloured and standardised in one call."""

import numpy as np

from fastkeras.engine import primitive

_augment = primitive("augment")

COLUMNS = ("theta", "tx", "ty", "shear", "zx", "zy", "flip_horizontal", "flip_vertical")
OPTIONAL = ("channel_shift_intensity", "brightness")  # None, stored as NaN: not wanted
UNCHANGED = {"zx": 1, "zy": 1}


def parameter_row(parameters):
    """A dictionary of transform parameters as the row of numbers that `augment` takes."""
    row = [float(parameters.get(name, UNCHANGED.get(name, 0))) for name in COLUMNS]
    for name in OPTIONAL:
        value = parameters.get(name)
        row.append(np.nan if value is None else float(value))
    return row


def augment(x, rows, parameters, order=1, fill="nearest", cval=0.0, **settings):
    """Images `x[rows]` (float32 or float64, rank 4), image k changed as `parameters[k]` says; a NumPy array.

    Settings: `channels_first`, `transposed` (the second axis of an image is called its rows), and what comes after:
    `rescale` (a factor), `center` (minus the image's mean), `divide` (by its deviation). With `alone` the calling
    thread does all the work.
    """
    parameters = np.asarray(parameters, "float64")
    if x.shape[0] < 2**31:
        rows = np.asarray(rows, "int32")
    return _augment(x, rows, parameters, order=order, fill=fill, cval=float(cval), **settings).numpy()
