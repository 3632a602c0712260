"""SpectralNormalization: a layer whose kernel is kept at norm 1."""

from fastkeras import initializers, ops, registry
from fastkeras.engine import AutocastScope
from fastkeras.layers.input_spec import InputSpec
from fastkeras.layers.wrapper import Wrapper


@registry.register("keras.layers")
class SpectralNormalization(Wrapper):
    """Divides the kernel of a layer by its largest singular value before every call in training (Miyato et al., 2018).

    With W the kernel as a matrix with one column per output, and a vector u that is kept from call to call:

        v = u Wᵀ / |u Wᵀ|,  u = v W / |v W|      `power_iterations` times
        kernel = kernel / (v W uᵀ)

    Gradients are those of the new kernel: as in Keras with TensorFlow, the division belongs to no step of training.

    Args:
        layer: a layer with a `kernel` or `embeddings`.
        power_iterations: how often u and v are improved per call.

    Raises:
        ValueError: when `power_iterations` is not positive, `layer` is no layer or has neither weight.

    >>> import fastkeras as keras
    >>> layer = keras.layers.SpectralNormalization(keras.layers.Dense(2, kernel_initializer="identity"), 20)
    >>> x = keras.ops.ones((1, 2))
    >>> layer.build(x.shape)
    >>> layer.kernel.assign([[8.0, 0.0], [0.0, 2.0]]).shape
    (2, 2)
    >>> layer(x, training=True).numpy().tolist()
    [[1.0, 0.25]]
    """

    _config_names = ("power_iterations",)

    def __init__(self, layer, power_iterations=1, **kwargs):
        super().__init__(layer, **kwargs)
        if power_iterations <= 0:
            raise ValueError(
                f"`power_iterations` should be greater than zero. Received: `power_iterations={power_iterations}`"
            )
        self.power_iterations = power_iterations

    def build(self, input_shape):
        super().build(input_shape)
        self.input_spec = InputSpec(min_ndim=1, axes={-1: input_shape[-1]})
        name = next((name for name in ("kernel", "embeddings") if hasattr(self.layer, name)), None)
        if name is None:
            raise ValueError(f"{type(self.layer).__name__} object has no attribute 'kernel' nor 'embeddings'")
        self.kernel = getattr(self.layer, name)
        self.vector_u = self.add_weight(
            name="vector_u",
            shape=(1, self.kernel.shape[-1]),
            initializer=initializers.TruncatedNormal(stddev=0.02),
            dtype=self.kernel.dtype,
            trainable=False,
        )

    def call(self, inputs, training=False):
        if training:
            with AutocastScope(None):
                vector_u, kernel = ops.cond(
                    ops.all(ops.equal(self.kernel, 0)),
                    lambda: (self.vector_u.value, self.kernel.value),
                    self.normalized_weights,
                )
                self.vector_u.assign(vector_u)
                self.kernel.assign(kernel)
        return ops.cast(self.layer(inputs), self.compute_dtype)

    def normalized_weights(self):
        """(u, kernel) as the next call in training has them."""
        weights, u = ops.reshape(self.kernel, (-1, self.kernel.shape[-1])), self.vector_u.value
        for _ in range(self.power_iterations):
            v = ops.normalize(ops.matmul(u, ops.transpose(weights)), axis=None)
            u = ops.normalize(ops.matmul(v, weights), axis=None)
        u, v = ops.stop_gradient(u), ops.stop_gradient(v)
        largest = ops.matmul(ops.matmul(v, weights), ops.transpose(u))
        return u, ops.reshape(ops.reshape(self.kernel, weights.shape) / largest, self.kernel.shape)

    def compute_output_shape(self, input_shape):
        return self.layer.compute_output_shape(input_shape)
