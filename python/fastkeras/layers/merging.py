"""Layers that make one tensor of several: Add, Concatenate, Dot and so on, each with a function of its name."""

from fastkeras import ops, registry
from fastkeras.engine import KerasTensor
from fastkeras.layers.layer import Layer

_register = registry.register("keras.layers")


def _mask(x):
    return getattr(x, "_keras_mask", None)


def _wide(mask, x):
    """A mask without x's last axis, in the shape of x."""
    return ops.broadcast_to(ops.expand_dims(mask, -1), x.shape)


class Merge(Layer):
    """Base of the elementwise merges: a list of tensors whose shapes broadcast, the batch sizes alike.

    Where ranks differ, axes of size 1 are put in behind the batch.
    """

    def __init__(self, **kwargs):
        super().__init__(**kwargs)
        self.supports_masking = True

    def build(self, input_shape):
        if not input_shape or not isinstance(input_shape[0], (tuple, list)):
            raise ValueError(
                "A merge layer should be called on a list of inputs. "
                f"Received: input_shape={input_shape} (not a list of shapes)"
            )
        batch_sizes = {s[0] for s in input_shape if s} - {None}
        if len(batch_sizes) > 1:
            raise ValueError(
                f"Cannot merge tensors with different batch sizes. Received tensors with shapes {input_shape}"
            )
        self.compute_output_shape(input_shape)

    def call(self, inputs):
        if not isinstance(inputs, (list, tuple)):
            raise ValueError(
                f"A merge layer should be called on a list of inputs. Received: inputs={inputs} (not a list of tensors)"
            )
        rank = max(len(x.shape) for x in inputs)
        return self._merge_function([_with_rank(x, rank) for x in inputs])

    def compute_output_shape(self, input_shape):
        merged = tuple(input_shape[0][1:])
        for shape in input_shape[1:]:
            merged = _broadcast(merged, tuple(shape[1:]))
        batch_sizes = {s[0] for s in input_shape} - {None}
        return (batch_sizes.pop() if len(batch_sizes) == 1 else None, *merged)

    def compute_output_spec(self, inputs):
        return KerasTensor(self.compute_output_shape([x.shape for x in inputs]), dtype=self.compute_dtype)

    def compute_mask(self, inputs, mask=None):
        if mask is None:
            return None
        _check_masks(inputs, mask)
        if any(m is None for m in mask):
            return None
        merged = mask[0]
        for m in mask[1:]:
            merged = ops.logical_or(merged, m)
        return merged


def _with_rank(x, rank):
    while len(x.shape) < rank:
        x = ops.expand_dims(x, 1)
    return x


def _broadcast(a, b):
    if len(a) < len(b):
        a, b = b, a
    if not b:
        return a
    merged = list(a[: -len(b)])
    for i, j in zip(a[-len(b) :], b, strict=True):
        if i is None or j is None:
            merged.append(None)
        elif i != j and 1 not in (i, j):
            raise ValueError(f"Inputs have incompatible shapes. Received shapes {a} and {b}")
        else:
            merged.append(j if i == 1 else i)
    return tuple(merged)


def _check_masks(inputs, mask):
    if not isinstance(mask, (tuple, list)):
        raise ValueError(f"`mask` should be a list. Received: mask={mask}")
    if not isinstance(inputs, (tuple, list)):
        raise ValueError(f"`inputs` should be a list. Received: inputs={inputs}")
    if len(mask) != len(inputs):
        raise ValueError(
            f"The lists `inputs` and `mask` should have the same length. Received: inputs={inputs} of length "
            f"{len(inputs)}, and mask={mask} of length {len(mask)}"
        )


@_register
class Add(Merge):
    """The sum of the inputs.

    >>> import fastkeras as keras
    >>> keras.layers.Add()([keras.ops.ones((1, 2)), keras.ops.ones((1, 2))]).numpy().tolist()
    [[2.0, 2.0]]
    """

    def _merge_function(self, inputs):
        output = inputs[0]
        for x in inputs[1:]:
            output = ops.add(output, x)
        return output


@_register
class Subtract(Merge):
    """The first of two inputs less the second."""

    def build(self, input_shape):
        super().build(input_shape)
        if len(input_shape) != 2:
            raise ValueError(
                f"A `Subtract` layer should be called on exactly 2 inputs. Received: input_shape={input_shape}"
            )

    def _merge_function(self, inputs):
        if len(inputs) != 2:
            raise ValueError(f"A `Subtract` layer should be called on exactly 2 inputs. Received: inputs={inputs}")
        return ops.subtract(*inputs)


