"""Input: where a functional model begins."""

import warnings

from fastkeras import registry
from fastkeras.engine import KerasTensor, Node
from fastkeras.engine.keras_tensor import standardize_shape, symbolic_dtype
from fastkeras.layers.layer import Layer


@registry.register("keras.layers")
class InputLayer(Layer):
    """The layer behind `Input`; its output is the KerasTensor that `Input` returns.

    Args:
        shape: shape of one sample, None where the size is open.
        batch_size: the batch size, when it is fixed.
        dtype: dtype of the input; floatx by default.
        sparse, ragged: must be false: tensors are dense.
        batch_shape: the shape with the batch size, in place of `shape` and `batch_size`.
        input_tensor: a KerasTensor to use, in place of all these.
        optional: may the input be None?
        name: name of the layer and of the input.
    """

    _config_names = ()

    def __init__(
        self,
        shape=None,
        batch_size=None,
        dtype=None,
        sparse=None,
        ragged=None,
        batch_shape=None,
        input_tensor=None,
        optional=False,
        name=None,
        **kwargs,
    ):
        super().__init__(name=name)
        if "input_shape" in kwargs:
            warnings.warn("Argument `input_shape` is deprecated. Use `shape` instead.", stacklevel=2)
            shape = kwargs.pop("input_shape")
        batch_shape = kwargs.pop("batch_input_shape", batch_shape)
        if kwargs:
            raise ValueError(f"Unrecognized keyword arguments passed to InputLayer: {kwargs}")
        for kind, wanted in (("sparse", sparse), ("ragged", ragged)):
            if wanted:
                raise ValueError(f"`{kind}=True` is not supported with the fastkeras backend")
        if input_tensor is not None:
            _check_input_tensor(input_tensor, shape, batch_size, batch_shape, dtype)
            batch_shape, dtype = input_tensor.shape, input_tensor.dtype
        else:
            batch_shape = _batch_shape(shape, batch_size, batch_shape)
        self.batch_shape = standardize_shape(batch_shape)
        self._dtype = symbolic_dtype(dtype)
        self.sparse = False
        self.ragged = False
        self.optional = optional
        if input_tensor is None:
            input_tensor = KerasTensor(self.batch_shape, dtype=self._dtype, name=name)
        Node(self, (), {}, input_tensor)
        self.built = True

    dtype = property(lambda self: self._dtype)

    def call(self):
        return None

    def get_config(self):
        return {
            "batch_shape": self.batch_shape,
            "dtype": self.dtype,
            "sparse": self.sparse,
            "ragged": self.ragged,
            "name": self.name,
            "optional": self.optional,
        }


def _batch_shape(shape, batch_size, batch_shape):
    if shape is not None and batch_shape is not None:
        raise ValueError("You cannot pass both `shape` and `batch_shape` at the same time.")
    if batch_size is not None and batch_shape is not None:
        raise ValueError("You cannot pass both `batch_size` and `batch_shape` at the same time.")
    if shape is None and batch_shape is None:
        raise ValueError("You must pass a `shape` argument.")
    return batch_shape if shape is None else (batch_size, *standardize_shape(shape))


def _check_input_tensor(tensor, shape, batch_size, batch_shape, dtype):
    if not isinstance(tensor, KerasTensor):
        raise ValueError(
            f"Argument `input_tensor` must be a KerasTensor. Received invalid type: input_tensor={tensor} "
            f"(of type {type(tensor)})"
        )
    own = tuple(tensor.shape)
    fits = {
        "batch_size": batch_size is None or own[:1] == (batch_size,),
        "shape": shape is None or own[1:] == tuple(shape),
        "batch_shape": batch_shape is None or own == tuple(batch_shape),
        "dtype": dtype is None or tensor.dtype == symbolic_dtype(dtype),
    }
    for name, fitting in fits.items():
        if not fitting:
            raise ValueError(
                f"When providing the `input_tensor` argument, you cannot provide an incompatible `{name}` argument."
            )


def Input(  # noqa: N802 - Keras's name
    shape=None,
    batch_size=None,
    dtype=None,
    sparse=None,
    ragged=None,
    batch_shape=None,
    name=None,
    tensor=None,
    optional=False,
):
    """A KerasTensor of the given shape and dtype: the input of a functional model.

    Args:
        shape: shape of one sample, None where the size is open.
        batch_size: the batch size, when it is fixed.
        dtype: dtype of the input; floatx by default.
        sparse, ragged: must be false: tensors are dense.
        batch_shape: the shape with the batch size, in place of `shape` and `batch_size`.
        name: name of the input.
        tensor: a KerasTensor to use.
        optional: may the input be None?

    Raises:
        ValueError: when the shape is missing, given twice or no shape.

    >>> import fastkeras as keras
    >>> keras.Input((28, 28)).shape
    (None, 28, 28)
    """
    return InputLayer(
        shape=shape,
        batch_size=batch_size,
        dtype=dtype,
        sparse=sparse,
        ragged=ragged,
        batch_shape=batch_shape,
        input_tensor=tensor,
        optional=optional,
        name=name,
    ).output
