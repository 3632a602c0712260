"""Settings: floatx, epsilon, image data format, threads, instruction set; dtype rules."""

import functools
import os

import numpy as np

from fastkeras import _core

_settings = {
    "floatx": "float32",
    "epsilon": 1e-7,
    "image_data_format": "channels_last",
    "max_epochs": int(os.environ.get("KERAS_MAX_EPOCHS", 0)) or None,
    "max_steps_per_epoch": int(os.environ.get("KERAS_MAX_STEPS_PER_EPOCH", 0)) or None,
}

DTYPES = ("bool", "int8", "uint8", "int32", "uint32", "int64", "float16", "bfloat16", "float32", "float64")
HALVES = ("float16", "bfloat16")  # computed in float32
_ALIASES = {"int": "int32", "float": "floatx", "half": "float16"}
# What arrays of other dtypes become: the narrowest dtype here that holds their values.
WIDENED = {"int16": "int32", "uint16": "int32", "uint64": "int64"}


def floatx():
    return _settings["floatx"]


def set_floatx(value):
    accepted = ("float16", "bfloat16", "float32", "float64")
    if value not in accepted:
        raise ValueError(f"[set_floatx] floatx must be one of {accepted}. Received: value={value}")
    _settings["floatx"] = str(value)
    _core.set_default_float(str(value))


def epsilon():
    return _settings["epsilon"]


def set_epsilon(value):
    _settings["epsilon"] = float(value)


def image_data_format():
    return _settings["image_data_format"]


def set_image_data_format(data_format):
    _settings["image_data_format"] = standardize_data_format(data_format)


def max_epochs():
    """The most epochs that a call of `fit` runs; None: as many as it asks for."""
    return _settings["max_epochs"]


def set_max_epochs(max_epochs):
    """Limits the epochs of every `fit`, to try a script out; so does the environment variable KERAS_MAX_EPOCHS."""
    _settings["max_epochs"] = max_epochs


def max_steps_per_epoch():
    """The most steps that `fit` runs per epoch, and `evaluate` and `predict` at all; None: as many as there are."""
    return _settings["max_steps_per_epoch"]


def set_max_steps_per_epoch(max_steps_per_epoch):
    """Limits these steps, to try a script out; so does the environment variable KERAS_MAX_STEPS_PER_EPOCH."""
    _settings["max_steps_per_epoch"] = max_steps_per_epoch


def standardize_data_format(data_format):
    if data_format is None:
        return image_data_format()
    text = str(data_format).lower()
    if text not in ("channels_first", "channels_last"):
        raise ValueError(
            "The `data_format` argument must be one of {'channels_first', 'channels_last'}. "
            f"Received: data_format={data_format}"
        )
    return text


def standardize_dtype(dtype):
    """The name of a dtype: None is floatx; strings, NumPy dtypes and types, Python types are understood."""
    if dtype is None:
        return floatx()
    if isinstance(dtype, str) and dtype in DTYPES:
        return dtype
    return _standardize_other(dtype)


def _standardize_other(dtype):
    name = {bool: "bool", int: "int32", float: "floatx"}.get(dtype) if isinstance(dtype, type) else None
    name = name or getattr(dtype, "name", None) or getattr(dtype, "__name__", None) or str(dtype)
    name = _ALIASES.get(name, name)
    if name == "floatx":
        return floatx()
    if name not in DTYPES:
        if name in WIDENED:
            raise TypeError(
                f"[dtype] tensors hold {', '.join(DTYPES)}; {name} is not supported. Received: dtype={dtype}"
            )
        raise ValueError(f"Invalid dtype: {dtype}")
    return name


@functools.cache
def _promote(a, b):
    return _core.promote(a, b)


def result_type(*dtypes):
    """The dtype of an operation on these dtypes; Python's `int`, `float` and `bool` are weak, as in Keras.

    int8 with uint8 is int32, because there is no int16.
    """
    weak = [d for d in dtypes if d in (bool, int, float, None)]
    strong = [standardize_dtype(d) for d in dtypes if d not in (bool, int, float, None)]
    if not strong:
        return floatx() if not weak or float in weak or None in weak else "int32" if int in weak else "bool"
    common = functools.reduce(_promote, strong)
    if float in weak and not is_float_dtype(common):
        return floatx()
    return "int32" if int in weak and common == "bool" else common


def is_float_dtype(dtype):
    return "float" in standardize_dtype(dtype)


def largest(dtype):
    """The largest finite value of a float dtype."""
    return 3.3895313892515355e38 if dtype == "bfloat16" else float(np.finfo(dtype).max)


def is_int_dtype(dtype):
    return "int" in standardize_dtype(dtype)


num_threads = _core.num_threads
isa = _core.isa
available_isas = _core.available_isas


def set_num_threads(n):
    """Threads for kernels, at most 1024; 0 or None: what OMP_NUM_THREADS, the affinity and the cgroup allow."""
    _core.set_num_threads(0 if n is None else int(n))


def set_isa(name):
    """The instruction set of the kernels, one of `available_isas()`; None: FASTKERAS_ISA, or the best there is."""
    _core.set_isa(name or "")


if os.environ.get("FASTKERAS_ISA"):
    set_isa(None)  # a wrong name raises here and lists the right ones


def keras_home():
    """Where Keras keeps its settings and data: `$KERAS_HOME`, or `~/.keras`."""
    return os.environ.get("KERAS_HOME") or os.path.join(os.path.expanduser("~"), ".keras")


def _apply_keras_json():
    path = os.path.join(keras_home(), "keras.json")
    if not os.path.exists(path):
        return
    import json

    try:
        with open(path, encoding="utf-8") as file:
            found = json.load(file)
    except (OSError, ValueError):  # Keras treats a broken keras.json as absent
        return
    setters = {"floatx": set_floatx, "epsilon": set_epsilon, "image_data_format": set_image_data_format}
    for name, setter in setters.items():
        if name in found:
            setter(found[name])


_apply_keras_json()