@_register
class Average(Add):
    """The mean of the inputs."""

    def _merge_function(self, inputs):
        return super()._merge_function(inputs) / len(inputs)


@_register
class Multiply(Merge):
    """The product of the inputs; masked steps count as 1, and are 0 where all inputs are masked."""

    def _merge_function(self, inputs):
        masks = [_mask(x) for x in inputs]
        output = merged = None
        for x, mask in zip(inputs, masks, strict=True):
            if mask is not None:
                wide = _wide(mask, x)
                x = ops.where(wide, x, ops.ones_like(x))
                merged = wide if merged is None else ops.logical_or(merged, wide)
            output = x if output is None else ops.multiply(output, x)
        if all(mask is not None for mask in masks):
            output = ops.where(merged, output, ops.zeros_like(output))
            output._keras_mask = ops.any(merged, axis=-1)
        return output


class _Extremum(Merge):
    """Maximum or minimum; masked steps do not count."""

    def _merge_function(self, inputs):
        choose = getattr(ops, self.choose)
        output, merged = inputs[0], None if _mask(inputs[0]) is None else _wide(_mask(inputs[0]), inputs[0])
        for x in inputs[1:]:
            mask = None if _mask(x) is None else _wide(_mask(x), x)
            if mask is not None:
                x = ops.where(mask, x, output)
            if merged is not None:
                output = ops.where(merged, output, x)
            merged = ops.logical_or(merged, mask) if mask is not None and merged is not None else None
            output = choose(output, x)
        if merged is not None:
            output._keras_mask = ops.any(merged, axis=-1)
        return output


@_register
class Maximum(_Extremum):
    """The largest of the inputs, value by value."""

    choose = "maximum"


@_register
class Minimum(_Extremum):
    """The smallest of the inputs, value by value."""

    choose = "minimum"


@_register
class Concatenate(Merge):
    """The inputs side by side along `axis`; the other axes must agree.

    Raises:
        ValueError: on a call, when they do not.

    >>> import fastkeras as keras
    >>> keras.layers.Concatenate()([keras.ops.ones((1, 2)), keras.ops.ones((1, 3))]).shape
    (1, 5)
    """

    def __init__(self, axis=-1, **kwargs):
        super().__init__(**kwargs)
        self.axis = axis

    def build(self, input_shape):
        if len(input_shape) < 1 or not isinstance(input_shape[0], (tuple, list)):
            raise ValueError(
                "A `Concatenate` layer should be called on a list of at least 1 input. "
                f"Received: input_shape={input_shape}"
            )
        first = input_shape[0]
        axis = self.axis % len(first)
        for shape in input_shape[1:]:
            if len(shape) != len(first) or any(
                i != axis and None not in (a, b) and a != b for i, (a, b) in enumerate(zip(first, shape, strict=True))
            ):
                raise ValueError(
                    "A `Concatenate` layer requires inputs with matching shapes except for the concatenation axis. "
                    f"Received: input_shape={input_shape}"
                )

    def call(self, inputs):
        return ops.concatenate(inputs, axis=self.axis)

    def compute_output_shape(self, input_shape):
        if not isinstance(input_shape, (tuple, list)) or not isinstance(input_shape[0], (tuple, list)):
            raise ValueError(
                f"A `Concatenate` layer should be called on a list of inputs. Received: input_shape={input_shape}"
            )
        output = list(input_shape[0])
        sizes = [shape[self.axis] for shape in input_shape]
        output[self.axis] = None if None in sizes else sum(sizes)
        return tuple(output)

    def compute_mask(self, inputs, mask=None):
        if mask is None:
            return None
        _check_masks(inputs, mask)
        if all(m is None for m in mask):
            return None
        wide = []
        for x, m in zip(inputs, mask, strict=True):
            if m is None:
                m = ops.ones_like(x, dtype="bool")
            elif len(m.shape) < len(x.shape):
                m = ops.logical_or(ops.expand_dims(m, -1), ops.zeros_like(x, dtype="bool"))
            wide.append(m)
        return ops.any(ops.concatenate(wide, axis=self.axis), axis=-1)


