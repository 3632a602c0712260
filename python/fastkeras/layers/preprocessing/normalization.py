"""Layers that prepare data: Rescaling, Normalization."""

import math

import numpy as np

from fastkeras import ops, registry
from fastkeras.engine import Tensor, Variable, config, init_scope
from fastkeras.layers.preprocessing.base import DataLayer

_register = registry.register("keras.layers")


@_register
class Rescaling(DataLayer):
    """inputs * scale + offset, as floats.

    Args:
        scale: a number, or one per channel.
        offset: a number, or one per channel.

    >>> import fastkeras as keras
    >>> keras.layers.Rescaling(1 / 255)(keras.ops.array([0, 255])).numpy().tolist()
    [0.0, 1.0]
    """

    def __init__(self, scale, offset=0.0, **kwargs):
        super().__init__(**kwargs)
        self.scale = scale
        self.offset = offset
        self.supports_masking = True

    def call(self, inputs):
        scale, offset = (ops.cast(x, self.compute_dtype) for x in (self.scale, self.offset))
        if len(scale.shape) > 0 and config.image_data_format() == "channels_first":
            scale = ops.reshape(scale, (*scale.shape, *(1,) * (3 - len(scale.shape))))
        return ops.cast(inputs, self.compute_dtype) * scale + offset

    def compute_output_shape(self, input_shape):
        return input_shape

    @classmethod
    def from_config(cls, config, custom_objects=None):
        values = {name: registry.deserialize_keras_object(config[name], custom_objects) for name in ("scale", "offset")}
        return super().from_config({**config, **values})


