"""Random numbers: `keras.random`.

A seed is an int (the same numbers at every call), a SeedGenerator (new numbers at every call, the same sequence in
every run), or None (the global SeedGenerator, which `keras.utils.set_random_seed` starts anew).
"""

import os
import random as _python_random
import threading

import numpy as np

from fastkeras.engine import Tensor, Variable, auto_name, cast, config, convert_to_tensor, init_scope, name_scope
from fastkeras.ops import random as _ops
from fastkeras.ops.numpy import zeros_like

_global_generator = None
_drawing = threading.RLock()  # threads that draw from one generator get different seeds


def _renew_lock():
    global _drawing
    _drawing = threading.RLock()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_renew_lock)  # a thread that is not in the child may have held it


def make_default_seed():
    return _python_random.randint(1, int(1e9))


class SeedGenerator:
    """A sequence of seeds, as state: `next()` gives a seed tensor and moves on.

    Args:
        seed: int; one is drawn when None.
        name: string; a layer or model that has the generator as an attribute saves its state under it.

    >>> import fastkeras as keras
    >>> generator = keras.random.SeedGenerator(seed=42)
    >>> a, b = keras.random.normal((2,), seed=generator), keras.random.normal((2,), seed=generator)
    >>> bool((a == b).numpy().any())
    False
    """

    def __init__(self, seed=None, name=None, **kwargs):
        if kwargs:
            raise ValueError(f"Unrecognized keyword arguments: {kwargs}")
        self.name = name or auto_name(self.__class__.__name__)
        self._initial_seed = seed
        seed = make_default_seed() if seed is None else seed
        if isinstance(seed, bool) or not isinstance(seed, int):
            raise ValueError(f"Argument `seed` must be an integer. Received: seed={seed}")
        with name_scope(self.name):
            self.state = Variable(
                _first_state(seed), dtype="uint32", trainable=False, aggregation="none", name="seed_generator_state"
            )

    def next(self, ordered=True):
        """The current seed, a uint32 tensor of shape (2,). The sequence counts; unordered, it jumps."""
        with _drawing:
            seed = self.state.value
            if ordered:
                self.state.assign(seed + np.array([0, 1], "uint32"))
            else:
                self.state.assign((seed + 1) * 5387 % 933199)
        return seed

    def get_config(self):
        return {"seed": self._initial_seed, "name": self.name}

    @classmethod
    def from_config(cls, config):
        return cls(**config)


def _first_state(seed):
    """The 64 bits of a seed as two words: seeds below 2^32 begin their sequence at 0."""
    return np.array([seed & 0xFFFFFFFF, seed >> 32 & 0xFFFFFFFF if seed >= 0 else 0], "uint32")


def global_seed_generator():
    """The generator behind `seed=None`."""
    global _global_generator
    if _global_generator is None:
        with init_scope():
            _global_generator = SeedGenerator(name="global_seed_generator")
    return _global_generator


def set_global_seed(seed):
    """Starts the global generator anew from `seed`."""
    with init_scope():
        global_seed_generator().state.assign(_first_state(seed))


def draw_seed(seed):
    """A seed tensor from what users pass as `seed`."""
    if seed is None:
        return global_seed_generator().next()
    if isinstance(seed, SeedGenerator):
        return seed.next()
    if isinstance(seed, Tensor):
        return cast(seed, "uint32")
    if isinstance(seed, (int, np.integer)) and not isinstance(seed, bool):
        return convert_to_tensor(_first_state(int(seed)))
    raise ValueError(
        "Argument `seed` must be either an integer or an instance of `SeedGenerator`. "
        f"Received: seed={seed} (of type {type(seed)})"
    )


def _float_dtype(dtype, tag):
    dtype = config.floatx() if dtype is None else config.standardize_dtype(dtype)
    if "float" not in dtype:
        raise ValueError(f"`keras.random.{tag}` requires a floating point `dtype`. Received: dtype={dtype} ")
    return dtype


def normal(shape, mean=0.0, stddev=1.0, dtype=None, seed=None):
    """Normal numbers.

    >>> import fastkeras as keras
    >>> keras.random.normal((2, 3), seed=1).shape
    (2, 3)
    """
    return _ops.normal(draw_seed(seed), shape, mean, stddev, _float_dtype(dtype, "normal"))


def truncated_normal(shape, mean=0.0, stddev=1.0, dtype=None, seed=None):
    """Normal numbers no further than two standard deviations from the mean.

    >>> import fastkeras as keras
    >>> bool((abs(keras.random.truncated_normal((100,), seed=1)) <= 2.0).numpy().all())
    True
    """
    return _ops.truncated_normal(draw_seed(seed), shape, mean, stddev, _float_dtype(dtype, "truncated_normal"))


