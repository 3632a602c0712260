"""keras.preprocessing: images, sequences and texts before they reach a model."""

from fastkeras.lazy import lazy

__getattr__, __dir__, __all__ = lazy(
    __name__,
    {
        "image_dataset_from_directory": "fastkeras.utils.directories",
        "text_dataset_from_directory": "fastkeras.utils.directories",
        "timeseries_dataset_from_array": "fastkeras.utils.timeseries",
    },
    submodules=("image", "sequence", "text"),
)
