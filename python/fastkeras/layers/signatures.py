"""How a layer's call relates to its `call`, `build` and `compute_output_shape` methods."""

import functools
import inspect

from fastkeras.data.strings import is_words
from fastkeras.engine import KerasTensor, Tensor, Variable, nest

_TENSORS = (Tensor, KerasTensor, Variable)
_PLAIN = (str, int, float, bool, type(None))


class CallSignature:
    """The parameters of a `call` method, without self."""

    def __init__(self, call):
        parameters = list(inspect.signature(call).parameters.values())
        self.parameters = {p.name: p for p in parameters[1:]}
        self.signature = inspect.Signature(parameters[1:])
        self.first = next(iter(self.parameters), None)
        self.has_training = "training" in self.parameters
        self.has_mask = "mask" in self.parameters
        self.mask_names = {name for name in self.parameters if name == "mask" or name.endswith("_mask")}
        self.default_training = None
        self.training_position = len(parameters)  # further right than any positional argument
        if self.has_training:
            training = self.parameters["training"]
            self.default_training = None if training.default is training.empty else training.default
            if training.kind is not training.KEYWORD_ONLY:
                self.training_position = list(self.parameters).index("training")

    def bind(self, args, kwargs):
        """{parameter: value}, defaults included."""
        if len(args) == 1 and not kwargs and len(self.parameters) == 1:
            return {self.first: args[0]}
        bound = self.signature.bind(*args, **kwargs)
        bound.apply_defaults()
        return bound.arguments


of = functools.lru_cache(maxsize=None)(CallSignature)


def tensor_arguments(arguments):
    """Those arguments that are tensors or structures of them.

    Raises:
        ValueError: for a structure of tensors and other things.
    """
    found = {}
    for name, value in arguments.items():
        if isinstance(value, _TENSORS):
            found[name] = value
        elif nest.is_nested(value) and len(value):
            flat = nest.flatten(value)
            count = sum(isinstance(x, _TENSORS) for x in flat)
            if count and count == sum(not (x is None or is_words(x)) for x in flat):
                found[name] = value
            elif count:
                raise ValueError(
                    "In a nested call() argument, you cannot mix tensors and non-tensors. Received invalid mixed "
                    f"argument: {name}={value}"
                )
    return found


def shapes_of(tensors):
    """{"<argument>_shape": shape or structure of shapes} of the tensor arguments, masks left out."""
    return {
        f"{name}_shape": shape_of(value) for name, value in tensors.items() if name not in ("mask", "args", "kwargs")
    }


def shape_of(tensors):
    """The shape of a tensor, or the shapes in a structure of tensors; of None, None."""
    return nest.map(lambda t: None if t is None else tuple(t.shape), tensors)


def shape_arguments(method, shapes, arguments, class_name):
    """The keyword arguments for `build` or `compute_output_shape`: the first shape, or all of them by name.

    Raises:
        ValueError: when the parameters of the method do not correspond to those of `call`.
    """
    kinds = (inspect.Parameter.POSITIONAL_OR_KEYWORD, inspect.Parameter.KEYWORD_ONLY)
    names = [p.name for p in list(inspect.signature(method).parameters.values())[1:] if p.kind in kinds]
    if len(names) == 1:
        return {names[0]: next(iter(shapes.values()), None)}
    preamble = (
        f"For a `{method.__name__}()` method with more than one argument, all arguments should have a `_shape` suffix "
        f"and match an argument from `call()`. E.g. `{method.__name__}(self, foo_shape, bar_shape)` "
    )
    for name in names:
        if not name.endswith("_shape"):
            raise ValueError(
                f"{preamble} For layer '{class_name}', Received `{method.__name__}()` argument `{name}`, which does "
                "not end in `_shape`."
            )
        expected = name.removesuffix("_shape")
        if expected not in arguments:
            raise ValueError(
                f"{preamble} For layer '{class_name}', received `{method.__name__}()` argument `{name}`, but "
                f"`call()` does not have argument `{expected}`."
            )
    return {name: shapes[name] for name in names if name in shapes}


