"""Layer: an operation with state."""

import threading
import warnings

import numpy as np

from fastkeras import dtype_policies, ops, registry, regularizers
from fastkeras.data.strings import Strings, is_text, is_words, strings
from fastkeras.dtype_policies import is_float
from fastkeras.engine import (
    AutocastScope,
    KerasTensor,
    Node,
    Operation,
    Tensor,
    Variable,
    autocast_dtype,
    name_scope,
    nest,
)
from fastkeras.engine.keras_tensor import any_symbolic
from fastkeras.engine.operation import infer_output_spec
from fastkeras.engine.remat import surroundings
from fastkeras.engine.stateless import preserved
from fastkeras.layers import signatures, tracking
from fastkeras.layers.building import LayerBuilding
from fastkeras.layers.input_spec import assert_input_compatibility
from fastkeras.layers.masks import LayerMasks, mask_of
from fastkeras.layers.quantization import LayerQuantization
from fastkeras.layers.remat import LayerRemat
from fastkeras.layers.state import LayerState

# Arguments that every layer's constructor takes; get_config() writes them apart from a layer's own.
_BASE_ARGUMENTS = ("activity_regularizer", "trainable", "dtype", "autocast", "name")


class _Calls(threading.local):
    """The calls under way in this thread: the outermost layer, and `training` as the innermost call has it."""

    entry = None
    training = None


_calls = _Calls()


def in_call():
    """Is a layer being called in this thread? Then a call inside takes its `training` from there."""
    return _calls.entry is not None


class _SameCall:
    """Within it, the layers' calls under way are those in which it was made."""

    def __init__(self):
        # No call that begins inside is the outermost, which clears losses.
        self._state = _calls.entry or self, _calls.training

    def __enter__(self):
        self._before = _calls.entry, _calls.training
        _calls.entry, _calls.training = self._state

    def __exit__(self, *exception):
        _calls.entry, _calls.training = self._before


surroundings.append(_SameCall)


