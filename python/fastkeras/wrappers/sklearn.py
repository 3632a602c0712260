"""Models as scikit-learn estimators: in pipelines, searches and cross validation.

This module is imported when one of its names is used, and scikit-learn with it.
"""

import numpy as np

try:
    from sklearn.base import BaseEstimator, ClassifierMixin, RegressorMixin, TransformerMixin
    from sklearn.utils.metadata_routing import MetadataRequest
    from sklearn.utils.multiclass import type_of_target
    from sklearn.utils.validation import check_is_fitted, column_or_1d, validate_data
except ImportError as error:
    raise ImportError("keras.wrappers needs scikit-learn 1.6 or later: pip install scikit-learn") from error

from fastkeras.models import Model, clone_model


class _Wrapper(BaseEstimator):
    """What the three wrappers share.

    Args:
        model: a compiled Model, of which every fit takes a fresh copy, or a function `model(X, y, **model_kwargs)`
            that returns a compiled Model.
        warm_start: go on with the model of the last fit.
        model_kwargs: arguments of the function.
        fit_kwargs: arguments of `Model.fit`.

    Raises:
        RuntimeError: in `fit`, when the model is not compiled with a loss and an optimizer.
    """

    def __init__(self, model, warm_start=False, model_kwargs=None, fit_kwargs=None):
        self.model = model
        self.warm_start = warm_start
        self.model_kwargs = model_kwargs
        self.fit_kwargs = fit_kwargs

    def __sklearn_tags__(self):
        tags = super().__sklearn_tags__()
        tags.non_deterministic = True  # weights start at random
        return tags

    def set_fit_request(self, **kwargs):
        """Asks scikit-learn's metadata routing to pass these arguments to `fit`.

        Raises:
            RuntimeError: when routing is not enabled.
        """
        from sklearn import get_config

        if not get_config().get("enable_metadata_routing"):
            raise RuntimeError(
                "This method is only available when metadata routing is enabled. You can enable it using "
                "sklearn.set_config(enable_metadata_routing=True)."
            )
        self._metadata_request = self._get_metadata_request() or MetadataRequest(owner=self)
        for name, alias in kwargs.items():
            self._metadata_request.fit.add_request(param=name, alias=alias)
        return self

    @property
    def epoch_(self):
        """Number of epochs of the last fit."""
        return len(self.history_.epoch) if hasattr(self, "history_") else 0

    def _new_model(self, X, y):
        if self.warm_start and hasattr(self, "model_"):
            return self.model_
        if isinstance(self.model, Model):
            _check_compiled(self.model)
            model = clone_model(self.model)
            if self.model.compiled:
                model.compile_from_config(self.model.get_compile_config())
            return model
        return self.model(X=X, y=y, **(self.model_kwargs or {}))

    def fit(self, X, y, **kwargs):
        """Trains the model; `kwargs` go to `Model.fit`, before `fit_kwargs`."""
        X, y = validate_data(self, X, y, multi_output=True, y_numeric=False)
        y = self._encode(y)
        model = self._new_model(X, y)
        _check_compiled(model)
        self.history_ = model.fit(X, y, **{**(self.fit_kwargs or {}), **kwargs})
        self.model_ = model
        return self

    def _outputs(self, X):
        check_is_fitted(self)
        return self.model_.predict(validate_data(self, X, reset=False), verbose=0)

    def predict(self, X):
        """The model's outputs for X, as the targets were given."""
        return self._decode(self._outputs(X))

    def _encode(self, y):
        if type_of_target(y) == "unknown":
            raise ValueError(f"Unknown label type for data: {y!r}")
        self._target_ndim = y.ndim
        return y.reshape(-1, 1) if y.ndim == 1 else y

    def _decode(self, outputs):
        return outputs[:, 0] if self._target_ndim == 1 and outputs.ndim == 2 and outputs.shape[1] == 1 else outputs


def _check_compiled(model):
    if not model.compiled or not model.loss or not model.optimizer:
        raise RuntimeError("Given model needs to be compiled, and have a loss and an optimizer.")


class SKLearnClassifier(ClassifierMixin, _Wrapper):
    """A model as a scikit-learn classifier; the model gets one-hot targets, and its largest output is the class.

    >>> import numpy as np, fastkeras as keras
    >>> def model(X, y):
    ...     model = keras.Sequential([keras.Input(X.shape[1:]), keras.layers.Dense(y.shape[1], "softmax")])
    ...     model.compile("adam", "categorical_crossentropy")
    ...     return model
    >>> classifier = keras.wrappers.SKLearnClassifier(model, fit_kwargs={"epochs": 2, "verbose": 0})
    >>> classifier.fit(np.eye(4), ["a", "b", "a", "b"]).predict(np.eye(4)).shape
    (4,)
    """

    def __sklearn_tags__(self):
        tags = super().__sklearn_tags__()
        tags.classifier_tags.poor_score = True
        return tags

    def decision_function(self, X):
        """The model's outputs: one column for each class."""
        return self._outputs(X)

    def _encode(self, y):
        kind = type_of_target(y)
        if kind == "unknown":
            raise ValueError(f"Unknown label type for data: {y!r}")
        if kind not in ("binary", "multiclass"):
            raise ValueError(f"Only binary and multiclass target types are supported. Target type: {kind}")
        self._target_ndim = y.ndim
        y = column_or_1d(y, warn=True)
        self.classes_, numbers = np.unique(y, return_inverse=True)
        if len(self.classes_) == 1:
            raise ValueError("Classifier can't train when only one class is present.")
        return np.eye(len(self.classes_))[numbers]

    def _decode(self, outputs):
        labels = self.classes_[np.argmax(outputs, axis=1)]
        return labels if self._target_ndim == 1 else labels[:, None]


class SKLearnRegressor(RegressorMixin, _Wrapper):
    """A model as a scikit-learn regressor; one target becomes a column.

    >>> import numpy as np, fastkeras as keras
    >>> def model(X, y):
    ...     model = keras.Sequential([keras.Input(X.shape[1:]), keras.layers.Dense(y.shape[1])])
    ...     model.compile("adam", "mse")
    ...     return model
    >>> regressor = keras.wrappers.SKLearnRegressor(model, fit_kwargs={"verbose": 0})
    >>> regressor.fit(np.eye(4), [1.0, 2.0, 3.0, 4.0]).predict(np.eye(4)).shape
    (4,)
    """

    def __sklearn_tags__(self):
        tags = super().__sklearn_tags__()
        tags.regressor_tags.poor_score = True
        tags.target_tags.multi_output = True
        return tags


class SKLearnTransformer(TransformerMixin, _Wrapper):
    """A model whose outputs are features for the next step of a pipeline.

    >>> import numpy as np, fastkeras as keras
    >>> def model(X, y):
    ...     model = keras.Sequential([keras.Input(X.shape[1:]), keras.layers.Dense(1)])
    ...     model.compile("adam", "mse")
    ...     return model
    >>> transformer = keras.wrappers.SKLearnTransformer(model, fit_kwargs={"verbose": 0})
    >>> transformer.fit(np.eye(4), [1.0, 2.0, 3.0, 4.0]).transform(np.eye(4)).shape
    (4, 1)
    """

    def __sklearn_tags__(self):
        tags = super().__sklearn_tags__()
        tags.transformer_tags.preserves_dtype = []
        tags.target_tags.multi_output = True
        return tags

    def transform(self, X):
        """The model's outputs for X."""
        return self._outputs(X)
