"""Operation and Node: what a functional model is made of; `op` makes them of the functions in ops/."""

import collections
import functools
import inspect
import itertools
import math
import sys
import threading

from fastkeras.engine import nest
from fastkeras.engine.keras_tensor import KerasTensor, any_symbolic
from fastkeras.engine.naming import auto_name
from fastkeras.engine.remat import current_remat_mode, remat
from fastkeras.engine.trace import TensorSpec, abstract_eval

KerasHistory = collections.namedtuple("KerasHistory", ["operation", "node_index", "tensor_index"])


class Node:
    """One call of an operation: the arguments it got and the tensors it gave. Nodes are the edges of the model."""

    def __init__(self, operation, call_args=(), call_kwargs=None, outputs=None):
        self.operation = operation
        self.args = nest.map(lambda x: x, tuple(call_args))
        self.kwargs = nest.map(lambda x: x, dict(call_kwargs or {}))
        self.input_tensors = [x for x in nest.flatten((self.args, self.kwargs)) if isinstance(x, KerasTensor)]
        self.outputs = [] if outputs is None else nest.flatten(outputs)
        for x in self.outputs:
            if not isinstance(x, KerasTensor):
                raise ValueError(
                    "All operation outputs must be tensors. "
                    f"Operation {operation} returned a non-tensor. Non-tensor received: {x}"
                )
        record = all(x.record_history for x in self.input_tensors)
        operation._inbound_nodes.append(self)
        for x in self.input_tensors:
            if record and not hasattr(x, "_keras_history"):
                x._keras_history = KerasHistory(None, 0, 0)
            history = getattr(x, "_keras_history", None)
            if history is not None and history.operation is not None:
                history.operation._outbound_nodes.append(self)
        if record:
            index = len(operation._inbound_nodes) - 1
            for i, x in enumerate(self.outputs):
                x._keras_history = KerasHistory(operation, index, i)
        self.is_input = not self.input_tensors

    output_tensors = property(lambda self: self.outputs)

    @property
    def parent_nodes(self):
        """The nodes whose outputs this one takes."""
        histories = [x._keras_history for x in self.input_tensors]
        return [h.operation._inbound_nodes[h.node_index] for h in histories if h.operation is not None]

    def fill_in(self, values):
        """The call's (args, kwargs) with each KerasTensor replaced by values[id(tensor)]."""
        if len(self.args) == 1 and not self.kwargs and isinstance(self.args[0], KerasTensor):
            return (values[id(self.args[0])],), {}
        return nest.map(lambda x: values.get(id(x)) if isinstance(x, KerasTensor) else x, (self.args, self.kwargs))

    def __repr__(self):
        return f"<Node operation={self.operation.name}, id={id(self)}>"