@_register
class Dot(Merge):
    """The dot product of two inputs along an axis of each, sample by sample.

    Args:
        axes: int, or one int for each input; not 0, the batch.
        normalize: make it the cosine of the angle between the vectors?

    Raises:
        TypeError, ValueError: for other axes; on a call, when the sizes along them differ.

    >>> import fastkeras as keras
    >>> keras.layers.Dot(axes=1)([keras.ops.ones((2, 3)), keras.ops.ones((2, 3))]).numpy().tolist()
    [[3.0], [3.0]]
    """

    def __init__(self, axes, normalize=False, **kwargs):
        super().__init__(**kwargs)
        if not isinstance(axes, int):
            if not isinstance(axes, (list, tuple)):
                raise TypeError(
                    f"Invalid type for argument `axes`: it should be a list or an int. Received: axes={axes}"
                )
            if len(axes) != 2:
                raise ValueError(
                    f"Invalid format for argument `axes`: it should contain two elements. Received: axes={axes}"
                )
            if not isinstance(axes[0], int) or not isinstance(axes[1], int):
                raise ValueError(
                    f"Invalid format for argument `axes`: list elements should be integers. Received: axes={axes}"
                )
        self.axes = axes
        self.normalize = normalize

    def build(self, input_shape):
        if not isinstance(input_shape[0], (tuple, list)) or len(input_shape) != 2:
            raise ValueError(
                f"A `Dot` layer should be called on a list of 2 inputs. Received: input_shape={input_shape}"
            )
        a, b = self._axes_of(*input_shape)
        first, second = input_shape
        if first[a] != second[b]:
            raise ValueError(
                f"Incompatible input shapes: axis values {first[a]} (at axis {a}) != {second[b]} (at axis {b}). "
                f"Full input shapes: {first}, {second}"
            )

    def _axes_of(self, *shapes):
        axes = (self.axes, self.axes) if isinstance(self.axes, int) else self.axes
        axes = [axis % len(shape) for axis, shape in zip(axes, shapes, strict=True)]
        if 0 in axes:
            raise ValueError(
                "Cannot perform batch_dot over axis 0. If your inputs are not batched, add a dummy batch dimension to "
                "your inputs using keras.ops.expand_dims(x, 0)"
            )
        return axes

    def call(self, inputs):
        if len(inputs) != 2:
            raise ValueError(f"A `Dot` layer should be called on exactly 2 inputs. Received: inputs={inputs}")
        first, second = inputs
        a, b = self._axes_of(first.shape, second.shape)
        if self.normalize:
            first, second = ops.normalize(first, axis=a), ops.normalize(second, axis=b)
        # (batch, rows, n) @ (batch, n, columns), with all other axes of a sample as rows or columns
        rows = [i for i in range(1, len(first.shape)) if i != a]
        columns = [i for i in range(1, len(second.shape)) if i != b]
        first, second = ops.transpose(first, (0, *rows, a)), ops.transpose(second, (0, b, *columns))
        shape = (*first.shape[:-1], *second.shape[2:])
        first = ops.reshape(first, (first.shape[0], -1, first.shape[-1]))
        second = ops.reshape(second, (*second.shape[:2], -1))
        return ops.reshape(ops.matmul(first, second), shape if len(shape) > 1 else (*shape, 1))

    def compute_output_shape(self, input_shape):
        if not isinstance(input_shape, (tuple, list)) or len(input_shape) != 2:
            raise ValueError(
                f"A `Dot` layer should be called on a list of 2 inputs. Received: input_shape={input_shape}"
            )
        a, b = self._axes_of(*input_shape)
        first, second = map(list, input_shape)
        del first[a], second[b], second[0]
        return tuple(first + second) if len(first + second) > 1 else (*first, 1)

    def compute_mask(self, inputs, mask=None):
        return None


def add(inputs, **kwargs):
    """`Add(**kwargs)(inputs)`."""
    return Add(**kwargs)(inputs)


def subtract(inputs, **kwargs):
    """`Subtract(**kwargs)(inputs)`."""
    return Subtract(**kwargs)(inputs)


def multiply(inputs, **kwargs):
    """`Multiply(**kwargs)(inputs)`."""
    return Multiply(**kwargs)(inputs)


def average(inputs, **kwargs):
    """`Average(**kwargs)(inputs)`."""
    return Average(**kwargs)(inputs)


def maximum(inputs, **kwargs):
    """`Maximum(**kwargs)(inputs)`."""
    return Maximum(**kwargs)(inputs)


def minimum(inputs, **kwargs):
    """`Minimum(**kwargs)(inputs)`."""
    return Minimum(**kwargs)(inputs)


def concatenate(inputs, axis=-1, **kwargs):
    """`Concatenate(axis, **kwargs)(inputs)`."""
    return Concatenate(axis=axis, **kwargs)(inputs)


def dot(inputs, axes=-1, **kwargs):
    """`Dot(axes, **kwargs)(inputs)`."""
    return Dot(axes=axes, **kwargs)(inputs)
