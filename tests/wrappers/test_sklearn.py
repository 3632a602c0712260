"""Models as scikit-learn estimators."""

import os
import pickle
import signal
import subprocess
import sys
import time

import numpy as np
import pytest
from sklearn.base import clone
from sklearn.model_selection import GridSearchCV, RandomizedSearchCV, cross_val_score
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.utils.estimator_checks import check_estimator

import fastkeras as keras
from fastkeras.wrappers import SKLearnClassifier, SKLearnRegressor, SKLearnTransformer

RNG = np.random.RandomState(0)
X = RNG.normal(size=(60, 4)).astype("float32")
CLASSES = np.array(["ash", "beech", "elm"])[(X[:, 0] > 0).astype(int) + (X[:, 1] > 0.5)]


def make_model(X, y, loss="mse", activation=None, layers=(16,), rate=0.05):
    keras.utils.set_random_seed(0)
    outputs = inputs = keras.Input(X.shape[1:])
    for units in layers:
        outputs = keras.layers.Dense(units, activation="relu")(outputs)
    model = keras.Model(inputs, keras.layers.Dense(y.shape[1], activation=activation)(outputs))
    model.compile(keras.optimizers.Adam(rate), loss)
    return model


def classifier(**kwargs):
    settings = {"loss": "categorical_crossentropy", "activation": "softmax", **kwargs.pop("model_kwargs", {})}
    kwargs = {"fit_kwargs": {"epochs": 8, "verbose": 0}, **kwargs}
    return SKLearnClassifier(make_model, model_kwargs=settings, **kwargs)


# Checks that do not apply, and why.
NOT_APPLICABLE = {
    "check_classifiers_train": "decision_function has a column for each class, as Keras's, also for two classes",
    "check_classifiers_classes": "the same",
    "check_regressor_multioutput": "predictions have the dtype of the model, float32",
}


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize(
    "estimator",
    [
        classifier(model_kwargs={"layers": [20, 20]}),
        SKLearnRegressor(make_model, fit_kwargs={"verbose": 0}),
        SKLearnTransformer(make_model, fit_kwargs={"verbose": 0}),
    ],
    ids=lambda estimator: type(estimator).__name__,
)
def test_check_estimator(estimator):
    results = check_estimator(estimator, expected_failed_checks=NOT_APPLICABLE, on_skip=None, on_fail=None)
    failed = {r["check_name"]: r["exception"] for r in results if r["status"] == "failed"}
    assert not failed
    assert sum(r["status"] == "passed" for r in results) > 35


def test_classes_and_pipelines():
    pipeline = make_pipeline(StandardScaler(), classifier(fit_kwargs={"epochs": 60, "verbose": 0}))
    assert pipeline.fit(X, CLASSES).score(X, CLASSES) > 0.9
    assert set(pipeline.predict(X)) <= set(CLASSES)
    assert pipeline.decision_function(X).shape == (60, 3)
    features = make_pipeline(SKLearnTransformer(make_model, fit_kwargs={"verbose": 0}), StandardScaler())
    assert features.fit_transform(X, X[:, 0]).shape == (60, 1)


def test_several_targets():
    regressor = SKLearnRegressor(make_model, fit_kwargs={"epochs": 30, "verbose": 0})
    assert regressor.fit(X, X[:, :2] * 2).predict(X).shape == (60, 2)
    assert regressor.fit(X, X[:, 0]).predict(X).shape == (60,)
    assert regressor.score(X, X[:, 0]) > 0.8


@pytest.mark.parametrize("backend", ["loky", "threading"])
def test_searches_in_parallel(backend):
    import joblib

    grid = {
        "model_kwargs": [{"loss": "categorical_crossentropy", "activation": "softmax", "rate": r} for r in (1e-6, 0.1)]
    }
    with joblib.parallel_backend(backend):
        search = GridSearchCV(classifier(), grid, cv=2, n_jobs=2, error_score="raise").fit(X, CLASSES)
    assert search.best_params_["model_kwargs"]["rate"] == 0.1
    assert search.best_estimator_.fit_kwargs == {"epochs": 8, "verbose": 0}