class Operation:
    """Something that can be called on tensors, and on KerasTensors to become a node of a functional model.

    `call(*args)` computes; `compute_output_spec(*args)` gives the KerasTensors of its results.
    """

    _remat_mode = None

    def __init__(self, name=None):
        if name is None:
            name = auto_name(self.__class__.__name__)
        if not isinstance(name, str) or "/" in name:
            raise ValueError(
                "Argument `name` must be a string and cannot contain character `/`. "
                f"Received: name={name} (of type {type(name)})"
            )
        self.name = name
        self._inbound_nodes = []
        self._outbound_nodes = []
        self._remat_mode = current_remat_mode()

    def __call__(self, *args, **kwargs):
        if any_symbolic(args, kwargs):
            return self.symbolic_call(*args, **kwargs)
        if self._remat_mode is not None:
            return self.rematerialized_call(self.call, *args, **kwargs)(*args, **kwargs)
        return self.call(*args, **kwargs)

    def rematerialized_call(self, fn, *args, **kwargs):
        """`fn`, or `remat(fn)` where the RematScope in which the operation was made says so."""
        mode = self._remat_mode
        if mode is not None and mode.mode == "larger_than":
            outputs = nest.flatten(self.compute_output_spec(*args, **kwargs))
            size = sum(math.prod(d or 1 for d in x.shape) for x in outputs if isinstance(x, KerasTensor))
            return remat(fn) if size > mode.output_size_threshold else fn
        return remat(fn) if mode is not None and mode.mode == "full" else fn

    def symbolic_call(self, *args, **kwargs):
        """Infers the outputs and records the call as a node."""
        outputs = self.compute_output_spec(*args, **kwargs)
        Node(self, args, kwargs, outputs)
        return outputs

    def call(self, *args, **kwargs):
        raise NotImplementedError(f"{self.__class__.__name__} does not have a `call()` method implemented.")

    def compute_output_spec(self, *args, **kwargs):
        """The KerasTensors that `call` would return for these arguments."""
        return infer_output_spec(self, self.call, args, kwargs)

    def get_config(self):
        return {"name": self.name}

    @classmethod
    def from_config(cls, config):
        try:
            return cls(**config)
        except Exception as error:
            raise TypeError(
                f"Error when deserializing class '{cls.__name__}' using config={config}.\n\n"
                f"Exception encountered: {error}"
            ) from error

    @property
    def input(self):
        """The input tensor(s) of the first symbolic call."""
        return self._first_node("input_tensors", "input")

    @property
    def output(self):
        """The output tensor(s) of the first symbolic call."""
        return self._first_node("output_tensors", "output")

    def _first_node(self, attribute, described):
        if not self._inbound_nodes:
            raise AttributeError(f"The layer {self.name} has never been called and thus has no defined {described}.")
        values = getattr(self._inbound_nodes[0], attribute)
        return values[0] if len(values) == 1 else values

    def __repr__(self):
        return f"<Operation name={self.name}>"


# Pairs of sizes to stand for None. Those of the first are multiples of 48, so that reshapes that split an open
# dimension succeed, and small enough that a constant made from an open shape (a causal mask, say) stays cheap. The
# second is for what is shorter than these sizes, such as a table of positions.
_SIZES = ((144, 240), (4, 6))


class _Inference(threading.local):
    open_sizes = False


_inference = _Inference()


def inferring_open_sizes():
    """Do sizes stand for None at the moment, in this thread?"""
    return _inference.open_sizes


def compute_output_spec(fn, *args, **kwargs):
    """Returns what `fn` would return, as KerasTensors, without computing it.

    Every None in a shape of a KerasTensor argument is tried with two sizes: where the results' shapes differ between
    the two, the result has None. Where no two sizes will do, a None beside one size has that, as in broadcasting.
    """
    flat = nest.flatten((args, kwargs))
    tensors = [x for x in flat if isinstance(x, KerasTensor)]

    def evaluate(size, known):
        def spec(x):
            if not isinstance(x, KerasTensor):
                return x
            shape = [known.get(i, size) if d is None else d for i, d in enumerate(x.shape, -len(x.shape))]
            return TensorSpec(shape, x.dtype)

        call_args, call_kwargs = nest.map(spec, (args, kwargs))
        return abstract_eval(fn, *call_args, **call_kwargs)

    if any(None in x.shape for x in tensors):
        first, second = _with_open_sizes(evaluate, [x.shape for x in flat if hasattr(x, "shape")])
    else:
        first = second = evaluate(0, {})
    record = all(x.record_history for x in tensors)

    def merge(a, b):
        if not isinstance(a, TensorSpec):
            return a
        if len(a.shape) != len(b.shape):
            raise ValueError(f"The rank of the output depends on sizes that are open. Received: {a.shape}, {b.shape}")
        shape = tuple(m if m == n else None for m, n in zip(a.shape, b.shape, strict=True))
        return KerasTensor(shape, dtype=a.dtype, record_history=record)

    return nest.map(merge, first, second)


def _with_open_sizes(evaluate, shapes):
    """`evaluate` of the first pair of sizes that it accepts; when there is none, what it said to the first pair."""
    before, _inference.open_sizes = _inference.open_sizes, True
    refused = None
    attempts = itertools.chain(((pair, {}) for pair in _SIZES), ((_SIZES[0], known) for known in _known_sizes(shapes)))
    try:
        for (one, other), known in attempts:
            try:
                return evaluate(one, known), evaluate(other, known)
            except Exception as error:
                refused = refused or error
        raise refused
    finally:
        _inference.open_sizes = before


