"""BatchNormalization: by the statistics of the batch in training, by their moving averages afterwards."""

from fastkeras import initializers, ops, registry
from fastkeras.engine import config, stop_gradient
from fastkeras.layers.input_spec import InputSpec
from fastkeras.layers.normalization import Normalizing


@registry.register("keras.layers")
class BatchNormalization(Normalizing):
    """gamma * (x - mean) / sqrt(variance + epsilon) + beta, with mean and variance over all axes but `axis`.

    In training they are the batch's, and moving averages follow them; otherwise, and when `trainable` is false, they
    are the moving averages.

    Args:
        axis: the axis of the features.
        momentum: moving = moving * momentum + batch * (1 - momentum).
        epsilon: keeps the root away from 0.
        center, scale: is there a beta, a gamma?
        beta_initializer, gamma_initializer, moving_mean_initializer, moving_variance_initializer: first values.
        beta_regularizer, gamma_regularizer, beta_constraint, gamma_constraint: of beta and gamma.
        renorm: normalise by the moving statistics, corrected towards the batch's (Batch Renormalization)?
        renorm_clipping: `{"rmin", "rmax", "dmax"}`, bounds of that correction.
        renorm_momentum: momentum of the statistics that renorm uses.
        synchronized: must be false: there is one replica.

    >>> import fastkeras as keras
    >>> layer = keras.layers.BatchNormalization(epsilon=0.0)
    >>> layer(keras.ops.array([[1.0], [3.0]]), training=True).numpy().tolist()
    [[-1.0], [1.0]]
    """

    def __init__(
        self,
        axis=-1,
        momentum=0.99,
        epsilon=0.001,
        center=True,
        scale=True,
        beta_initializer="zeros",
        gamma_initializer="ones",
        moving_mean_initializer="zeros",
        moving_variance_initializer="ones",
        beta_regularizer=None,
        gamma_regularizer=None,
        beta_constraint=None,
        gamma_constraint=None,
        renorm=False,
        renorm_clipping=None,
        renorm_momentum=0.99,
        synchronized=False,
        **kwargs,
    ):
        super().__init__(**kwargs)
        if synchronized:
            raise ValueError("Argument synchronized=True is only supported with the TensorFlow backend.")
        self.axis = int(axis)
        self.synchronized = synchronized
        self.momentum = float(momentum)
        self._store_affine({**locals(), "epsilon": float(epsilon)})
        self.moving_mean_initializer = initializers.get(moving_mean_initializer)
        self.moving_variance_initializer = initializers.get(moving_variance_initializer)
        self.renorm = renorm
        self.renorm_clipping = _checked_clipping(renorm_clipping or {}) if renorm else renorm_clipping
        self.renorm_momentum = renorm_momentum

    def build(self, input_shape):
        shape = (input_shape[self.axis],)
        self._build_affine(shape)

        def statistic(name, initializer):
            return self.add_weight(name=name, shape=shape, initializer=initializer, trainable=False, autocast=False)

        def stddev(shape, dtype=None):
            return ops.sqrt(self.moving_variance_initializer(shape, dtype=dtype))

        self.moving_mean = statistic("moving_mean", self.moving_mean_initializer)
        self.moving_variance = statistic("moving_variance", self.moving_variance_initializer)
        if self.renorm:
            self.moving_stddev = statistic("moving_stddev", stddev)
            self.renorm_mean = statistic("renorm_mean", self.moving_mean_initializer)
            self.renorm_stddev = statistic("renorm_stddev", stddev)
        self.input_spec = InputSpec(ndim=len(input_shape), axes={self.axis: input_shape[self.axis]})

    def call(self, inputs, training=None, mask=None):
        if mask is not None and len(mask.shape) != len(inputs.shape) - 1:
            raise ValueError(
                "The mask provided should be one dimension less than the inputs. "
                f"Received: mask.shape={mask.shape}, inputs.shape={inputs.shape}"
            )
        x = ops.cast(inputs, config.result_type(inputs.dtype, "float32"))
        if not (training and self.trainable):
            outputs = self._normalize(x, self.moving_mean, self.moving_variance, self.gamma, self.beta)
        elif mask is None and not self.renorm:
            outputs, mean, variance = ops.nn.batch_norm_train(x, self.gamma, self.beta, self.axis, self.epsilon)
            _follow(self.moving_mean, mean, self.momentum)
            _follow(self.moving_variance, variance, self.momentum)
        else:
            mean, variance = self._moments(x, mask)
            gamma, beta = self.gamma, self.beta
            if self.renorm:
                gamma, beta = self._renormalize(mean, variance)
            else:
                _follow(self.moving_mean, mean, self.momentum)
                _follow(self.moving_variance, variance, self.momentum)
            outputs = self._normalize(x, mean, variance, gamma, beta)
        return ops.cast(outputs, self.compute_dtype)

    def _normalize(self, x, mean, variance, gamma, beta):
        return ops.batch_normalization(
            x, mean, variance, axis=self.axis, offset=beta, scale=gamma, epsilon=self.epsilon
        )

    def _moments(self, x, mask):
        axis = self.axis % len(x.shape)
        axes = tuple(i for i in range(len(x.shape)) if i != axis)
        if mask is None:
            return ops.moments(x, axes=axes)
        weights = ops.cast(ops.broadcast_to(ops.expand_dims(ops.cast(mask, "bool"), -1), x.shape), x.dtype)
        count = ops.sum(weights, axis=axes, keepdims=True) + config.epsilon()
        # where, not a product with the weights: a masked NaN must not reach the sums.
        present = ops.greater(weights, 0)
        mean = ops.sum(ops.where(present, x, ops.zeros_like(x)), axis=axes, keepdims=True) / count
        difference = ops.where(present, x - mean, ops.zeros_like(x))
        variance = ops.sum(ops.square(difference), axis=axes, keepdims=True) / count
        return ops.reshape(mean, (-1,)), ops.reshape(variance, (-1,))

    def _renormalize(self, mean, variance):
        """(gamma, beta) that make up for the difference between the batch's statistics and the moving ones."""
        stddev = ops.sqrt(variance + self.epsilon)
        moving_stddev = ops.maximum(self.renorm_stddev, self.epsilon**0.5)
        r, d = stddev / moving_stddev, (mean - self.renorm_mean) / moving_stddev
        bounds = self.renorm_clipping
        if bounds.get("rmin") is not None:
            r = ops.maximum(r, bounds["rmin"])
        if bounds.get("rmax") is not None:
            r = ops.minimum(r, bounds["rmax"])
        if bounds.get("dmax") is not None:
            d = ops.clip(d, -bounds["dmax"], bounds["dmax"])
        r, d = stop_gradient(r), stop_gradient(d)
        gamma, beta = (r, d) if self.gamma is None else (r * self.gamma, d * self.gamma)
        _follow(self.renorm_mean, mean, self.renorm_momentum)
        _follow(self.renorm_stddev, stddev, self.renorm_momentum)
        _follow(self.moving_mean, mean, self.momentum)
        _follow(self.moving_stddev, stddev, self.momentum)
        self.moving_variance.assign(ops.relu(ops.square(self.moving_stddev) - self.epsilon))
        return gamma, beta if self.beta is None else beta + self.beta


def _follow(moving, value, momentum):
    moving.assign(moving * momentum + ops.cast(value, moving.dtype) * (1.0 - momentum))


def _checked_clipping(clipping):
    unknown = set(clipping) - {"rmax", "rmin", "dmax"}
    if unknown:
        raise ValueError(
            f"Received invalid keys for `renorm_clipping` argument: {clipping}. "
            "Supported values: ['rmax', 'rmin', 'dmax']."
        )
    rmax, rmin, dmax = (clipping.get(key) for key in ("rmax", "rmin", "dmax"))
    if rmax is not None and rmin is not None and rmax < rmin:
        raise ValueError(
            f"rmax should be greater than rmin in the `renorm_clipping` argument. Received: rmax={rmax}, rmin={rmin}."
        )
    if dmax is not None and dmax < 0:
        raise ValueError(f"dmax should be non-negative in the `renorm_clipping` argument. Received: dmax={dmax}.")
    return dict(clipping)
