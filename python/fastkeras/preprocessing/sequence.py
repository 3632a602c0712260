"""keras.preprocessing.sequence."""

from fastkeras.utils.arrays import pad_sequences

__all__ = ["pad_sequences"]