def uniform(shape, minval=0.0, maxval=1.0, dtype=None, seed=None):
    """Numbers spread evenly over [minval, maxval).

    >>> import fastkeras as keras
    >>> x = keras.random.uniform((100,), 2.0, 3.0, seed=1).numpy()
    >>> bool(x.min() >= 2.0), bool(x.max() < 3.0)
    (True, True)
    """
    return _ops.uniform(draw_seed(seed), shape, minval, maxval, _float_dtype(dtype, "uniform"))


def randint(shape, minval, maxval, dtype="int32", seed=None):
    """Integers spread evenly over [minval, maxval).

    >>> import fastkeras as keras
    >>> sorted(set(keras.random.randint((100,), 0, 3, seed=1).numpy().tolist()))
    [0, 1, 2]
    """
    dtype = config.standardize_dtype("int32" if dtype is None else dtype)
    if "int" not in dtype:
        raise ValueError(f"`keras.random.randint` requires an integer `dtype`. Received: dtype={dtype} ")
    return _ops.randint(draw_seed(seed), shape, minval, maxval, dtype)


def categorical(logits, num_samples, dtype="int32", seed=None):
    """Class numbers (batch, num_samples) with probabilities softmax(logits), logits being (batch, classes).

    >>> import fastkeras as keras
    >>> keras.random.categorical([[0.0, 100.0]], 3, seed=1).numpy().tolist()
    [[1, 1, 1]]
    """
    logits = convert_to_tensor(logits)
    if logits.ndim != 2:
        raise ValueError(
            f"`logits` should be a 2-D tensor with shape [batch_size, num_classes]. Received: logits={logits}"
        )
    return _ops.categorical(draw_seed(seed), logits, num_samples, dtype)


def dropout(inputs, rate, noise_shape=None, seed=None):
    """`inputs / (1 - rate)`, or 0 with probability `rate`; `noise_shape` (None: the input's size) is broadcast.

    >>> import fastkeras as keras
    >>> sorted(set(keras.random.dropout(keras.ops.ones((100,)), 0.5, seed=1).numpy().tolist()))
    [0.0, 2.0]
    """
    if not 0 <= rate <= 1:
        raise ValueError(f"[dropout] rate must be in [0, 1]. Received: rate={rate}")
    inputs = convert_to_tensor(inputs)
    if rate == 1:
        return zeros_like(inputs)
    if rate == 0:
        return inputs
    if noise_shape is not None:
        if len(noise_shape) != inputs.ndim:
            raise ValueError(
                "[dropout] noise_shape must have one entry per dimension. "
                f"Received: noise_shape={noise_shape}, inputs.shape={inputs.shape}"
            )
        noise_shape = [own if n is None else n for own, n in zip(inputs.shape, noise_shape, strict=True)]
    return _ops.dropout(draw_seed(seed), inputs, rate, noise_shape)


def shuffle(x, axis=0, seed=None):
    """`x` with its entries along `axis` in random order.

    >>> import fastkeras as keras
    >>> sorted(keras.random.shuffle([1, 2, 3], seed=1).numpy().tolist())
    [1, 2, 3]
    """
    return _ops.shuffle(draw_seed(seed), x, axis)


def gamma(shape, alpha, dtype=None, seed=None):
    """Gamma variates of shape parameter `alpha`, which is broadcast to `shape`, and scale 1.

    >>> import fastkeras as keras
    >>> bool((keras.random.gamma((100,), 0.5, seed=1) >= 0).numpy().all())
    True
    """
    return _ops.gamma(draw_seed(seed), shape, alpha, _float_dtype(dtype, "gamma"))


def binomial(shape, counts, probabilities, dtype=None, seed=None):
    """Successes in `counts` trials of probability `probabilities`, both broadcast to `shape`.

    >>> import fastkeras as keras
    >>> bool((keras.random.binomial((100,), 5.0, 0.5, seed=1) <= 5).numpy().all())
    True
    """
    return _ops.binomial(draw_seed(seed), shape, counts, probabilities, _float_dtype(dtype, "binomial"))


def beta(shape, alpha, beta, dtype=None, seed=None):
    """Beta variates of parameters `alpha` and `beta`, both broadcast to `shape`.

    >>> import fastkeras as keras
    >>> bool((keras.random.beta((100,), 2.0, 3.0, seed=1) <= 1).numpy().all())
    True
    """
    return _ops.beta(draw_seed(seed), shape, alpha, beta, _float_dtype(dtype, "beta"))
