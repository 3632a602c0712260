"""keras.saving: models and weights as files.

Loading is data only: a file can name classes of the library and classes the program registered, nothing else; how much
is read is decided by the model and by the size of the file, never by what the file declares. Whatever is wrong with a
file ends in one exception, `ModelFileError`, a `ValueError`; the model that was to receive weights is left as it was.
"""

from fastkeras.lazy import lazy

__getattr__, __dir__, __all__ = lazy(
    __name__,
    {
        "CustomObjectScope": "fastkeras.registry",
        "KerasFileEditor": ".file_editor",
        "ModelFileError": ".errors",
        "custom_object_scope": "fastkeras.registry",
        "deserialize_keras_object": "fastkeras.registry",
        "get_custom_objects": "fastkeras.registry",
        "get_registered_name": "fastkeras.registry",
        "get_registered_object": "fastkeras.registry",
        "load_model": ".api",
        "load_weights": ".api",
        "model_from_bytes": ".keras_format",
        "model_to_bytes": ".keras_format",
        "register_keras_serializable": "fastkeras.registry",
        "save_model": ".api",
        "save_weights": ".api",
        "serialize_keras_object": "fastkeras.registry",
    },
)
