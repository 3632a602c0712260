"""keras.preprocessing: images, sequences and texts before they reach a model."""

from fastkeras.lazy import lazy

__getattr__, __dir__, __all__ = lazy(__name__, submodules=("image", "sequence", "text"))
