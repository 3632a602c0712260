"""Running unmodified Keras and tf.keras scripts: `python -m fastkeras script.py`.

`install()` makes `import keras` and `import tensorflow` mean fastkeras, in this process only. Nothing else calls it.
"""

from fastkeras.compat.finder import install

__all__ = ["install"]
