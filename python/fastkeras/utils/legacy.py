"""keras.utils.legacy: the functions of keras.legacy.saving."""

from fastkeras.lazy import lazy

__getattr__, __dir__, __all__ = lazy(
    __name__,
    {
        "deserialize_keras_object": "fastkeras.legacy.saving",
        "serialize_keras_object": "fastkeras.legacy.saving",
    },
)
