"""Model: a layer that can be trained, saved and summarised."""

import functools
import inspect
import json
import re
import warnings

import numpy as np

from fastkeras.engine import Function, KerasTensor, Tensor, taping, tracing
from fastkeras.layers import Layer
from fastkeras.layers.layer import in_call
from fastkeras.layers.signatures import map_shapes
from fastkeras.layers.state import edits
from fastkeras.registry import deserialize_keras_object, register, serialize_keras_object
from fastkeras.training import Trainer

_INFERENCE = {"training": False}


@register("keras", "keras.models", "keras.src.models.model")
class Model(Trainer, Layer):
    """Groups layers into an object with `fit`, `evaluate` and `predict`.

    `Model(inputs, outputs)` makes a functional model of the graph between the KerasTensors; a subclass defines its
    layers in `__init__` and its forward pass in `call(inputs, training=None)`.

    >>> import fastkeras as keras
    >>> inputs = keras.Input((4,))
    >>> keras.Model(inputs, keras.layers.Dense(2)(inputs)).output_shape
    (None, 2)
    """

    _config_names = None  # a subclass without a get_config is described by its constructor call, as layers are
    _edits_matter = False

    def __new__(cls, *args, **kwargs):
        if cls is Model and _functional_arguments(args, kwargs):
            from fastkeras.models.functional import Functional  # a Functional is a Model

            cls = Functional
        return super().__new__(cls, *args, **kwargs)

    def __init__(self, *args, **kwargs):
        from fastkeras.models.functional import Functional

        Trainer.__init__(self)
        if _functional_arguments(args, kwargs) and not isinstance(self, Functional):
            _make_functional(self.__class__)
            Functional.__init__(self, *args, **kwargs)
        else:
            Layer.__init__(self, *args, **kwargs)

    def __call__(self, *args, **kwargs):
        # A model of library layers, called on a value: as a compiled function, without Python from layer to layer.
        if len(args) == 1 and (not kwargs or kwargs == _INFERENCE):
            x = args[0]
            if self._call_edits == edits.count and self._call_functions is not None:
                if (type(x) is Tensor or type(x) is np.ndarray) and not (tracing() or taping() or in_call()):
                    return self._call_functions[len(kwargs)](x)
        outputs = super().__call__(*args, **kwargs)
        if self._call_edits != edits.count and not tracing():
            compiles = self.built and self._is_plain()
            vars(self).update(_call_edits=edits.count, _call_functions=self._compiled_calls() if compiles else None)
        return outputs

    def _compiled_calls(self):
        """The call as it is, and as inference: to layers that augment images these are two things."""
        call = super().__call__
        return Function(lambda x: call(x), self.name), Function(lambda x: call(x, **_INFERENCE), self.name)

    def _is_plain(self):
        """May a call be compiled: is there nothing in it that Python has to see, such as losses or masks?"""
        return False

    def call(self, *args, **kwargs):
        raise NotImplementedError(f"Model {self.__class__.__name__} does not have a `call()` method implemented.")

    def _lacks_call(self):
        return type(self).call is Model.call

    @property
    def layers(self):
        return list(self._flatten_layers(include_self=False, recursive=False))

    @layers.setter
    def layers(self, _):
        raise AttributeError("`Model.layers` attribute is reserved and should not be used. Please use another name.")

    def get_layer(self, name=None, index=None):
        """Returns a layer by its unique name or by its index. Raises ValueError when there is none."""
        if index is not None and name is not None:
            raise ValueError(f"Provide only a layer name or a layer index. Received: index={index}, name={name}.")
        if index is not None:
            if len(self.layers) <= index:
                raise ValueError(
                    f"Was asked to retrieve layer at index {index} but model only has {len(self.layers)} layers."
                )
            return self.layers[index]
        if name is None:
            raise ValueError("Provide either a layer name or layer index at `get_layer`.")
        for layer in self.layers:
            if layer.name == name:
                return layer
        raise ValueError(f"No such layer: {name}. Existing layers are: {[layer.name for layer in self.layers]}.")

    def summary(
        self,
        line_length=None,
        positions=None,
        print_fn=None,
        expand_nested=False,
        show_trainable=False,
        layer_range=None,
    ):
        """Prints the layers, their output shapes and parameter counts as a table.

        `line_length`: width of the table; `positions`: where its columns end, as fractions; `print_fn`: gets the
        text instead of the console; `layer_range`: names (or patterns) of the first and last layer to print.
        """
        from fastkeras.models.summary import print_summary

        print_summary(self, line_length, positions, print_fn, expand_nested, show_trainable, layer_range)

    def save(self, filepath, overwrite=True, zipped=None, **kwargs):
        """Saves architecture, weights, compile settings and optimizer state to a `.keras` (or `.h5`) file."""
        from fastkeras import saving

        return saving.save_model(self, filepath, overwrite=overwrite, zipped=zipped, **kwargs)

    def save_weights(self, filepath, overwrite=True, max_shard_size=None):
        """Saves the weights to a `.weights.h5` file, or in shards of at most `max_shard_size` GB."""
        from fastkeras import saving

        return saving.save_weights(self, filepath, overwrite=overwrite, max_shard_size=max_shard_size)

    def load_weights(self, filepath, skip_mismatch=False, **kwargs):
        """Loads weights that `save_weights` or `save` wrote, into the same architecture."""
        from fastkeras import saving

        saving.load_weights(self, filepath, skip_mismatch=skip_mismatch, **kwargs)

    def quantize(self, mode=None, config=None, filters=None, **kwargs):
        """Quantizes the weights of the layers that can: `Dense`, `EinsumDense`, embeddings, and layers of yours.

        Weights take a fourth of the memory, or an eighth with 4 bits, and are no longer trained; biases and other
        layers are. Products of int8 are up to four times as fast as those of float32; kernels of 4 bits are made
        floats again in every call, which takes longer than small batches do.

        Args:
            mode: "int8" or "int4"; may be left out beside a `config`.
            config: a `keras.quantizers.QuantizationConfig`; that of the mode by default.
            filters: which layers: a regular expression that is searched in their names, several, or a function of
                a layer.

        Raises:
            ValueError: before the model is built, for a second quantization, and for other arguments.

        >>> import fastkeras as keras
        >>> model = keras.Sequential([keras.Input((4,)), keras.layers.Dense(3), keras.layers.Dense(2, name="head")])
        >>> model.quantize("int8", filters="dense")
        >>> [layer.dtype_policy.name for layer in model.layers]
        ['int8_from_float32', 'float32']
        """
        type_check = kwargs.pop("type_check", True)
        if kwargs:
            raise ValueError(f"Unrecognized keyword arguments passed to {self.__class__.__name__}: {kwargs}")
        if filters is not None and not (isinstance(filters, (str, list, tuple)) or callable(filters)):
            raise ValueError(
                "The `filters` argument must be a regex string, a list of regex strings, or a callable. "
                f"Received: {type(filters)}"
            )
        changed = False
        for layer in self._flatten_layers():
            if not _passes(layer, filters) or layer._layers:
                continue
            try:
                layer.quantize(mode, config, type_check=type_check)
                changed = True
            except NotImplementedError as error:
                warnings.warn(str(error), stacklevel=3)
        for layer in self._flatten_layers():
            layer._keep_policies_inside()
        if changed:
            self.train_function = self.test_function = self.predict_function = None

    def export(self, filepath, format="tf_saved_model", verbose=None, input_signature=None, **kwargs):
        """Raises: none of the export formats (SavedModel, ONNX, ...) can be written without their libraries."""
        formats = ["tf_saved_model", "onnx", "openvino", "litert", "torch"]
        if format not in formats:
            raise ValueError(f"Unrecognized format={format}. Supported formats are: {formats}.")
        raise NotImplementedError(
            f"[export] fastkeras cannot write this format; `save` writes .keras files. Received: format={format!r}"
        )

    def to_json(self, **kwargs):
        """Returns the architecture as JSON; `kwargs` go to `json.dumps`. `model_from_json` reads it."""
        return json.dumps(serialize_keras_object(self), **kwargs)

    def build_from_config(self, config):
        if not config:
            return
        try:
            if _is_own(self, "build"):
                super().build_from_config(config)
            else:
                self._build_by_calling(config)
            built = True
        except Exception:
            built = False
        self._build_shapes_dict = config.get("shapes_dict", config)
        if not built:
            warnings.warn(
                f"Model '{self.name}' had a build config, but the model cannot be built automatically in "
                "`build_from_config(config)`. You should implement `def build_from_config(self, config)`, and you "
                "might also want to implement `def get_build_config(self)`, which makes the config when saving.",
                stacklevel=2,
            )

    def _build_by_calling(self, config):
        """Builds the layers inside by a call on tensors without values, of the shapes in a build config."""
        tensors = {
            name: map_shapes(lambda shape: KerasTensor(shape, dtype=self.compute_dtype), shapes, type(self).__name__)
            for name, shapes in config.get("shapes_dict", config).items()
        }
        if "shapes_dict" in config:
            self(**{name.removesuffix("_shape"): tensor for name, tensor in tensors.items()})
        else:
            self(tensors["input_shape"])

    @classmethod
    def from_config(cls, config, custom_objects=None):
        from fastkeras.models.functional import Functional, takes_functional_arguments
        from fastkeras.models.functional_config import functional_from_config

        is_functional_config = all(key in config for key in ("name", "layers", "input_layers", "output_layers"))
        if is_functional_config and (cls in (Functional, Model) or takes_functional_arguments(cls)):
            return functional_from_config(cls, config, custom_objects=custom_objects)
        try:
            return cls(**config)
        except TypeError as error:
            raise TypeError(
                "Unable to revive model from config. When overriding the `get_config()` method, make sure that the "
                f"returned config contains all items used as arguments in the constructor to {cls}, which is the "
                "default behavior. You can override this default behavior by defining a "
                "`from_config(cls, config)` class method to specify how to create an instance of "
                f"{cls.__name__} from its config.\n\nReceived config={config}\n\n"
                f"Error encountered during deserialization: {error}"
            ) from error

    def get_state_tree(self, value_format="backend_tensor"):
        """Returns all variables as nested dicts by path.

        Groups: trainable_variables, non_trainable_variables, optimizer_variables, metrics_variables.
        `value_format`: "backend_tensor" or "numpy_array".
        """
        if value_format not in ("backend_tensor", "numpy_array"):
            raise ValueError(
                "Invalid `value_format` argument. Expected one of {'numpy_array', 'backend_tensor'}. "
                f"Received: value_format={value_format}"
            )
        return {group: _nested_by_path(variables, value_format) for group, variables in self._state_groups().items()}

    def set_state_tree(self, state_tree):
        """Assigns the values of a tree made by `get_state_tree`."""
        groups = self._state_groups()
        for group, values in state_tree.items():
            if group not in groups:
                raise ValueError(f"Unknown variable name: {group}")
            by_path = {v.path: v for v in groups[group]}
            for path, value in _leaves_by_path(values):
                if path in by_path:
                    by_path[path].assign(value)

    def _state_groups(self):
        return {
            "trainable_variables": self.trainable_variables,
            "non_trainable_variables": self.non_trainable_variables,
            "optimizer_variables": self.optimizer.variables if self.optimizer is not None else [],
            "metrics_variables": self.metrics_variables,
        }

    def __reduce__(self):
        from fastkeras import saving

        # Unpickling runs what the pickle says anyway, so its lambdas are no further risk.
        return functools.partial(saving.model_from_bytes, safe_mode=False), (saving.model_to_bytes(self),)

    def __deepcopy__(self, memo):
        from fastkeras import saving

        copied = saving.model_from_bytes(saving.model_to_bytes(self), safe_mode=False)
        memo[id(self)] = copied
        return copied


