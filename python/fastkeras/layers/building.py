"""How a layer gets its weights: `build`, called with shapes by the first call, by a file, or by hand."""

import functools
import inspect
import warnings

from fastkeras.engine import init_scope, name_scope
from fastkeras.engine.keras_tensor import any_symbolic
from fastkeras.engine.naming import current_path
from fastkeras.engine.operation import infer_output_spec, inferring_open_sizes
from fastkeras.layers import signatures


def recorded(build):
    """Wraps a `build` method: names its variables, keeps its arguments for the file, marks the layer built."""
    signature = inspect.signature(build)

    @functools.wraps(build)
    def wrapper(self, *args, **kwargs):
        if self.__dict__.get("_building"):  # super().build() inside a build()
            return build(self, *args, **kwargs)
        self._check_super_called()
        self.__dict__["_building"] = True
        try:
            with init_scope(), name_scope(self.name, caller=self):
                self.__dict__["_path"] = current_path()
                self._take_policy_of_path()
                build(self, *args, **kwargs)
        finally:
            self.__dict__["_building"] = False
        shapes = dict(list(signature.bind(self, *args, **kwargs).arguments.items())[1:])
        # Sizes that stand for None are no shapes to build with from a file: the layer around this one builds it.
        self.__dict__["_build_shapes_dict"] = None if inferring_open_sizes() else shapes
        self.built = True
        if self._has_unbuilt_layers():
            self.__dict__["_builds_late"] = True
        self._lock_state()
        return None

    return wrapper


class LayerBuilding:
    """The part of Layer that builds."""

    _builds_late = False  # layers inside are still to be built, in a call, under this layer's name

    def __init_subclass__(cls, **kwargs):
        super().__init_subclass__(**kwargs)
        if "build" in vars(cls):
            cls.build = recorded(cls.build)
            if "built" not in vars(cls):  # a class below one without weights, `built = True`, may have some
                cls.built = False

    @recorded
    def build(self, input_shape):
        """Makes the weights; to be written by layers whose weights depend on the shape of the input."""
        if type(self).build is LayerBuilding.build and self._has_unbuilt_layers():
            warnings.warn(
                f"`build()` was called on layer '{self.name}', however the layer does not have a `build()` method "
                "implemented and it looks like it has unbuilt state. This will cause the layer to be marked as "
                "built, despite not being actually built, which may cause failures down the line. Make sure to "
                "implement a proper `build()` method.",
                stacklevel=3,
            )

    def _has_unbuilt_layers(self):
        return any(not layer.built for layer in self._layers)

    def get_build_config(self):
        """The shapes that the layer was built with, for files."""
        shapes = self._build_shapes_dict
        if shapes is None:
            return None
        return {"input_shape": next(iter(shapes.values()))} if len(shapes) == 1 else {"shapes_dict": shapes}

    def build_from_config(self, config):
        """Builds the layer as `get_build_config` describes."""
        if config:
            if "input_shape" in config:
                self.build(config["input_shape"])
            elif "shapes_dict" in config:
                self.build(**config["shapes_dict"])

    def _maybe_build(self, tensors, arguments):
        """Builds the layer for the tensors it is called on."""
        shapes = signatures.shapes_of(tensors)
        if type(self).build is not LayerBuilding.build:
            self.build(**signatures.shape_arguments(type(self).build, shapes, arguments, type(self).__name__))
            return
        # Nested layers build themselves when call() runs, at the latest inside compute_output_spec().
        first = next(iter(shapes.values()), None)
        if not self._has_unbuilt_layers():
            self.build(first)
        elif any_symbolic(tensors.values()) and not self._infers_by_calling():
            self._build_by_tracing(first, arguments)

    def _build_by_tracing(self, first, arguments):
        try:
            infer_output_spec(self, self.call, (), arguments)
        except Exception as error:
            warnings.warn(
                f"Layer '{self.name}' looks like it has unbuilt state, but Keras is not able to trace the layer "
                "`call()` in order to build it automatically. Possible causes:\n"
                "1. The `call()` method of your layer may be crashing. Try to `__call__()` the layer eagerly on some "
                "test input first to see if it works. E.g. `x = np.random.random((3, 4)); y = layer(x)`\n"
                "2. If the `call()` method is correct, then you may need to implement the "
                "`def build(self, input_shape)` method on your layer. It should create all variables used by the "
                "layer (e.g. by calling `layer.build()` on all its children layers).\n"
                f"Exception encountered: ''{error}''",
                stacklevel=4,
            )
        self.build(first)
