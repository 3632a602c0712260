"""Boston housing prices."""

from fastkeras.datasets import _source

_HASH = "f553886a1f8d56431e820c5b82552d9d95cfcb96d1e678153f8839538947dff5"


def load_data(path="boston_housing.npz", test_split=0.2, seed=113):
    """`(x_train, y_train), (x_test, y_test)`: 506 rows of 13 features, prices in thousands of dollars.

    Args:
        path: name of the file in the cache.
        test_split: fraction of the rows kept for testing.
        seed: of the order of the rows.
    """
    return _source.load_housing(path, _HASH, "boston_housing.npz", test_split, seed)