def model_from_json(json_string, custom_objects=None):
    """Returns the model whose architecture `to_json` wrote, with new weights and not compiled.

    >>> import fastkeras as keras
    >>> model = keras.Sequential([keras.Input((3,)), keras.layers.Dense(5)])
    >>> keras.models.model_from_json(model.to_json()).count_params()
    20
    """
    return deserialize_keras_object(json.loads(json_string), custom_objects=custom_objects)


def _functional_arguments(args, kwargs):
    return len(args) == 2 or (len(args) == 1 and "outputs" in kwargs) or ("inputs" in kwargs and "outputs" in kwargs)


def _make_functional(cls):
    """Puts Functional in the place of Model among the bases of a subclass that calls super().__init__(in, out)."""
    from fastkeras.models.functional import Functional

    if Functional in cls.__mro__:
        return
    cls.__bases__ = tuple(Functional if base is Model else base for base in cls.__bases__)
    for base in cls.__bases__:
        if issubclass(base, Model):
            _make_functional(base)


def _passes(layer, filters):
    """Is it a layer to quantize?"""
    if filters is None:
        return True
    if callable(filters):
        return filters(layer)
    return any(re.search(pattern, layer.name) for pattern in ([filters] if isinstance(filters, str) else filters))


def _is_own(model, method):
    """Does the model's class define the method itself, other than Layer's?"""
    return getattr(type(model), method) is not getattr(Layer, method)


def _nested_by_path(variables, value_format):
    tree = {}
    for v in variables:
        *folders, name = v.path.split("/")
        place = tree
        for folder in folders:
            place = place.setdefault(folder, {})
        if name in place:
            raise ValueError(
                f"The following variable path is found twice in the model: '{v.path}'. `get_state_tree()` can only "
                "be called when all variable paths are unique. Make sure to give unique names to your layers "
                "(and other objects)."
            )
        place[name] = v.value if value_format == "backend_tensor" else v.numpy()
    return tree


def _leaves_by_path(tree, prefix=""):
    for name, value in tree.items():
        if isinstance(value, dict):
            yield from _leaves_by_path(value, f"{prefix}{name}/")
        else:
            yield f"{prefix}{name}", value


def constructor_arguments(cls):
    """Names of the positional arguments of a class's constructor, and whether it takes any others."""
    spec = inspect.getfullargspec(cls.__init__)
    return spec.args[1:], spec.varargs is not None and spec.varkw is not None