def _known_sizes(shapes):
    """{axis from the end: size}, of few axes before many, where there is one size beside None, but for 1."""
    axes = {}
    for shape in shapes:
        for axis, d in enumerate(shape, -len(shape)):
            axes.setdefault(axis, set()).add(d)
    known = [(axis, (d - {None, 1}).pop()) for axis, d in axes.items() if None in d and len(d - {None, 1}) == 1]
    for count in range(1, len(known) + 1):
        yield from map(dict, itertools.combinations(known, count))


def infer_output_spec(operation, fn, args, kwargs):
    """compute_output_spec(fn, ...) with an error that names the operation."""
    try:
        return compute_output_spec(fn, *args, **kwargs)
    except Exception as error:
        kind = operation.__class__.__name__
        message = (
            f"Could not automatically infer the output shape / dtype of '{operation.name}' (of type {kind}). "
            f"Either the `{kind}.call()` method is incorrect, or you need to implement the "
            f"`{kind}.compute_output_spec() / compute_output_shape()` method. Error encountered:\n\n{error}"
        )
        try:
            renamed = error.__class__(message)
        except TypeError:  # a class of exception that wants more than a message
            renamed = RuntimeError(message)
        raise renamed.with_traceback(error.__traceback__) from None


# --- functions of ops/ as operations -------------------------------------------------------------------------------
# Keras writes an op in a model's config as a class: what is not a tensor goes to its constructor, the tensors to its
# call. The names below are the call's; CONSTRUCTOR lists the few functions that use such a name for a setting.

CALL = frozenset(
    "a angle array b beta bias bins branches choicelist condition condlist constant_values coordinates data default "
    "depthwise_kernel elements elems end_points f false_fn fill_value fun gamma image1 image2 images index indices "
    "init init_val inputs kernel key loop_vars mask mean offset operands output output_length output_shape "
    "pointwise_kernel pred predictions primals q query rtol atol scale segment_ids sequence_lengths sorted_sequence "
    "start start_indices start_points step stop tangents target target_length targets transform translation true_fn "
    "updates value values variable variance volumes weights x x1 x2 xs y".split()
)
CONSTRUCTOR = {
    "allclose": {"rtol", "atol"}, "bincount": {"weights"}, "diagonal": {"offset"}, "trace": {"offset"},
    "trapezoid": {"x"}, "histogram": {"bins"}, "unique": {"fill_value"}, "squareplus": {"b"}, "resize": {"fill_value"},
    "affine_transform": {"fill_value"}, "map_coordinates": {"fill_value"}, "perspective_transform": {"fill_value"},
    "elastic_transform": {"fill_value"}, "full": {"fill_value"}, "arange": {"start", "stop", "step"},
}  # fmt: skip
CLASS_NAMES = {
    "allclose": "AllClose", "isin": "IsIn", "searchsorted": "SearchSorted", "batch_normalization": "BatchNorm",
    "rms_normalization": "RMSNorm", "layer_normalization": "LayerNorm", "cdist": "CDist", "ctc_loss": "CTCLoss",
    "ctc_decode": "CTCDecode", "psnr": "PSNR", "ssim": "SSIM", "svd": "SVD", "jvp": "JVP", "fft": "FFT",
    "fft2": "FFT2", "ifft2": "IFFT2", "rfft": "RFFT", "irfft": "IRFFT", "stft": "STFT", "istft": "ISTFT",
    "rgb_to_grayscale": "RGBToGrayscale", "rgb_to_hsv": "RGBToHSV", "hsv_to_rgb": "HSVToRGB",
    "abs": "Absolute", "conj": "Conjugate", "swish": "Silu", "hard_swish": "HardSilu",  # second names of the same ops
}  # fmt: skip
_functions = {}  # class name -> function


