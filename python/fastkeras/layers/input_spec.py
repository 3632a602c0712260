"""InputSpec: what a layer asks of its inputs."""

from fastkeras.engine import config, nest
from fastkeras.engine.keras_tensor import standardize_shape


class InputSpec:
    """Rank, shape and dtype that a layer's input must have.

    Args:
        dtype: the dtype, or None for any.
        shape: the shape, batch size included; None entries fit every size.
        ndim, max_ndim, min_ndim: the rank, its upper and its lower bound.
        axes: `{axis: size}`.
        allow_last_axis_squeeze: a last axis of size 1 may be missing, or be there in addition.
        name: key of this input when inputs come as a dict.
        optional: the input may be None.

    Raises:
        TypeError: when `axes` is no dict with integer keys.
        ValueError: for an axis beyond `ndim` or `max_ndim`.

    >>> import fastkeras as keras
    >>> keras.InputSpec(min_ndim=2, axes={-1: 4})
    InputSpec(min_ndim=2, axes={-1: 4})
    """

    def __init__(
        self,
        dtype=None,
        shape=None,
        ndim=None,
        max_ndim=None,
        min_ndim=None,
        axes=None,
        allow_last_axis_squeeze=False,
        name=None,
        optional=False,
    ):
        self.dtype = None if dtype is None else config.standardize_dtype(dtype)
        self.shape = None if shape is None else standardize_shape(shape)
        self.ndim = ndim if shape is None else len(shape)
        self.max_ndim = max_ndim
        self.min_ndim = min_ndim
        self.name = name
        self.optional = optional
        self.allow_last_axis_squeeze = allow_last_axis_squeeze
        try:
            axes = axes or {}
            self.axes = {int(k): axes[k] for k in axes}
        except (ValueError, TypeError, IndexError):
            raise TypeError(f"Argument `axes` must be a dict with integer keys. Received: axes={axes}")
        if self.axes and (self.ndim is not None or self.max_ndim is not None):
            last = (self.ndim if self.ndim else self.max_ndim) - 1
            if max(self.axes) > last:
                raise ValueError(f"Axis {max(self.axes)} is greater than the maximum allowed value: {last}")

    def __repr__(self):
        names = ("dtype", "shape", "ndim", "max_ndim", "min_ndim", "axes")
        given = [f"{name}={getattr(self, name)}" for name in names if getattr(self, name)]
        return f"InputSpec({', '.join(given)})"

    def get_config(self):
        names = ("dtype", "shape", "ndim", "max_ndim", "min_ndim", "axes", "optional")
        return {name: getattr(self, name) for name in names}

    @classmethod
    def from_config(cls, config):
        return cls(**config)


def assert_input_compatibility(input_spec, inputs, layer_name):
    """Raises ValueError where `inputs` are not what `input_spec`, one or a structure of them, asks for."""
    if not input_spec:
        return
    specs = nest.flatten(input_spec)
    names = [spec.name for spec in specs if spec is not None]
    all_named = len(names) == len(specs) and all(names)
    if isinstance(inputs, dict) and all_named:
        for name in names:
            if name not in inputs:
                raise ValueError(
                    f'Missing data for input "{name}". You passed a data dictionary with keys {list(inputs)}. '
                    f"Expected the following keys: {names}"
                )
        inputs = [inputs[name] for name in names]
    inputs = nest.flatten(inputs)
    if len(inputs) != len(specs):
        if all_named:
            example = ", ".join(f"'{name}': ..." for name in names)
            raise ValueError(
                f'Layer "{layer_name}" expects {len(specs)} named input(s) with keys {names}, but it received '
                f"{len(inputs)} input tensors. Pass inputs as a dict, e.g. `layer({{{example}}})`."
            )
        raise ValueError(
            f'Layer "{layer_name}" expects {len(specs)} input(s), but it received {len(inputs)} input tensors. '
            f"Inputs received: {inputs}"
        )
    for index, (x, spec) in enumerate(zip(inputs, specs, strict=True)):
        if spec is None or (x is None and spec.optional):
            continue
        if not hasattr(x, "shape"):
            raise ValueError(
                f"Inputs to a layer should be tensors. Got '{x}' (of type {type(x)}) as input for layer '{layer_name}'."
            )
        wrong = _mismatch(x, spec)
        if wrong:
            raise ValueError(
                f"Input {index} with name '{spec.name}' of layer '{layer_name}' is incompatible with the layer: {wrong}"
            )


def _mismatch(x, spec):
    """What about `x` is not as `spec` says, in words; None when all is."""
    shape = tuple(x.shape)
    ndim = len(shape)
    if spec.ndim is not None and not spec.allow_last_axis_squeeze and ndim != spec.ndim:
        return f"expected ndim={spec.ndim}, found ndim={ndim}. Full shape received: {shape}"
    if spec.max_ndim is not None and ndim > spec.max_ndim:
        return f"expected max_ndim={spec.max_ndim}, found ndim={ndim}"
    if spec.min_ndim is not None and ndim < spec.min_ndim:
        return f"expected min_ndim={spec.min_ndim}, found ndim={ndim}. Full shape received: {shape}"
    if spec.dtype is not None and x.dtype != spec.dtype:
        return f"expected dtype={spec.dtype}, found dtype={x.dtype}"
    for axis, value in spec.axes.items():
        if value is not None and (not -ndim <= axis < ndim or shape[axis] not in (value, None)):
            return f"expected axis {axis} of input shape to have value {value}, but received input with shape {shape}"
    if spec.shape is not None:
        expected = spec.shape
        if spec.allow_last_axis_squeeze:
            shape = shape[:-1] if shape and shape[-1] == 1 else shape
            expected = expected[:-1] if expected and expected[-1] == 1 else expected
        if any(a is not None and b is not None and a != b for a, b in zip(expected, shape, strict=False)):
            return f"expected shape={spec.shape}, found shape={shape}"
    return None
