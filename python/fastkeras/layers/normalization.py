"""Normalisation of each sample by statistics of its own; each layer keeps the shape of its input."""

from fastkeras import ops, registry
from fastkeras.layers.input_spec import InputSpec
from fastkeras.layers.layer import Layer
from fastkeras.layers.weights import add_weight, store_roles

_register = registry.register("keras.layers")


class Normalizing(Layer):
    """What normalisations share: the axes, and a scale `gamma` and an offset `beta`."""

    def _store_affine(self, arguments):
        """Stores what the constructors share (their `locals()`)."""
        self.epsilon, self.center, self.scale = arguments["epsilon"], arguments["center"], arguments["scale"]
        store_roles(self, arguments, "beta", "gamma")
        self.supports_masking = True
        self.gamma = None
        self.beta = None

    def _build_affine(self, shape):
        if self.scale:
            self.gamma = add_weight(self, "gamma", shape, autocast=False)
        if self.center:
            self.beta = add_weight(self, "beta", shape, autocast=False)

    def compute_output_shape(self, input_shape):
        for axis in [self.axis] if isinstance(self.axis, int) else self.axis:
            if not -len(input_shape) <= axis < len(input_shape):
                raise ValueError(
                    f"Axis {axis} is out of bounds for input shape {input_shape}. Received: axis={self.axis}"
                )
        return input_shape


@_register
class LayerNormalization(Normalizing):
    """gamma * (x - mean) / sqrt(variance + epsilon) + beta, with mean and variance over `axis` of each sample.

    Args:
        axis: int, or several, to normalise over; gamma and beta have these axes.
        epsilon: keeps the root away from 0.
        center, scale: is there a beta, a gamma?
        beta_initializer, gamma_initializer, beta_regularizer, gamma_regularizer, beta_constraint, gamma_constraint:
            of beta and gamma.

    Raises:
        TypeError: when `axis` is no int and no list of ints.

    >>> import fastkeras as keras
    >>> keras.layers.LayerNormalization(epsilon=0.0)(keras.ops.array([[1.0, 3.0]])).numpy().tolist()
    [[-1.0, 1.0]]
    """

    def __init__(
        self,
        axis=-1,
        epsilon=0.001,
        center=True,
        scale=True,
        beta_initializer="zeros",
        gamma_initializer="ones",
        beta_regularizer=None,
        gamma_regularizer=None,
        beta_constraint=None,
        gamma_constraint=None,
        **kwargs,
    ):
        rms_scaling = kwargs.pop("rms_scaling", False)
        if rms_scaling:
            raise ValueError(
                "[LayerNormalization] rms_scaling=True, deprecated in Keras, is not supported; use "
                f"keras.layers.RMSNormalization. Received: rms_scaling={rms_scaling}"
            )
        super().__init__(**kwargs)
        self.axis = _checked_axis(axis)
        self.rms_scaling = False
        self._store_affine(locals())
        self.autocast = False

    def build(self, input_shape):
        self.axis = [self.axis] if isinstance(self.axis, int) else sorted(self.axis)
        self._build_affine(tuple(input_shape[axis] for axis in self.axis))

    def call(self, inputs):
        outputs = ops.layer_normalization(inputs, self.gamma, self.beta, axis=self.axis, epsilon=self.epsilon)
        return ops.cast(outputs, self.compute_dtype)


_names = LayerNormalization._config_names
LayerNormalization._config_names = (*_names[:4], "rms_scaling", *_names[4:])


def _checked_axis(axis):
    if isinstance(axis, (list, tuple)):
        return list(axis)
    if isinstance(axis, int):
        return axis
    raise TypeError(f"Expected an int or a list/tuple of ints for the argument 'axis', but received: {axis!r}")


