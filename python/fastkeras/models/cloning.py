"""clone_model: the same architecture with new layers and new weights."""

from fastkeras.engine import KerasTensor, nest
from fastkeras.layers import Input, InputLayer
from fastkeras.models.functional import Functional, takes_functional_arguments
from fastkeras.models.graph import run_graph
from fastkeras.models.sequential import Sequential
from fastkeras.registry import deserialize_keras_object, serialize_keras_object


def clone_model(model, input_tensors=None, clone_function=None, call_function=None, recursive=False, **kwargs):
    """Returns a model of the same architecture with newly initialised weights.

    `input_tensors`: KerasTensors to build on; `clone_function(layer)` gives each layer's copy;
    `call_function(layer, *args, **kwargs)` does the calls of a functional model; `recursive`: also go into nested
    models.

    >>> import fastkeras as keras
    >>> model = keras.Sequential([keras.Input((3,)), keras.layers.Dense(2)])
    >>> keras.models.clone_model(model).count_params()
    8
    """
    cache = kwargs.pop("cache", None)
    if kwargs:
        raise ValueError(f"Unexpected keyword argument(s): {tuple(kwargs.keys())}")
    is_default = isinstance(model, Functional) and type(model).get_config is Functional.get_config
    if isinstance(model, Sequential):
        if call_function is not None:
            raise ValueError(
                "`call_function` argument is not supported with Sequential models. In a Sequential model, layers "
                "aren't called at model-construction time (they're merely listed). Use `call_function` with "
                f"Functional models only. Received model of type '{model.__class__.__name__}', with "
                f"call_function={call_function}"
            )
        clone = _layer_cloner(clone_function, None, recursive, cache)
        return _clone_sequential(model, clone, input_tensors)
    if isinstance(model, Functional) and (is_default or clone_function or input_tensors):
        clone = _layer_cloner(clone_function, call_function, recursive, cache)
        return _clone_functional(model, clone, input_tensors, call_function)
    if clone_function or input_tensors:
        raise ValueError(
            "Arguments `clone_function` and `input_tensors` are only supported for Sequential models or Functional "
            f"models. Received model of type '{model.__class__.__name__}', with clone_function={clone_function} and "
            f"input_tensors={input_tensors}"
        )
    if call_function is not None:
        raise ValueError(
            "Argument `call_function` is only supported for Functional models. Received model of type "
            f"'{model.__class__.__name__}', with call_function={call_function}"
        )
    cls = model.__class__
    return deserialize_keras_object(serialize_keras_object(model), custom_objects={cls.__name__: cls})


def _layer_cloner(clone_function, call_function, recursive, cache):
    """A function that clones each layer once: shared layers stay shared."""
    cache = {} if cache is None else cache
    if clone_function is None:

        def clone_function(layer):
            return layer.__class__.from_config(layer.get_config())

    elif not callable(clone_function):
        raise ValueError(
            f"Expected `clone_function` argument to be a callable. Received: clone_function={clone_function}"
        )

    def clone(layer):
        if id(layer) not in cache:
            if recursive and isinstance(layer, (Sequential, Functional)):
                calls = {} if isinstance(layer, Sequential) else {"call_function": call_function}
                cache[id(layer)] = clone_model(
                    layer, clone_function=clone_function, recursive=True, cache=cache, **calls
                )
            else:
                cache[id(layer)] = clone_function(layer)
        return cache[id(layer)]

    return clone


def _clone_sequential(model, clone, input_tensors):
    layers = [clone(layer) for layer in model.layers]
    first = model._layers[0] if model._layers else None
    if input_tensors is not None:
        if isinstance(input_tensors, (list, tuple)):
            if len(input_tensors) != 1:
                raise ValueError("Argument `input_tensors` must contain a single tensor.")
            input_tensors = input_tensors[0]
        if not isinstance(input_tensors, KerasTensor):
            raise ValueError(
                f"Argument `input_tensors` must be a KerasTensor. Received invalid value: input_tensors={input_tensors}"
            )
        layers.insert(0, Input(tensor=input_tensors, name=getattr(first, "name", None)))
    elif isinstance(first, InputLayer):
        layers.insert(0, Input(batch_shape=first.batch_shape, dtype=first.dtype, name=first.name))
    return _compile_like(model, Sequential(layers, name=model.name, trainable=model.trainable))


def _clone_functional(model, clone, input_tensors, call_function):
    if input_tensors is None:
        input_tensors = nest.map(lambda x: Input(batch_shape=x.shape, dtype=x.dtype, name=x.name), model.input)
    else:
        flat = nest.flatten(input_tensors)
        if not all(isinstance(x, KerasTensor) for x in flat):
            raise ValueError(
                "All entries in `input_tensors` must be KerasTensors. "
                f"Received invalid values: inputs_tensors={input_tensors}"
            )
        if not nest.same_structure(input_tensors, model.input):
            raise ValueError(
                "`input_tensors` must have the same structure as model.input"
                f"\nReference structure: {model.input}\nReceived structure: {input_tensors}"
            )

    def run(operation, args, kwargs):
        copied = clone(operation)
        return copied(*args, **kwargs) if call_function is None else call_function(copied, *args, **kwargs)

    outputs = run_graph(model, nest.flatten(input_tensors), run)
    cls = model.__class__ if takes_functional_arguments(model.__class__) else Functional
    return _compile_like(model, cls(input_tensors, outputs, name=model.name))


def _compile_like(model, cloned):
    if model.compiled:
        cloned.compile_from_config(model.get_compile_config())
    return cloned
