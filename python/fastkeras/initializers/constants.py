"""Initializers without chance: constants, the identity, the waves of a Fourier transform."""

import numpy as np

from fastkeras import ops, registry
from fastkeras.engine import config as engine_config

MODULE = "keras.initializers"


@registry.register(MODULE, "keras")
class Initializer(registry.Configurable):
    """Base of initializers. A subclass writes `__call__(shape, dtype=None)` and, for saving, `get_config()`.

    >>> import fastkeras as keras
    >>> class Halves(keras.initializers.Initializer):
    ...     def __call__(self, shape, dtype=None):
    ...         return 0.5 * keras.ops.ones(shape, dtype=dtype)
    >>> keras.layers.Dense(1, kernel_initializer=Halves())(keras.ops.ones((1, 4))).numpy().tolist()
    [[2.0]]
    """

    def __call__(self, shape, dtype=None):
        raise NotImplementedError("Initializer subclasses must implement the `__call__()` method.")

    def clone(self):
        """A new initializer with the same arguments."""
        return type(self).from_config(self.get_config())


@registry.register(MODULE, names=("one",))
class Ones(Initializer):
    """All values 1."""

    def __call__(self, shape, dtype=None):
        return ops.ones(shape, dtype=engine_config.standardize_dtype(dtype))


@registry.register(MODULE, names=("zero",))
class Zeros(Initializer):
    """All values 0."""

    def __call__(self, shape, dtype=None):
        return ops.zeros(shape, dtype=engine_config.standardize_dtype(dtype))


@registry.register(MODULE)
class Constant(Initializer):
    """All values `value`, a number or an array that broadcasts to the shape."""

    def __init__(self, value=0.0):
        self.value = value

    def __call__(self, shape, dtype=None):
        dtype = engine_config.standardize_dtype(dtype)
        return ops.cast(self.value, dtype) * ops.ones(shape, dtype=dtype)

    @classmethod
    def from_config(cls, config):
        return cls(registry.deserialize_keras_object(config["value"]))


@registry.register(MODULE, names=("IdentityInitializer",))
class Identity(Initializer):
    """`gain` times the identity matrix; only for matrices."""

    def __init__(self, gain=1.0):
        self.gain = gain

    def __call__(self, shape, dtype=None):
        if len(shape) != 2:
            raise ValueError(
                "Identity matrix initializer can only be used for 2D matrices. "
                f"Received: shape={shape} of rank {len(shape)}."
            )
        return self.gain * ops.eye(*shape, dtype=engine_config.standardize_dtype(dtype))


# Windows that NumPy has; SciPy knows more of them.
_WINDOWS = {
    "bartlett": np.bartlett,
    "blackman": np.blackman,
    "boxcar": np.ones,
    "hamming": np.hamming,
    "hann": np.hanning,
}


def _window(name, length, periodic=False):
    """The values of a window by its name in `scipy.signal.windows`; a periodic one is to be repeated."""
    if name in _WINDOWS:
        return _WINDOWS[name](length + 1)[:-1] if periodic else _WINDOWS[name](length)
    try:
        from scipy.signal import get_window
    except ImportError:
        raise ImportError(
            f"[STFT] windows other than {', '.join(_WINDOWS)} need SciPy: pip install scipy. Received: window={name}"
        ) from None
    try:
        return get_window(name, length, periodic)
    except ValueError as error:
        raise ValueError(f"[STFT] SciPy makes no such window: {error} Received: window={name!r}") from None


@registry.register(MODULE, names=("STFTInitializer",))
class STFT(Initializer):
    """The waves that a short-time Fourier transform multiplies frames with: kernels for `layers.STFTSpectrogram`.

    `kernel[t, 0, k] = window[t] cos(2 pi k t / n) / scale`, or `-sin` for the imaginary side, with
    `n = 2 (shape[2] - 1)`.

    Args:
        side: "real" or "imag".
        window: name of a window in `scipy.signal.windows`, its values, or None for none.
        scaling: "density" divides the window by its L2 norm, "spectrum" by its L1 norm; None leaves it.
        periodic: may a window of that name be repeated, or is it symmetric?

    Raises:
        ValueError: for an unknown side, window or scaling, and on a call for values of another length.

    >>> import fastkeras as keras
    >>> keras.initializers.STFT("imag", window=None)((4, 1, 3)).numpy()[:, 0, 1].round(4).tolist()
    [-0.0, -1.0, -0.0, 1.0]
    """

    def __init__(self, side="real", window="hann", scaling="density", periodic=False):
        if side not in ("real", "imag"):
            raise ValueError(f"side should be 'real' or 'imag', not {side}")
        if isinstance(window, str):
            _window(window, 1)
        if scaling not in (None, "density", "spectrum"):
            raise ValueError(
                f"Scaling is invalid, it must be `None`, 'density' or 'spectrum'. Received scaling={scaling}"
            )
        self.side = side
        self.window = window
        self.scaling = scaling
        self.periodic = periodic

    def __call__(self, shape, dtype=None):
        length, _, bins = shape
        angles = np.arange(length)[:, None, None] * np.arange(bins) * (np.pi / (bins - 1))
        kernel = np.cos(angles) if self.side == "real" else -np.sin(angles)
        if self.window is not None:
            kernel = kernel * self._weights(length)[:, None, None]
        return ops.convert_to_tensor(kernel, dtype=engine_config.standardize_dtype(dtype))

    def _weights(self, length):
        by_name = isinstance(self.window, str)
        values = np.asarray(_window(self.window, length, self.periodic) if by_name else self.window, "float64")
        if values.shape != (length,):
            raise ValueError(
                "The shape of `window` must be equal to [frame_length]. "
                f"Received: window shape={values.shape}, frame_length={length}"
            )
        order = {None: None, "density": 2, "spectrum": 1}[self.scaling]
        return values if order is None else values / np.linalg.norm(values, order)

    @classmethod
    def from_config(cls, config):
        return cls(**{**config, "window": registry.deserialize_keras_object(config["window"])})