class Layer(LayerState, LayerBuilding, LayerQuantization, LayerMasks, LayerRemat, Operation):
    """The base of all layers: state, made in `__init__` or `build(input_shape)`, and a computation, `call(inputs)`.

    `call` may take `training` and `mask`; they are passed on from the enclosing call and from the inputs.

    Args:
        activity_regularizer: penalty on the outputs.
        trainable: are the weights to be trained?
        dtype: dtype or policy of computations and weights; the global policy by default.
        autocast: are float inputs brought to the compute dtype?
        name: unique name; made from the class name by default.

    >>> import fastkeras as keras
    >>> class Scale(keras.layers.Layer):
    ...     def build(self, input_shape):
    ...         self.factor = self.add_weight(shape=input_shape[-1:], initializer="ones", name="factor")
    ...     def call(self, inputs):
    ...         return inputs * self.factor
    >>> layer = Scale()
    >>> layer(keras.ops.ones((2, 3))).shape, len(layer.weights)
    ((2, 3), 1)
    """

    built = False
    supports_jit = True
    _trainable = True
    _convert_input_args = True  # arrays and floats of another dtype become tensors of the compute dtype
    _allow_non_tensor_positional_args = False
    _config_names = None
    _path = None
    _policy_map = None
    _input_spec = None
    _checked_shape = None  # of the input that last passed the input spec

    def __new__(cls, *args, **kwargs):
        layer = object.__new__(cls)
        if not registry.is_library(cls):  # for an automatic get_config()
            layer.__dict__["_init_call"] = (args, kwargs)
        return layer

    def __init__(self, *, activity_regularizer=None, trainable=True, dtype=None, autocast=True, name=None, **kwargs):
        with tracking.no_tracking():
            Operation.__init__(self, name=name)
            self._dtype_policy = dtype_policies.get(dtype)
            self.activity_regularizer = regularizers.get(activity_regularizer)
            self._losses = []
        input_dim = kwargs.pop("input_dim", None)
        input_shape = kwargs.pop("input_shape", None) if input_dim is None else (input_dim,)
        if input_shape is not None:
            warnings.warn(
                "Do not pass an `input_shape`/`input_dim` argument to a layer. When using Sequential models, "
                "prefer using an `Input(shape)` object as the first layer in the model instead.",
                stacklevel=3,
            )
            self._input_shape_arg = input_shape
        if kwargs:
            raise ValueError(f"Unrecognized keyword arguments passed to {self.__class__.__name__}: {kwargs}")
        if not isinstance(trainable, bool):
            raise ValueError(
                f"Expected `trainable` to be a boolean. Received: trainable={trainable} (of type {type(trainable)})"
            )
        self._trainable = trainable
        self.autocast = autocast
        self._supports_masking = type(self).compute_mask is not LayerMasks.compute_mask
        self._build_shapes_dict = None
        self._ready = True

    def _check_super_called(self):
        if "_ready" not in self.__dict__:
            raise RuntimeError(
                f"In layer '{self.__class__.__name__}', you forgot to call `super().__init__()` as the first "
                "statement in the `__init__()` method. Go add it!"
            )

    # --- properties ------------------------------------------------------------------------------------------------

    path = property(lambda self: self._path, doc="The layer's place among layers, once it is built.")
    dtype = property(lambda self: self.variable_dtype, doc="The dtype of the weights.")
    variable_dtype = property(lambda self: self._dtype_policy.variable_dtype, doc="The dtype of the weights.")
    compute_dtype = property(lambda self: self._dtype_policy.compute_dtype, doc="The dtype of the computations.")
    input_dtype = property(lambda self: self.compute_dtype, doc="The dtype that float inputs are brought to.")
    quantization_mode = property(lambda self: self._dtype_policy.quantization_mode, doc="None: weights are floats.")
    call_signature_parameters = property(lambda self: list(signatures.of(type(self).call).parameters))
    _call_has_training_arg = property(lambda self: signatures.of(type(self).call).has_training)
    _call_has_mask_arg = property(lambda self: signatures.of(type(self).call).has_mask)

    @property
    def dtype_policy(self):
        """The policy, or the map that it comes from."""
        return self._dtype_policy if self._policy_map is None else self._policy_map

    @dtype_policy.setter
    def dtype_policy(self, value):
        policy, policies = dtype_policies.get(value), self._policy_map
        if policies is None or isinstance(policy, dtype_policies.DTypePolicyMap):
            self._policy_map, self._dtype_policy = None, policy
            if self._path is not None:
                self._take_policy_of_path()
        else:
            if self._path in policies:
                del policies[self._path]
            policies[self._path] = self._dtype_policy = policy
        if self.quantization_mode is not None and self.built and not self._is_quantized:
            self.quantize(self.quantization_mode)

    def _take_policy_of_path(self):
        if isinstance(self._dtype_policy, dtype_policies.DTypePolicyMap):
            self._policy_map = self._dtype_policy
            self._dtype_policy = self._policy_map[self._path]

    @property
    def input_spec(self):
        """An InputSpec, or a structure of them, that inputs are held against."""
        return self._input_spec

    @input_spec.setter
    def input_spec(self, value):
        self._input_spec = value
        self._checked_shape = None

    # --- calling ---------------------------------------------------------------------------------------------------

    def call(self, *args, **kwargs):
        raise self._not_implemented_error("call")

    def __call__(self, *args, **kwargs):
        given = args, kwargs
        signature = signatures.of(type(self).call)
        dtype = self._compute_dtype_of_inputs()
        x = args[0] if len(args) == 1 and (not kwargs or tuple(kwargs) == ("training",)) else None
        if type(x) is Tensor and x.dtype == dtype:  # the usual call: nothing to convert, nothing to bind
            first, tensors, arguments = x, {signature.first: x}, None
            training = kwargs["training"] if kwargs else _calls.training
            if kwargs and not signature.has_training:
                kwargs = {}
        else:
            args, kwargs = self._convert_inputs(args, kwargs, dtype)
            training = kwargs.pop("training", _calls.training) if not signature.has_training else None
            arguments = signature.bind(args, kwargs)
            tensors = signatures.tensor_arguments(arguments)
            first = next(iter(arguments.values()), None)
            if signature.has_training:
                explicit = "training" in kwargs or len(args) > signature.training_position
                training = arguments["training"] if explicit else _calls.training
        if training is None:
            training = signature.default_training
        if self._input_spec is not None:
            self._check_input(first)
        built = self.built
        if not built:
            with name_scope(self.name, caller=self):
                self._maybe_build(tensors, arguments or signature.bind(args, kwargs))
                if self._input_spec is not None:
                    self._check_input(first)
        if signature.has_training and training is not None and len(args) <= signature.training_position:
            kwargs = {**kwargs, "training": training}
        if signature.mask_names:
            kwargs = self._with_masks(signature, tensors, arguments, kwargs)
        previous_mask = kwargs.get("mask")
        if previous_mask is None:
            previous_mask = mask_of(first)
        return self._run(given, args, kwargs, first, training, previous_mask, built)

    def _run(self, given, args, kwargs, first, training, previous_mask, built):
        """call(), or compute_output_spec() when there is a KerasTensor, and what belongs to it."""
        symbolic = type(first) is not Tensor and any_symbolic(*given)
        outer_entry, outer_training = _calls.entry, _calls.training
        if outer_entry is None:
            _calls.entry = self
            self._clear_losses()
        _calls.training = training
        try:
            if built and not self._builds_late:
                outputs = self._compute(symbolic, args, kwargs)
            else:
                with name_scope(self.name, caller=self):
                    outputs = self._compute(symbolic, args, kwargs)
                if self._builds_late:
                    self.__dict__["_builds_late"] = self._has_unbuilt_layers()
                if not self.built:
                    self.build(signatures.shape_of(first))
            if self.activity_regularizer is not None:
                self._regularize_activity(outputs)
        finally:
            _calls.entry, _calls.training = outer_entry, outer_training
        self._pass_mask_on(first, outputs, previous_mask)
        if symbolic:
            # As in Keras: masks and `training` stand in files where there was one tensor and nothing to convert.
            plain = not given[1] and len(given[0]) == 1 and isinstance(first, KerasTensor)
            plain = plain and first is given[0][0] and first.dtype == self.compute_dtype
            Node(self, *((args, kwargs) if plain or not self._convert_input_args else given), outputs)
        return outputs

    def _compute(self, symbolic, args, kwargs):
        call = self.call if self._dtype_policy._quantization_mode is None else self.quantized_call
        run = self.symbolic_call if symbolic else call
        if self._remat_mode is not None and not symbolic:
            run = self.rematerialized_call(run, *args, **kwargs)
        try:
            if self._dtype_policy.mixed or autocast_dtype() is not None:
                with AutocastScope(self.compute_dtype if self.autocast and is_float(self.compute_dtype) else None):
                    return run(*args, **kwargs)
            return run(*args, **kwargs)
        except Exception as error:
            signatures.raise_with_arguments(error, self, args, kwargs)

    def symbolic_call(self, *args, **kwargs):
        return self.compute_output_spec(*args, **kwargs)  # the node is recorded by __call__

    def _compute_dtype_of_inputs(self):
        try:
            return self._dtype_policy._compute_dtype
        except AttributeError:
            self._check_super_called()
            raise

    def _convert_inputs(self, args, kwargs, dtype):
        if self._convert_input_args:
            convert, autocast = self._dtype_policy.convert_input, self.autocast

            def converted(x):
                if isinstance(x, (np.ndarray, Strings)) and is_text(x):
                    return strings(x)
                y = convert(x, autocast, dtype)
                if y is not x and getattr(x, "_keras_mask", None) is not None:
                    y._keras_mask = x._keras_mask
                return y

            args, kwargs = nest.map(converted, args), nest.map(converted, kwargs)
        else:
            kwargs = dict(kwargs)
        if not self._allow_non_tensor_positional_args:
            for x in nest.flatten(args):
                if not (x is None or isinstance(x, (Tensor, KerasTensor, Variable)) or is_words(x)):
                    raise ValueError(
                        "Only input tensors may be passed as positional arguments. The following argument value "
                        f"should be passed as a keyword argument: {x} (of type {type(x)})"
                    )
        return args, kwargs

    def _check_input(self, x):
        shape = x.shape if type(x) is Tensor else None
        if shape is None or shape != self._checked_shape:
            assert_input_compatibility(self._input_spec, x, layer_name=self.name)
            self.__dict__["_checked_shape"] = shape

    def _regularize_activity(self, outputs):
        for output in nest.flatten(outputs):
            if isinstance(output, Tensor):
                loss = self.activity_regularizer(output)
                if output.ndim > 0:  # independent of the batch size
                    loss = ops.divide_no_nan(loss, ops.cast(output.shape[0], loss.dtype))
                self.add_loss(loss)

    def compute_output_spec(self, *args, **kwargs):
        """The outputs for these inputs as KerasTensors: from `compute_output_shape`, else by tracing `call`."""
        if type(self).compute_output_shape is Layer.compute_output_shape:
            return infer_output_spec(self, self.call, args, kwargs)
        arguments = signatures.of(type(self).call).bind(args, kwargs)
        shapes = signatures.shapes_of(signatures.tensor_arguments(arguments))
        shape = self.compute_output_shape(
            **signatures.shape_arguments(type(self).compute_output_shape, shapes, arguments, type(self).__name__)
        )
        return signatures.map_shapes(lambda s: KerasTensor(s, dtype=self.compute_dtype), shape, type(self).__name__)

    def _infers_by_calling(self):
        cls = type(self)
        return (
            cls.compute_output_shape is Layer.compute_output_shape
            and cls.compute_output_spec is Layer.compute_output_spec
        )

    def compute_output_shape(self, *args, **kwargs):
        """The shape of the outputs for inputs of the given shape."""
        raise self._not_implemented_error(
            "compute_output_shape", "Should implement `def compute_output_shape(self, input_shape)`."
        )

    def stateless_call(self, trainable_variables, non_trainable_variables, *args, return_losses=False, **kwargs):
        """Calls the layer with the given values of its variables and changes none of them.

        Returns:
            `(outputs, non_trainable_variables)`, with the values that these would have after the call, and the
            losses as a third item when `return_losses`.
        """
        self._check_super_called()
        name = self.__class__.__name__
        if not self.built:
            raise ValueError(
                f"To call stateless_call, {name} must be built (i.e. its variables must have been already created). "
                "You can build it by calling it on some data."
            )
        own = self.trainable_variables, self.non_trainable_variables
        for kind, variables, values in zip(
            ("trainable_variables", "non_trainable_variables"),
            own,
            (trainable_variables, non_trainable_variables),
            strict=True,
        ):
            if len(variables) != len(values):
                raise ValueError(
                    f"Argument `{kind}` must be a list of tensors corresponding 1:1 to {name}().{kind}. Received list "
                    f"with length {len(values)}, but expected {len(variables)} variables."
                )
        with preserved([*own[0], *own[1]], [*trainable_variables, *non_trainable_variables]):
            outputs = self(*args, **kwargs)
            losses = self.losses if return_losses else None
            updated = [v.value for v in own[1]]
        return (outputs, updated, losses) if return_losses else (outputs, updated)

    # --- what there is not -----------------------------------------------------------------------------------------

    def _not_implemented_error(self, name, message=None):
        message = "" if message is None else f" {message}"
        return NotImplementedError(
            f"Layer {self.__class__.__name__} does not have a `{name}` method implemented.{message}"
        )

    def add_metric(self, *args, **kwargs):
        raise NotImplementedError(
            "Layer `add_metric()` method is deprecated. Add your metric in `Model.compile(metrics=[...])`, or create "
            "metric trackers in init() or build() when subclassing the layer or model, then call "
            "`metric.update_state()` whenever necessary."
        )

    # --- config ----------------------------------------------------------------------------------------------------

    def get_config(self):
        """The arguments that make this layer again.

        The library's layers write each constructor argument from the attribute of that name. A layer of yours that
        does not override this gets the arguments of its constructor call when they are plain values.
        """
        self._check_super_called()
        config = {
            "name": self.name,
            "trainable": self.trainable,
            "dtype": dtype_policies.serialize(self.dtype_policy),
        }
        if self.activity_regularizer is not None:
            config["activity_regularizer"] = regularizers.serialize(self.activity_regularizer)
        if self._config_names is None:
            if type(self).get_config is Layer.get_config and not registry.is_library(type(self)):
                config = signatures.automatic_config(self, config)
            return config
        for name in self._config_names:
            if name not in _BASE_ARGUMENTS:
                config[name] = self._serialize_argument(name)
        return config

    def _serialize_argument(self, name):
        value = getattr(self, name)
        if name.endswith("activation"):
            from fastkeras import activations

            return activations.serialize(value)
        return registry.serialize_keras_object(value)

    @classmethod
    def from_config(cls, config):
        """A layer with this config."""
        if isinstance(config.get("dtype"), dict):
            policy = dtype_policies.deserialize(config["dtype"])
            named = type(policy) in (dtype_policies.DTypePolicy, dtype_policies.FloatDTypePolicy)
            config = {**config, "dtype": policy.name if named else policy}
        return super().from_config(config)

    def __repr__(self):
        return f"<{self.__class__.__name__} name={self.name}, built={self.built}>"

    __str__ = __repr__


registry.register("keras.layers", "keras")(Layer)