def is_shape(value):
    """A list or tuple of sizes and Nones?"""
    return isinstance(value, (list, tuple)) and all(d is None or isinstance(d, int) for d in value)


def map_shapes(fn, shapes, class_name):
    """`fn` of every shape in a structure of shapes.

    Raises:
        ValueError: when that is something else.
    """
    if is_shape(shapes):
        return fn(tuple(shapes))
    if isinstance(shapes, dict):
        return {key: map_shapes(fn, value, class_name) for key, value in shapes.items()}
    if isinstance(shapes, (list, tuple)):
        return type(shapes)([map_shapes(fn, value, class_name) for value in shapes])
    raise ValueError(
        f"Method `compute_output_shape()` of layer {class_name} is returning a type that cannot be interpreted as a "
        f"shape. It should return a shape tuple. Received: {shapes}"
    )


def raise_with_arguments(error, layer, args, kwargs):
    """Raises `error` anew, with the layer and its arguments in the message; the innermost layer has its say."""
    if hasattr(error, "_call_described"):
        raise error
    try:
        arguments = inspect.signature(layer.call).bind(*args, **kwargs)
    except TypeError:
        raise error from None
    arguments.apply_defaults()
    title = f"{type(layer).__name__}.call()"
    lines = "\n".join(f"  • {name}={nest.map(_describe, value)}" for name, value in arguments.arguments.items())
    message = (
        f"Exception encountered when calling {title}.\n\n\x1b[1m{error.args[0] if error.args else ''}\x1b[0m\n\n"
        f"Arguments received by {title}:\n{lines}"
    )
    try:
        described = type(error)(message)
    except TypeError:  # an exception class that wants more than a message
        described = RuntimeError(message)
    described._call_described = True
    raise described.with_traceback(error.__traceback__) from None


def _describe(value):
    if isinstance(value, (Tensor, Variable)):
        return f"Tensor(shape={value.shape}, dtype={value.dtype})"
    return repr(value)


def automatic_config(layer, base):
    """The config of a user's layer that writes none: the arguments of its constructor call.

    Raises:
        NotImplementedError: when they are more than plain values, or cannot be passed by name.
    """
    init = type(layer).__init__
    signature = inspect.signature(init)
    args, kwargs = layer.__dict__["_init_call"]
    bound = signature.bind(None, *args, **kwargs)
    bound.apply_defaults()
    config, by_name = {}, True
    for name, value in list(bound.arguments.items())[1:]:
        kind = signature.parameters[name].kind
        if kind is inspect.Parameter.VAR_KEYWORD:
            config.update(value)
        elif kind is inspect.Parameter.VAR_POSITIONAL:
            by_name &= not value
        else:
            by_name &= kind is not inspect.Parameter.POSITIONAL_ONLY
            config[name] = value
    name = type(layer).__name__
    if not by_name:
        raise NotImplementedError(
            f"\nObject {name} was created by passing positional only or variadic positional arguments (e.g., `*args`) "
            "to `__init__()`, which is not supported by the automatic config generation. Please remove all positional "
            "only and variadic arguments from `__init__()` or override `get_config()` and `from_config()` to make the "
            "object serializable."
        )
    if not all(isinstance(x, _PLAIN) for x in nest.flatten(config)):
        raise NotImplementedError(
            f"\nObject {name} was created by passing non-serializable argument values in `__init__()`, and therefore "
            "the object must override `get_config()` in order to be serializable. Please implement `get_config()`:\n\n"
            "    def get_config(self):\n"
            '        return {**super().get_config(), "arg1": self.arg1}'
        )
    open_ended = any(p.kind is p.VAR_KEYWORD for p in signature.parameters.values())
    return {**config, **{key: value for key, value in base.items() if open_ended or key in signature.parameters}}
