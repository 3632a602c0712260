"""fastkeras: the Keras 3 API, compiled for CPUs.

Everything is imported when it is first used, so `import fastkeras` costs a few milliseconds; keras.json is read then.

>>> import fastkeras as keras
>>> model = keras.Sequential([keras.Input((4,)), keras.layers.Dense(2)])
>>> model.count_params()
10
"""

from fastkeras.lazy import lazy

__version__ = "0.1.0"

__getattr__, __dir__, __all__ = lazy(
    __name__,
    {
        "DTypePolicy": ".dtype_policies",
        "FloatDTypePolicy": ".dtype_policies",
        "Function": ".models.function",
        "GradientTape": ".engine",
        "Initializer": ".initializers",
        "Input": ".layers",
        "InputSpec": ".layers",
        "KerasTensor": ".engine",
        "Layer": ".layers",
        "Loss": ".losses",
        "Metric": ".metrics",
        "Model": ".models",
        "Operation": ".engine",
        "Optimizer": ".optimizers",
        "Quantizer": ".quantizers",
        "Regularizer": ".regularizers",
        "RematScope": ".engine",
        "Sequential": ".models",
        "StatelessScope": ".engine",
        "Tensor": ".engine",
        "Variable": ".engine",
        "device": ".distribution.devices",
        "name_scope": ".engine",
        "remat": ".engine",
    },
    (
        "activations",
        "applications",
        "backend",
        "callbacks",
        "config",
        "constraints",
        "data",
        "datasets",
        "distillation",
        "distribution",
        "dtype_policies",
        "initializers",
        "kernels",
        "layers",
        "legacy",
        "losses",
        "metrics",
        "mixed_precision",
        "models",
        "ops",
        "optimizers",
        "preprocessing",
        "quantizers",
        "random",
        "regularizers",
        "saving",
        "tree",
        "utils",
        "visualization",
        "wrappers",
    ),
)


def version():
    """The version of fastkeras; `fastkeras.config.keras_version()` is that of the API it offers."""
    return __version__
