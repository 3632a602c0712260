"""keras.wrappers: models as scikit-learn estimators."""

from fastkeras.lazy import lazy

__getattr__, __dir__, __all__ = lazy(
    __name__, dict.fromkeys(("SKLearnClassifier", "SKLearnRegressor", "SKLearnTransformer"), ".sklearn")
)