@_register
class Normalization(DataLayer):
    """(inputs - mean) / sqrt(variance), with a mean and a variance for each index along `axis`.

    Args:
        axis: axis, or axes, that have a mean and a variance of their own for each index; None for one of all.
        mean, variance: the values, when they are known; otherwise `adapt(data)` finds them.
        invert: go back from normalised to original values?

    Raises:
        ValueError: when only one of `mean` and `variance` is given, or they do not fit `axis`.

    >>> import fastkeras as keras, numpy as np
    >>> layer = keras.layers.Normalization()
    >>> layer.adapt(np.array([[1.0], [3.0]]))
    >>> layer(np.array([[2.0], [3.0]])).numpy().tolist()
    [[0.0], [1.0]]
    """

    _config_names = ()

    def __init__(self, axis=-1, mean=None, variance=None, invert=False, **kwargs):
        super().__init__(**kwargs)
        if axis is None:
            axis = ()
        self.axis = (axis,) if isinstance(axis, int) else tuple(axis)
        if (mean is not None) != (variance is not None):
            raise ValueError(
                "When setting values directly, both `mean` and `variance` must be set. "
                f"Received: mean={mean} and variance={variance}"
            )
        if mean is not None and np.shape(mean) != np.shape(variance):
            raise ValueError(
                "When setting values directly, `mean` and `variance` must have the same shape. "
                f"Received: mean shape {np.shape(mean)} and variance shape {np.shape(variance)}"
            )
        if mean is not None and np.ndim(mean) > len(self.axis):
            raise ValueError(
                f"The rank of `mean` must be less than or equal to the number of axes ({len(self.axis)}). "
                f"Received: mean shape {np.shape(mean)} for axis {self.axis}"
            )
        self.input_mean = mean
        self.input_variance = variance
        self.invert = invert
        self.supports_masking = True
        self._build_input_shape = None
        self._found = None

    def build(self, input_shape):
        rank = len(input_shape)
        if any(not -rank <= a < rank for a in self.axis):
            raise ValueError(
                f"All `axis` values must be in the range [-ndim, ndim). Received inputs with ndim={rank}, while "
                f"axis={self.axis}"
            )
        kept = sorted(a % rank for a in self.axis)
        for axis in kept:
            if input_shape[axis] is None:
                raise ValueError(
                    f"All `axis` values to be kept must have a known shape. Received axis={self.axis}, "
                    f"inputs.shape={input_shape}, with unknown axis at index {axis}"
                )
        self._build_input_shape = tuple(input_shape)
        self._reduce_axes = tuple(axis for axis in range(rank) if axis not in kept)
        self._broadcast_shape = tuple(input_shape[axis] if axis in kept else 1 for axis in range(rank))
        self._kept_shape = tuple(input_shape[axis] for axis in kept)
        if self.input_mean is None:
            self.adapt_mean = self._statistic("mean", "zeros")
            self.adapt_variance = self._statistic("variance", "ones")
            self.count = self.add_weight(name="count", shape=(), dtype="int32", initializer="zeros", trainable=False)

    def _statistic(self, name, initializer):
        return self.add_weight(name=name, shape=self._kept_shape, initializer=initializer, trainable=False)

    @property
    def mean(self):
        """The mean, in a shape that broadcasts to the inputs; None before the layer is built."""
        return self._broadcast(self.input_mean, "adapt_mean") if self.built else None

    @property
    def variance(self):
        """The variance, in a shape that broadcasts to the inputs; None before the layer is built."""
        return self._broadcast(self.input_variance, "adapt_variance") if self.built else None

    def _broadcast(self, given, adapted):
        if given is None:
            return ops.reshape(ops.cast(getattr(self, adapted), self.compute_dtype), self._broadcast_shape)
        values = np.broadcast_to(np.asarray(given, "float64"), self._kept_shape)
        return ops.convert_to_tensor(values.reshape(self._broadcast_shape), dtype=self.compute_dtype)

    def adapt(self, data):
        """Finds mean and variance of `data`: an array or a tensor, or an iterable of batches.

        Raises:
            TypeError: for other data.
            ValueError: for data of another shape than the layer was built for, or no data.
        """
        with init_scope():
            if isinstance(data, (np.ndarray, Tensor, Variable)):
                batches = [np.asarray(data)]
            elif hasattr(data, "__getitem__") and hasattr(data, "num_batches"):  # a PyDataset
                batches = (_inputs_of(data[i]) for i in range(len(data)))
            elif hasattr(data, "__iter__"):
                batches = (_inputs_of(batch) for batch in data)
            else:
                raise TypeError(
                    f"Unsupported data type: {type(data)}. `adapt` supports `np.ndarray`, backend tensors, "
                    "`tf.data.Dataset`, `keras.utils.PyDataset`, and iterables of batches (e.g. list, generator)."
                )
            self._found = self._moments(batches)
            self.finalize_state()

    def finalize_state(self):
        """Brings the statistics that `adapt` found into the weights."""
        if self._found is not None:
            with init_scope():
                self.adapt_mean.assign(self._found[0])
                self.adapt_variance.assign(self._found[1])
            self._found = None

    def _moments(self, batches):
        total = 0
        for batch in batches:
            self._fit_to(batch.shape)
            size = math.prod(batch.shape[axis] for axis in self._reduce_axes)
            batch = batch.astype("float64")  # sums of many values
            new_mean, new_variance = batch.mean(self._reduce_axes), batch.var(self._reduce_axes)
            if total == 0:
                mean, variance = new_mean, new_variance
            else:
                share = size / (total + size)
                merged = mean * (1 - share) + new_mean * share
                variance = (variance + (mean - merged) ** 2) * (1 - share)
                variance, mean = variance + (new_variance + (new_mean - merged) ** 2) * share, merged
            total += size
        if total == 0:
            raise ValueError(
                "adapt() received an empty iterable (no batches). Expected at least one batch. Pass a non-empty "
                "iterable of arrays or tensors, e.g. layer.adapt([x]) or layer.adapt(list_of_batches)."
            )
        return mean, variance

    def _fit_to(self, shape):
        if not self.built:
            self.build((None, *shape[1:]) if 0 not in [a % len(shape) for a in self.axis] else tuple(shape))
        if self.input_mean is not None:
            raise ValueError("[Normalization] adapt() needs a layer made without `mean` and `variance`.")
        if len(shape) != len(self._broadcast_shape) or any(
            size not in (1, own) for size, own in zip(self._broadcast_shape, shape, strict=True)
        ):
            raise ValueError(
                f"The layer was built with input_shape={self._build_input_shape}, but adapt() is being called with "
                f"data with an incompatible shape, data.shape={tuple(shape)}"
            )

    def call(self, inputs):
        inputs = ops.cast(inputs, self.compute_dtype)
        deviation = ops.maximum(ops.sqrt(self.variance), config.epsilon())
        if self.invert:
            return self.mean + inputs * deviation
        return (inputs - self.mean) / deviation

    def compute_output_shape(self, input_shape):
        return input_shape

    def get_config(self):
        config = super().get_config()
        values = {"mean": self.input_mean, "variance": self.input_variance}
        values = {name: None if value is None else np.asarray(value).tolist() for name, value in values.items()}
        return {**config, "axis": self.axis, "invert": self.invert, **values}

    def get_build_config(self):
        return {"input_shape": self._build_input_shape} if self._build_input_shape else None


def _inputs_of(batch):
    batch = batch[0] if isinstance(batch, tuple) else batch
    if getattr(batch, "shape", None) is None:
        raise TypeError(
            "adapt() expects an iterable that yields arrays or tensors with a `.shape` attribute (e.g. numpy arrays "
            f"or backend tensors). Got an element of type {type(batch).__name__}. Ensure each yielded element is "
            "array-like with a `.shape` attribute."
        )
    return np.asarray(batch)
