"""State of the session: seeds and names."""

import gc
import random

import numpy as np


def set_random_seed(seed):
    """Seed Python's `random`, NumPy and fastkeras, so that a run can be repeated bit for bit.

    >>> import fastkeras as keras
    >>> keras.utils.set_random_seed(1)
    """
    if isinstance(seed, bool) or not isinstance(seed, (int, np.integer)):
        raise ValueError(f"[set_random_seed] seed must be an integer. Received: seed={seed} (of type {type(seed)})")
    from fastkeras.random import set_global_seed

    set_global_seed(int(seed))  # first: making the global generator draws from Python's
    random.seed(int(seed))
    np.random.seed(int(seed))


def clear_session(free_memory=True):
    """Start the automatic names anew (`dense`, `dense_1`, ...); models already made stay as they are."""
    from fastkeras.engine import clear_names

    clear_names()
    if free_memory:
        gc.collect()


def is_keras_tensor(x):
    """Is `x` a KerasTensor: the symbolic value that functional models are made of?"""
    from fastkeras.engine import KerasTensor

    return isinstance(x, KerasTensor)