def test_random_search_and_scores():
    epochs = {"fit_kwargs": [{"epochs": n, "verbose": 0} for n in (1, 5, 30)]}
    search = RandomizedSearchCV(classifier(), epochs, n_iter=2, cv=2, random_state=0, error_score="raise")
    assert search.fit(X, CLASSES).best_score_ > 0.3
    assert len(cross_val_score(classifier(), X, CLASSES, cv=3, error_score="raise")) == 3


# A suite in the background of a shell ignores SIGINT, and so would this.
INTERRUPTED = """
import signal, sys; sys.path.insert(0, {folder!r})
signal.signal(signal.SIGINT, signal.default_int_handler)
import numpy as np
from sklearn.model_selection import GridSearchCV
from test_sklearn import CLASSES, X, classifier
if __name__ == "__main__":
    grid = {{"fit_kwargs": [{{"epochs": 100_000 + n, "verbose": 0}} for n in range(4)]}}
    print("begins", flush=True)
    GridSearchCV(classifier(), grid, cv=2, n_jobs=2).fit(X, CLASSES)
"""


def test_an_interrupted_search_leaves_no_process(tmp_path):
    script = tmp_path / "search.py"
    script.write_text(INTERRUPTED.format(folder=os.path.dirname(__file__)))
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)}
    process = subprocess.Popen(
        [sys.executable, str(script)],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        env=environment,
        start_new_session=True,
    )
    assert process.stdout.readline() == b"begins\n"
    time.sleep(3)
    os.killpg(process.pid, signal.SIGINT)
    process.communicate(timeout=30)
    assert process.returncode != 0
    for _ in range(100):
        try:
            os.killpg(process.pid, 0)
        except ProcessLookupError:
            return
        time.sleep(0.1)
    os.killpg(process.pid, signal.SIGKILL)
    pytest.fail("worker processes outlive the search")


def test_pickles_and_clones():
    fitted = classifier().fit(X, CLASSES)
    again = pickle.loads(pickle.dumps(fitted))
    np.testing.assert_array_equal(again.predict(X), fitted.predict(X))
    assert not hasattr(clone(fitted), "model_")
    assert clone(fitted).fit_kwargs == fitted.fit_kwargs


def test_a_compiled_model_is_copied():
    model = make_model(X, X[:, :1])
    before = model.get_weights()
    regressor = SKLearnRegressor(model, fit_kwargs={"epochs": 2, "verbose": 0}).fit(X, X[:, 0])
    assert regressor.model_ is not model
    assert regressor.epoch_ == 2
    for old, new in zip(before, model.get_weights(), strict=True):
        np.testing.assert_array_equal(old, new)


def test_warm_start_goes_on():
    cold, warm = (SKLearnRegressor(make_model, w, fit_kwargs={"epochs": 9, "verbose": 0}) for w in (False, True))
    for estimator in (cold, warm):
        first = estimator.fit(X, X[:, 0]).model_
        loss = estimator.history_.history["loss"][0]
        estimator.fit(X, X[:, 0])
        assert (estimator.model_ is first) == estimator.warm_start
        assert (estimator.history_.history["loss"][0] < loss / 2) == estimator.warm_start


def test_arguments_of_fit():
    regressor = SKLearnRegressor(make_model, fit_kwargs={"epochs": 5, "verbose": 0})
    regressor.fit(X, X[:, 0], epochs=1)
    assert regressor.epoch_ == 1 and regressor.fit_kwargs == {"epochs": 5, "verbose": 0}
    regressor.fit(X, X[:, 0], sample_weight=np.zeros(60))
    assert regressor.history_.history["loss"][-1] == 0


def test_errors():
    def uncompiled(X, y):
        return keras.Sequential([keras.layers.Dense(1)])

    for model in (uncompiled, uncompiled(0, 0)):
        with pytest.raises(RuntimeError, match="compiled"):
            SKLearnRegressor(model).fit(X, X[:, 0])
    with pytest.raises(ValueError, match="one class"):
        classifier().fit(X, np.zeros(60, int))
    with pytest.raises(ValueError, match="target types"):
        classifier().fit(X, X[:, 0])
    with pytest.raises(TypeError, match="nonsense"):
        classifier(model_kwargs={"nonsense": 1}).fit(X, CLASSES)
    with pytest.raises(RuntimeError, match="routing"):
        classifier().set_fit_request(sample_weight=True)
