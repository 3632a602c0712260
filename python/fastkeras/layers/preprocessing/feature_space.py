"""FeatureSpace: the columns of a table as vectors for a model."""

import numpy as np

from fastkeras import ops, registry
from fastkeras.data import Dataset
from fastkeras.engine import convert_to_numpy
from fastkeras.layers.input_layer import Input
from fastkeras.layers.layer import Layer
from fastkeras.layers.preprocessing.categories import CategoryEncoding, Discretization
from fastkeras.layers.preprocessing.features import Cross, Feature, FeatureKinds, TFDConcat
from fastkeras.layers.preprocessing.hashing import HashedCrossing, Hashing
from fastkeras.layers.preprocessing.index_lookup import IndexLookup
from fastkeras.layers.preprocessing.normalization import Normalization
from fastkeras.layers.preprocessing.text import TextVectorization
from fastkeras.utils.pydataset import PyDataset

_KINDS = (
    "float", "float_normalized", "float_rescaled", "float_discretized", "integer_categorical", "string_categorical",
    "integer_hashed", "string_hashed",
)  # fmt: skip
_BATCH = 32  # samples that `adapt` shows a layer at once


@registry.register("keras.utils")
class FeatureSpace(FeatureKinds, Layer):
    """The features of a table, each one prepared in its own way, as one vector for each row.

    Args:
        features: `{name: kind}`; a kind is a name ("float_normalized") or what the method of that name returns.
        output_mode: "concat" for one vector, features in the order of their names, then crosses; or "dict".
        crosses: features to be crossed: tuples of names, or what `cross` returns.
        crossing_dim, hashing_dim, num_discretization_bins: number of bins of crosses, "..._hashed" and
            "float_discretized" features that are given by name.

    `adapt(data)` has vocabularies, means and bins found; then it is called on dicts with a value, a batch `(n,)` or
    `(n, 1)` for each feature, also in `dataset.map`. In a model the graph begins at `get_inputs()` and goes on from
    `get_encoded_features()`; with features that are looked up or hashed it runs op by op.

    Raises:
        ValueError: for unknown kinds and modes, crosses of unknown features, and for use before `adapt`.

    >>> import fastkeras as keras
    >>> data = {"age": [20.0, 40.0], "city": ["Rome", "Oslo"]}
    >>> space = keras.utils.FeatureSpace({"age": "float_normalized", "city": "string_categorical"})
    >>> space.adapt(data)
    >>> space(data).numpy().tolist()
    [[-1.0, 0.0, 1.0, 0.0], [1.0, 0.0, 0.0, 1.0]]
    """

    _config_names = ("features", "output_mode", "crosses", "crossing_dim", "hashing_dim", "num_discretization_bins")

    def __init__(
        self,
        features,
        output_mode="concat",
        crosses=None,
        crossing_dim=32,
        hashing_dim=32,
        num_discretization_bins=32,
        name=None,
    ):
        super().__init__(name=name)
        if not features:
            raise ValueError(f"The `features` argument cannot be None or empty. Received: features={features}")
        if output_mode not in ("dict", "concat"):
            raise ValueError(
                "Invalid value for argument `output_mode`. Expected one of {'dict', 'concat'}. "
                f"Received: output_mode={output_mode}"
            )
        self.output_mode = output_mode
        self.crossing_dim, self.hashing_dim = crossing_dim, hashing_dim
        self.num_discretization_bins = num_discretization_bins
        self.features = {name: self._feature(name, kind) for name, kind in features.items()}
        self.crosses = [self._cross(cross) for cross in crosses or ()]
        self.crosses_by_name = {cross.name: cross for cross in self.crosses}
        self.inputs = {name: Input((1,), dtype=feature.dtype, name=name) for name, feature in self.features.items()}
        self.preprocessors = {name: feature.preprocessor for name, feature in self.features.items()}
        self.crossers = {name: HashedCrossing(c.crossing_dim, name=name) for name, c in self.crosses_by_name.items()}
        self.one_hot_encoders = {}
        self.concat = None
        self.encoded_features = None
        self._is_adapted = False

    def _feature(self, name, kind):
        if isinstance(kind, Feature):
            return kind
        if isinstance(kind, dict):
            return registry.deserialize_keras_object(kind)
        if kind not in _KINDS:
            raise ValueError(f"Invalid feature type: {kind}. Expected one of {_KINDS}. Received: {name}={kind}")
        bins = self.num_discretization_bins if kind == "float_discretized" else self.hashing_dim
        settings = {"num_bins": bins} if kind.endswith(("_discretized", "_hashed")) else {}
        return getattr(self, kind)(name=name, **settings)

    def _cross(self, cross):
        if isinstance(cross, dict):
            cross = registry.deserialize_keras_object(cross)
        if not isinstance(cross, Cross):
            if not self.crossing_dim:
                raise ValueError(
                    "When specifying `crosses`, the argument `crossing_dim` (dimensionality of the crossing space) "
                    f"should be specified as well. Received: crossing_dim={self.crossing_dim}"
                )
            cross = Cross(cross, self.crossing_dim)
        if not set(cross.feature_names) <= set(self.features):
            raise ValueError(
                "All features referenced in the `crosses` argument should be present in the `features` dict. "
                f"Received unknown features: {cross.feature_names}"
            )
        return cross

    # --- what has to be found in data -------------------------------------------------------------------------------

    def adapt(self, dataset):
        """Has vocabularies, statistics and bins found in a dict of arrays, or a dataset whose batches are dicts.

        Raises:
            ValueError: for other data.
        """
        if not isinstance(dataset, (dict, Dataset, PyDataset)):
            raise ValueError(
                "`adapt()` can only be called on a `tf.data.Dataset`, a `keras.utils.PyDataset` or a dict of "
                "arrays/lists. "
                f"Received instead: {dataset} (of type {type(dataset)})"
            )
        for name in self._adaptable():
            self.preprocessors[name].adapt(_batches(dataset, name))
        self._is_adapted = True
        self.get_encoded_features()

    def _adaptable(self):
        return [name for name, layer in self.preprocessors.items() if _is_adaptable(layer)]

    def get_inputs(self):
        """`{name: KerasTensor}` of the features."""
        self.get_encoded_features()
        return self.inputs

    def get_encoded_features(self):
        """The KerasTensor of the vectors, or a dict of them."""
        if not self._is_adapted and self._adaptable():
            raise ValueError("You need to call `.adapt(dataset)` on the FeatureSpace before you can start using it.")
        if self.encoded_features is None:
            features = self._preprocessed(self.inputs)
            self._make_encoders(features)
            self.encoded_features = self._merged(features)
            self.built = True
        return self.encoded_features

    def _make_encoders(self, features):
        """The layers behind those of the features: vectors of categories, and one vector of all."""
        specs = {**self.features, **self.crosses_by_name}
        for name, feature in features.items():
            integer = "int" in feature.dtype
            if specs[name].output_mode == "one_hot":
                if not integer:
                    raise ValueError(
                        f"Feature '{name}' has `output_mode='one_hot'`. Thus its preprocessor should return an integer "
                        f"dtype. Instead it returns a {feature.dtype} dtype."
                    )
                self.one_hot_encoders[name] = CategoryEncoding(self._categories(name), output_mode="multi_hot")
            elif self.output_mode == "concat" and (integer or feature.dtype == "string"):
                raise ValueError(
                    f"Cannot concatenate features because feature '{name}' has not been encoded (it has dtype "
                    f"{feature.dtype}). Consider using `output_mode='dict'`."
                )
        if self.output_mode == "concat":
            self.concat = TFDConcat(axis=-1)

    def _categories(self, name):
        layer = self.preprocessors.get(name) or self.crossers[name]
        if isinstance(layer, (IndexLookup, TextVectorization)):
            return layer.vocabulary_size()
        if isinstance(layer, CategoryEncoding):
            return layer.num_tokens
        if isinstance(layer, Discretization):
            return layer.num_bins or len(layer.bin_boundaries) + 1
        if isinstance(layer, (HashedCrossing, Hashing)):
            return layer.num_bins
        raise ValueError(
            f"Feature '{name}' has `output_mode='one_hot'`. However it isn't a standard feature and the dimensionality "
            "of its output space is not known, thus it cannot be one-hot encoded. Try using `output_mode='int'`."
        )

    # --- calling ----------------------------------------------------------------------------------------------------

    def __call__(self, data):
        self.get_encoded_features()
        if not isinstance(data, dict):
            raise ValueError(
                f"A FeatureSpace can only be called with a dict. Received: data={data} (of type {type(data)})"
            )
        data = {name: np.asarray(convert_to_numpy(value)) for name, value in data.items()}
        single = any(value.ndim == 0 for value in data.values())
        columns = {name: value.reshape(-1, 1) if value.ndim < 2 else value for name, value in data.items()}
        merged = self._merged(self._preprocessed(columns))
        if not single:
            return merged
        if self.output_mode == "concat":
            return ops.squeeze(merged, 0)
        return {name: ops.squeeze(x, 0) if len(x.shape) == 2 and x.shape[0] == 1 else x for name, x in merged.items()}

    def _preprocessed(self, columns):
        """{name: what the layers of features and of crosses make}, in the order of the vector."""
        features = {name: self.preprocessors[name](columns[name]) for name in sorted(columns)}
        crosses = {
            name: self.crossers[name]([features[part] for part in self.crosses_by_name[name].feature_names])
            for name in sorted(self.crossers)
        }
        return {**features, **crosses}

    def _merged(self, features):
        encoded = {name: self.one_hot_encoders.get(name, _same)(x) for name, x in features.items()}
        return encoded if self.output_mode == "dict" else self.concat(list(encoded.values()))

    # --- configs and files ------------------------------------------------------------------------------------------

    def get_config(self):
        return {name: registry.serialize_keras_object(getattr(self, name)) for name in self._config_names}

    @classmethod
    def from_config(cls, config):
        return cls(**config)

    def get_build_config(self):
        return {name: layer.get_build_config() or {} for name, layer in self.preprocessors.items()}

    def build_from_config(self, config):
        for name, layer_config in config.items():
            if not self.preprocessors[name].built:
                self.preprocessors[name].build_from_config(layer_config)
        self._is_adapted = True

    def save(self, filepath):
        """Writes a `.keras` file, which `keras.models.load_model` reads."""
        from fastkeras import saving

        saving.save_model(self, filepath)

    def save_own_variables(self, store):
        pass  # all state is that of the layers inside

    def load_own_variables(self, store):
        pass


def _same(x):
    return x


def _is_adaptable(layer):
    """Does the layer still have to see data?"""
    if isinstance(layer, Normalization):
        return layer.input_mean is None
    if isinstance(layer, Discretization):
        return layer.num_bins is not None
    if isinstance(layer, TextVectorization):
        layer = layer._lookup_layer
    return not layer._fixed if isinstance(layer, IndexLookup) else hasattr(layer, "adapt")


def _batches(dataset, name):
    """The batches of one feature, `(n, 1)` or more."""
    if isinstance(dataset, dict):
        values = np.asarray(convert_to_numpy(dataset[name]))
        batches = (values[i : i + _BATCH] for i in range(0, len(values), _BATCH))
    else:
        batches = (np.asarray(batch[name]) for batch in dataset)
    return (batch.reshape(-1, 1) if batch.ndim < 2 else batch for batch in batches)