def op(function):
    """Decorates a function of ops/ so that it also accepts KerasTensors, for which it becomes an Operation."""
    class_name = CLASS_NAMES.get(function.__name__) or "".join(
        part[:1].upper() + part[1:] for part in function.__name__.split("_")
    )
    _functions.setdefault(class_name, function)

    @functools.wraps(function)
    def call(*args, **kwargs):
        for x in args:
            kind = type(x)
            if kind is KerasTensor or ((kind is list or kind is tuple) and any_symbolic(x)):
                return _symbolic(class_name, function, args, kwargs)
        if kwargs and any_symbolic(kwargs.values()):
            return _symbolic(class_name, function, args, kwargs)
        return function(*args, **kwargs)

    return call


def operation_class(class_name):
    """The Operation class of an op ("Relu", "Concatenate"), or None when there is no such op."""
    function = _functions.get(class_name)
    return None if function is None else _class_of(class_name, function)


@functools.cache
def _class_of(class_name, function):
    parameters = inspect.signature(function).parameters
    own = CONSTRUCTOR.get(function.__name__, ())
    in_call = [name for name in parameters if name in CALL and name not in own]
    namespace = {"__module__": _public_module(function), "function": staticmethod(function), "in_call": in_call}
    namespace["variadic"] = next((n for n, p in parameters.items() if p.kind is p.VAR_POSITIONAL), None)
    return type(class_name, (_FunctionOperation,), namespace)


def _public_module(function):
    """The part of ops (ops.numpy, ops.nn ...) that offers the function: what files name, wherever it is written."""
    for part in ("numpy", "nn", "math", "linalg", "core", "image"):
        module = sys.modules.get(f"fastkeras.ops.{part}")
        if module is not None and hasattr(module, function.__name__):
            return module.__name__
    return function.__module__


def _symbolic(class_name, function, args, kwargs):
    cls = _class_of(class_name, function)
    bound = inspect.signature(function).bind(*args, **kwargs)
    bound.apply_defaults()
    settings, call_args, call_kwargs = {}, [], {}
    for name, value in bound.arguments.items():
        kind = bound.signature.parameters[name].kind
        if kind is inspect.Parameter.VAR_POSITIONAL:
            call_args.extend(value)
        elif kind is inspect.Parameter.VAR_KEYWORD:
            settings.update(value)
        elif name in cls.in_call:
            call_args.append(value)
        elif any_symbolic((value,)):
            call_kwargs[name] = value
        else:
            settings[name] = value
    while call_args and call_args[-1] is None:  # optional tensors that were left out
        call_args.pop()
    return cls(**settings).symbolic_call(*call_args, **call_kwargs)


class _FunctionOperation(Operation):
    """The Operation of a function in ops/: settings in the constructor, tensors in the call."""

    def __init__(self, *args, name=None, **settings):
        super().__init__(name=name)
        parameters = inspect.signature(self.function).parameters
        settings.update(zip((n for n in parameters if n not in self.in_call), args, strict=False))
        unknown = [n for n in settings if n not in parameters]
        if unknown and not any(p.kind is p.VAR_KEYWORD for p in parameters.values()):
            raise TypeError(f"[{self.name}] unknown argument. Received: {unknown[0]}={settings[unknown[0]]}")
        self.settings = settings

    def call(self, *args, **kwargs):
        if self.variadic:
            parameters = inspect.signature(self.function).parameters
            named = {n: v for n, v in self.settings.items() if parameters[n].kind is inspect.Parameter.KEYWORD_ONLY}
            leading = [self.settings[n] for n in parameters if n in self.settings and n not in named]
            return self.function(*leading, *args, **named, **kwargs)
        return self.function(**dict(zip(self.in_call, args, strict=False)), **self.settings, **kwargs)

    def compute_output_spec(self, *args, **kwargs):
        # Errors stay as the op words them: the user called a function, not a class.
        return compute_output_spec(self.call, *args, **kwargs)

    def get_config(self):
        return {**super().get_config(), **self.settings}
