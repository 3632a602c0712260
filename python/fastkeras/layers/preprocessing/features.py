"""Kinds of features: what FeatureSpace does to each column of a table."""

from fastkeras import ops, registry
from fastkeras.engine import auto_name
from fastkeras.layers.preprocessing.base import DataLayer
from fastkeras.layers.preprocessing.categories import Discretization
from fastkeras.layers.preprocessing.hashing import Hashing
from fastkeras.layers.preprocessing.lookup import IntegerLookup, StringLookup
from fastkeras.layers.preprocessing.normalization import Normalization, Rescaling

_register = registry.register("keras.src.layers.preprocessing.feature_space")  # where files say these classes are


def _check_mode(output_mode, allowed):
    if output_mode not in allowed:
        raise ValueError(
            f"Invalid value for argument `output_mode`. Expected one of {allowed}. Received: output_mode={output_mode}"
        )


@_register
class Cross(registry.Configurable):
    """Features that are to be crossed, into `crossing_dim` bins; `output_mode` is "int" or "one_hot"."""

    def __init__(self, feature_names, crossing_dim, output_mode="one_hot"):
        _check_mode(output_mode, ("int", "one_hot"))
        self.feature_names = tuple(feature_names)
        self.crossing_dim = crossing_dim
        self.output_mode = output_mode

    @property
    def name(self):
        return "_X_".join(self.feature_names)


@_register
class Feature(registry.Configurable):
    """A feature of a dtype, the layer that prepares it, and how it is put out: "int", "one_hot" or "float"."""

    def __init__(self, dtype, preprocessor, output_mode):
        _check_mode(output_mode, ("int", "one_hot", "float"))
        self.dtype = dtype
        if isinstance(preprocessor, dict):
            preprocessor = registry.deserialize_keras_object(preprocessor)
        self.preprocessor = preprocessor
        self.output_mode = output_mode


@_register
class TFDIdentity(DataLayer):
    """A feature as it is."""

    def call(self, x):
        return x


@_register
class TFDConcat(DataLayer):
    """Features side by side."""

    def __init__(self, axis, **kwargs):
        super().__init__(**kwargs)
        self.axis = axis

    def call(self, xs):
        return ops.concatenate(xs, axis=self.axis)


def _prepared(kind, name, layer, feature_dtype, output_mode="float", **settings):
    return Feature(feature_dtype, layer(name=f"{name or auto_name(kind)}_preprocessor", **settings), output_mode)


class FeatureKinds:
    """The kinds of features by name, as methods with their settings; `name` names the layer that is made."""

    @classmethod
    def cross(cls, feature_names, crossing_dim, output_mode="one_hot"):
        """Features crossed by a hash, into `crossing_dim` bins."""
        return Cross(feature_names, crossing_dim, output_mode=output_mode)

    @classmethod
    def feature(cls, dtype, preprocessor, output_mode):
        """A feature with a layer of yours."""
        return Feature(dtype, preprocessor, output_mode)

    @classmethod
    def float(cls, name=None):
        """A number as it is."""
        return _prepared("float", name, TFDIdentity, "float32", dtype="float32")

    @classmethod
    def float_rescaled(cls, scale=1.0, offset=0.0, name=None):
        """A number times `scale` plus `offset`."""
        return _prepared("float_rescaled", name, Rescaling, "float32", scale=scale, offset=offset)

    @classmethod
    def float_normalized(cls, name=None):
        """A number less its mean, over its standard deviation."""
        return _prepared("float_normalized", name, Normalization, "float32", axis=-1)

    @classmethod
    def float_discretized(cls, num_bins, bin_boundaries=None, output_mode="one_hot", name=None):
        """The bin of a number: one of `num_bins` with as many samples each, or (with None) between `bin_boundaries`."""
        bins = {"num_bins": num_bins, "bin_boundaries": bin_boundaries}
        return _prepared("float_discretized", name, Discretization, "float32", output_mode, **bins)

    @classmethod
    def integer_categorical(cls, max_tokens=None, num_oov_indices=1, output_mode="one_hot", name=None):
        """An integer by its place in a vocabulary, with `num_oov_indices` places for others."""
        table = {"max_tokens": max_tokens, "num_oov_indices": num_oov_indices}
        return _prepared("integer_categorical", name, IntegerLookup, "int32", output_mode, **table)

    @classmethod
    def string_categorical(cls, max_tokens=None, num_oov_indices=1, output_mode="one_hot", name=None):
        """A string by its place in a vocabulary, with `num_oov_indices` places for others."""
        table = {"max_tokens": max_tokens, "num_oov_indices": num_oov_indices}
        return _prepared("string_categorical", name, StringLookup, "string", output_mode, **table)

    @classmethod
    def string_hashed(cls, num_bins, output_mode="one_hot", name=None):
        """A string by the bin that its hash falls into."""
        return _prepared("string_hashed", name, Hashing, "string", output_mode, num_bins=num_bins)

    @classmethod
    def integer_hashed(cls, num_bins, output_mode="one_hot", name=None):
        """An integer by the bin that its hash falls into."""
        return _prepared("integer_hashed", name, Hashing, "int32", output_mode, num_bins=num_bins)
