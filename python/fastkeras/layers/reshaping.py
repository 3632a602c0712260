"""Layers that move values around: Flatten, Reshape, Permute, RepeatVector."""

import math

from fastkeras import ops, registry
from fastkeras.engine import KerasTensor, config
from fastkeras.layers.input_spec import InputSpec
from fastkeras.layers.layer import Layer

_register = registry.register("keras.layers")


class _Reshaping(Layer):
    """Keeps the dtype of its input, whatever it is."""

    def compute_output_spec(self, inputs):
        return KerasTensor(self.compute_output_shape(inputs.shape), dtype=inputs.dtype)


@_register
class Flatten(_Reshaping):
    """`(batch, ...)` as `(batch, features)`.

    Args:
        data_format: "channels_last" or "channels_first"; the latter moves axis 1 last before flattening.

    >>> import fastkeras as keras
    >>> keras.layers.Flatten()(keras.ops.zeros((2, 3, 4))).shape
    (2, 12)
    """

    def __init__(self, data_format=None, **kwargs):
        super().__init__(**kwargs)
        self.data_format = config.standardize_data_format(data_format)
        self.input_spec = InputSpec(min_ndim=1)

    def call(self, inputs):
        rank = len(inputs.shape)
        if self.data_format == "channels_first" and rank > 2:
            inputs = ops.transpose(inputs, (0, *range(2, rank), 1))
        return ops.reshape(inputs, (inputs.shape[0], math.prod(inputs.shape[1:])))

    def compute_output_shape(self, input_shape):
        sizes = input_shape[1:]
        return (input_shape[0], None if None in sizes else math.prod(sizes))


@_register
class Reshape(_Reshaping):
    """`(batch, ...)` as `(batch, *target_shape)`; one -1 in `target_shape` stands for what is left.

    Raises:
        ValueError: for two -1, sizes that are no ints; on a call, when the number of values differs.

    >>> import fastkeras as keras
    >>> keras.layers.Reshape((3, -1))(keras.ops.zeros((2, 12))).shape
    (2, 3, 4)
    """

    built = True

    def __init__(self, target_shape, **kwargs):
        super().__init__(**kwargs)
        target_shape = tuple(target_shape)
        if target_shape.count(-1) > 1:
            raise ValueError(
                "There must be at most one unknown dimension (-1) in target_shape. "
                f"Received: target_shape={target_shape}."
            )
        if any(not isinstance(d, int) or d < -1 for d in target_shape):
            raise ValueError(
                f"All elements of `target_shape` must be positive integers or -1. Received: target_shape={target_shape}"
            )
        self.target_shape = target_shape

    def call(self, inputs):
        return ops.reshape(inputs, self.compute_output_shape(inputs.shape))

    def compute_output_shape(self, input_shape):
        sizes, target = tuple(input_shape[1:]), self.target_shape
        if None in sizes:
            return (input_shape[0], *(None if d == -1 else d for d in target))
        size, known = math.prod(sizes), math.prod(d for d in target if d != -1)
        if -1 not in target and size != known:
            raise ValueError(
                f"The total size of the tensor must be unchanged. Received: input_shape={sizes}, target_shape={target}"
            )
        if -1 in target and (known == 0 or size % known):
            raise ValueError(
                "The total size of the tensor must be unchanged, however, the input size cannot by divided by the "
                f"specified dimensions in target_shape. Received: input_shape={sizes}, target_shape={target}"
            )
        return (input_shape[0], *(size // known if d == -1 else d for d in target))


@_register
class Permute(_Reshaping):
    """Reorders the axes of a sample: output axis i is input axis `dims[i - 1]`, counted from 1.

    Raises:
        ValueError: when `dims` is no permutation of 1, 2, ...

    >>> import fastkeras as keras
    >>> keras.layers.Permute((2, 1))(keras.ops.zeros((5, 3, 4))).shape
    (5, 4, 3)
    """

    def __init__(self, dims, **kwargs):
        super().__init__(**kwargs)
        self.dims = tuple(dims)
        if sorted(dims) != list(range(1, len(dims) + 1)):
            raise ValueError(
                "Invalid permutation argument `dims` for Permute Layer. The set of indices in `dims` must be "
                f"consecutive and start from 1. Received dims={dims}"
            )
        self.input_spec = InputSpec(ndim=len(self.dims) + 1)

    def call(self, inputs):
        return ops.transpose(inputs, (0, *self.dims))

    def compute_output_shape(self, input_shape):
        return (input_shape[0], *(input_shape[d] for d in self.dims))


@_register
class RepeatVector(Layer):
    """`(batch, features)` as `(batch, n, features)`.

    Raises:
        TypeError, ValueError: when `n` is no positive int.
    """

    def __init__(self, n, **kwargs):
        super().__init__(**kwargs)
        if not isinstance(n, int) or isinstance(n, bool):
            raise TypeError(f"Expected an integer value for `n`, got {type(n)}.")
        if n <= 0:
            raise ValueError(f"Argument `n` should be a positive integer. Received: n={n}")
        self.n = n
        self.input_spec = InputSpec(ndim=2)

    def call(self, inputs):
        return ops.repeat(ops.expand_dims(inputs, 1), self.n, axis=1)

    def compute_output_shape(self, input_shape):
        return (input_shape[0], self.n, input_shape[1])
