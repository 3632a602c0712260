"""Elements of datasets: components in tuples and dicts, and their specs.

Inside, a component is a Tensor, or an array: of numbers, or of bytes objects for strings. Python and its lists are
brought to that where they come in (`components`); the user's functions get Tensors and Strings (`tensors`).
"""

import numpy as np

from fastkeras.data.strings import Strings, is_text
from fastkeras.engine import Tensor, Variable, config, convert_to_numpy, convert_to_tensor, nest


class TensorSpec:
    """Shape (None for what differs, or is not known at all), dtype and name of a component."""

    __slots__ = ("shape", "dtype", "name")

    def __init__(self, shape, dtype="float32", name=None):
        self.shape = None if shape is None else tuple(None if n is None else int(n) for n in shape)
        self.dtype = dtype if dtype == "string" else config.standardize_dtype(dtype)
        self.name = name

    def __repr__(self):
        return f"TensorSpec(shape={self.shape}, dtype={self.dtype}, name={self.name!r})"

    def __eq__(self, other):
        return isinstance(other, TensorSpec) and (self.shape, self.dtype) == (other.shape, other.dtype)

    def __hash__(self):
        return hash((self.shape, self.dtype))


class DatasetSpec:
    """What a dataset as a component, as `window` makes them, has for elements."""

    def __init__(self, element_spec):
        self.element_spec = element_spec

    def __repr__(self):
        return f"DatasetSpec({self.element_spec!r})"

    def __eq__(self, other):
        return isinstance(other, DatasetSpec) and self.element_spec == other.element_spec


def is_dataset(x):
    return getattr(x, "_is_dataset", False)


def components(structure):
    """The user's tuples and dicts with components for leaves; lists are tensors, as in TensorFlow."""
    if isinstance(structure, Tensor):  # the quick way for what most functions return
        return structure
    if isinstance(structure, dict):
        return type(structure)((key, components(value)) for key, value in structure.items())
    if isinstance(structure, tuple):
        parts = [components(part) for part in structure]
        return type(structure)(*parts) if hasattr(structure, "_fields") else tuple(parts)
    return component(structure)


def component(value):
    """One component: an array, a Tensor, a dataset, or None."""
    if value is None or isinstance(value, Tensor) or is_dataset(value):
        return value
    if isinstance(value, Variable):
        return value.value
    if isinstance(value, np.ndarray) and value.dtype.kind not in "SUO":
        return value
    if hasattr(value, "__array__"):  # NumPy's numbers, and columns of pandas
        value = np.asarray(value)
    if is_text(value):
        return np.asarray(Strings(value))
    if isinstance(value, (list, tuple)) and any(hasattr(x, "dtype") for x in nest.flatten(value)):
        return np.stack([convert_to_numpy(component(part)) for part in value])
    if isinstance(value, np.ndarray) and value.dtype.kind == "O":
        raise ValueError(f"[data] the array holds neither numbers nor strings. Received: {value!r}")
    return value if isinstance(value, np.ndarray) else convert_to_numpy(convert_to_tensor(value))


def each(function, element):
    """`nest.map`, quicker: it is called for every element."""
    kind = type(element)
    if kind is tuple:
        return tuple([each(function, part) for part in element])
    if kind is dict:
        return {key: each(function, part) for key, part in element.items()}
    return nest.map(function, element) if nest.is_nested(element) else function(element)


def tensors(element):
    """The element as users see it."""
    return each(_tensor, element)


def _tensor(x):
    if isinstance(x, np.ndarray):
        return Strings(x) if x.dtype.kind == "O" else convert_to_tensor(x)
    return x if x is None or isinstance(x, Tensor) or is_dataset(x) else convert_to_tensor(x)


def arrays(element):
    """The element with arrays for components; arrays of bytes objects for strings."""
    return each(_array, element)


def _array(x):
    return x if isinstance(x, np.ndarray) or x is None or is_dataset(x) else convert_to_numpy(x)


def copies(element):
    """The element in arrays of the user's own, numbers and bytes instead of arrays without a dimension."""
    return nest.map(lambda x: x if x is None else x if is_dataset(x) else np.array(_array(x))[()], element)


def specs(element):
    """The specs of an element."""
    return nest.map(_spec, element)


def _spec(x):
    if x is None:
        return None
    if is_dataset(x):
        return DatasetSpec(x.element_spec)
    return TensorSpec(x.shape, dtype_of(x))


def dtype_of(x):
    """The dtype that a component has as a tensor."""
    if isinstance(x, Tensor):
        return x.dtype
    name = x.dtype.name
    return "string" if x.dtype.kind == "O" else config.WIDENED.get(name, name)


def batched(spec, size):
    """The specs of batches of `size`, None for any."""
    return nest.map(lambda s: TensorSpec(None if s.shape is None else (size, *s.shape), s.dtype), spec)


def unbatched(spec):
    """The specs of the elements of batches."""
    return nest.map(lambda s: TensorSpec(None if s.shape is None else s.shape[1:], s.dtype), spec)


def rows(element):
    """Number of elements in a batch.

    Raises:
        ValueError: for components without, or of another first dimension.
    """
    shapes = [x.shape for x in nest.flatten(element) if x is not None]
    if not all(shapes):
        raise ValueError(f"Unbatching a tensor is only supported for rank >= 1. Received: shapes={shapes}")
    for shape in shapes:
        if shape[0] != shapes[0][0]:
            raise ValueError(f"Dimensions {shapes[0][0]} and {shape[0]} are not compatible")
    return shapes[0][0]


def row(element, i):
    """Element `i` of a batch."""
    return each(lambda x: None if x is None else _row(x, i), element)


def _row(x, i):
    part = x[i]
    if isinstance(part, (np.ndarray, Tensor)):
        return part
    return np.asarray(part) if x.dtype.kind != "O" else np.asarray(Strings(part))


def stacked(elements):
    """A batch of elements, in arrays.

    Raises:
        ValueError: for elements of other shapes or another structure.
    """
    first = elements[0]
    if nest.is_nested(first):
        for other in elements:
            if not nest.same_structure(first, other):
                raise ValueError(f"Cannot batch elements of other structures. Received: {first!r} and {other!r}")
    columns = zip(*(nest.flatten(arrays(element)) for element in elements))
    return nest.pack_like(first, [_stack(column, number) for number, column in enumerate(columns)])


def _stack(column, number):
    if column[0] is None:
        return None
    for place, x in enumerate(column):
        if x.shape != column[0].shape:
            raise ValueError(
                f"Cannot batch tensors with different shapes in component {number}. First element had shape "
                f"{list(column[0].shape)} and element {place} had shape {list(x.shape)}."
            )
    return np.stack(column)
