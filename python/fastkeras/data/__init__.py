"""tf.data: pipelines of elements, from arrays, files, generators and functions."""

from fastkeras.lazy import lazy

__getattr__, __dir__, __all__ = lazy(
    __name__,
    {
        "AUTOTUNE": ".base",
        "Dataset": ".dataset",
        "DatasetSpec": ".elements",
        "INFINITE_CARDINALITY": ".streams",
        "Options": ".options",
        "Strings": ".strings",
        "TensorSpec": ".elements",
        "TextLineDataset": ".lines",
        "ThreadingOptions": ".options",
        "UNKNOWN_CARDINALITY": ".streams",
    },
    ("experimental",),
)