@_register
class RMSNormalization(Normalizing):
    """scale * x / sqrt(mean(x^2) + epsilon), with the mean over `axis` and a weight `scale`.

    >>> import fastkeras as keras
    >>> keras.layers.RMSNormalization()(keras.ops.array([[3.0, 3.0]])).numpy().round(4).tolist()
    [[1.0, 1.0]]
    """

    def __init__(self, axis=-1, epsilon=1e-6, **kwargs):
        super().__init__(**kwargs)
        self.axis = axis
        self.epsilon = epsilon

    def build(self, input_shape):
        self.axis = [self.axis] if isinstance(self.axis, int) else sorted(self.axis)
        shape = tuple(input_shape[axis] for axis in self.axis)
        self.scale = self.add_weight(name="scale", shape=shape, initializer="ones")

    def call(self, x):
        return ops.rms_normalization(x, scale=self.scale, axis=self.axis, epsilon=self.epsilon)


@_register
class GroupNormalization(Normalizing):
    """As LayerNormalization, over groups of channels and all other axes but the first (Wu & He, 2018).

    Args:
        groups: number of groups, a divisor of the number of channels; -1 for one group per channel.
        axis: the axis of the channels.
        epsilon: keeps the root away from 0.
        center, scale: is there a beta, a gamma?
        beta_initializer, gamma_initializer, beta_regularizer, gamma_regularizer, beta_constraint, gamma_constraint:
            of beta and gamma.

    Raises:
        ValueError: when the groups do not divide the channels.

    >>> import fastkeras as keras
    >>> layer = keras.layers.GroupNormalization(groups=2, epsilon=0.0)
    >>> layer(keras.ops.array([[1.0, 3.0, 10.0, 20.0]])).numpy().tolist()
    [[-1.0, 1.0, -1.0, 1.0]]
    """

    def __init__(
        self,
        groups=32,
        axis=-1,
        epsilon=1e-3,
        center=True,
        scale=True,
        beta_initializer="zeros",
        gamma_initializer="ones",
        beta_regularizer=None,
        gamma_regularizer=None,
        beta_constraint=None,
        gamma_constraint=None,
        **kwargs,
    ):
        if not isinstance(groups, int) or (groups <= 0 and groups != -1):
            raise ValueError(
                "Received an invalid value for argument `groups`, expected a positive integer (or `-1` for instance "
                f"normalization). Received: groups={groups}"
            )
        super().__init__(**kwargs)
        self.groups = groups
        self.axis = axis
        self._store_affine(locals())
        self.autocast = False

    def build(self, input_shape):
        channels = input_shape[self.axis]
        if channels is None:
            raise ValueError(
                f"Axis {self.axis} of input tensor should have a defined dimension but the layer received an input "
                f"with shape {input_shape}."
            )
        if self.groups == -1:
            self.groups = channels
        if channels < self.groups:
            raise ValueError(
                f"Number of groups ({self.groups}) cannot be more than the number of channels ({channels})."
            )
        if channels % self.groups != 0:
            raise ValueError(
                f"Number of groups ({self.groups}) must be a multiple of the number of channels ({channels})."
            )
        self.input_spec = InputSpec(ndim=len(input_shape), axes={self.axis: channels})
        self._build_affine((channels,))

    def call(self, inputs):
        outputs = ops.nn.group_normalization(inputs, self.gamma, self.beta, self.groups, self.axis, self.epsilon)
        return ops.cast(outputs, self.compute_dtype)


@_register
class UnitNormalization(Normalizing):
    """x / norm(x), with the Euclidean norm along `axis`, one or several.

    Raises:
        TypeError: when `axis` is no int and no list of ints.
    """

    built = True

    def __init__(self, axis=-1, **kwargs):
        super().__init__(**kwargs)
        if not isinstance(axis, (int, list, tuple)):
            raise TypeError(
                f"Invalid value for `axis` argument: expected an int or a list/tuple of ints. Received: axis={axis}"
            )
        self.axis = axis if isinstance(axis, int) else list(axis)
        self.supports_masking = True

    def call(self, inputs):
        axis = self.axis if isinstance(self.axis, int) else tuple(self.axis)
        return ops.normalize(inputs, axis=axis, order=2, epsilon=1e-12)
