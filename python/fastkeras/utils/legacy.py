"""keras.utils.legacy: the functions of keras.legacy.saving."""

from fastkeras.legacy.saving import deserialize_keras_object as deserialize_keras_object
from fastkeras.legacy.saving import serialize_keras_object as serialize_keras_object
