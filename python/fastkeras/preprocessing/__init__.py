"""keras.preprocessing: images, sequences and texts before they reach a model."""

from fastkeras.lazy import lazy

_DATASETS = ("image_dataset_from_directory", "text_dataset_from_directory", "timeseries_dataset_from_array")

__getattr__, __dir__, __all__ = lazy(
    __name__, dict.fromkeys(_DATASETS, "fastkeras.utils.batched"), submodules=("image", "sequence", "text")
)
