"""keras.legacy: what Keras 3 kept of Keras 2."""

from fastkeras.lazy import lazy

__getattr__, __dir__, __all__ = lazy(__name__, submodules=("saving",))
