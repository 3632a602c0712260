"""California housing prices."""

from fastkeras.datasets import _source

_HASH = "1a2e3a52e0398de6463aebe6f4a8da34fb21fbb6b934cf88c3425e766f2a1a6f"


def load_data(version="large", path="california_housing.npz", test_split=0.2, seed=113):
    """`(x_train, y_train), (x_test, y_test)`: rows of 8 features, prices in dollars.

    Args:
        version: `"large"` (20640 rows) or `"small"` (600).
        path: name of the file in the cache.
        test_split: fraction of the rows kept for testing.
        seed: of the order of the rows.
    """
    if version not in ("small", "large"):
        raise ValueError(f"Argument `version` must be one of 'small', 'large'. Received: version={version}")
    rows = 600 if version == "small" else None
    return _source.load_housing(path, _HASH, "california_housing.npz", test_split, seed, rows)
