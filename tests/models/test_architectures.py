"""Configs and summaries are those of real Keras; its JSON makes the same models here."""

import json
import pathlib
import sys

import numpy as np
import pytest

import fastkeras as keras

sys.path.insert(0, str(pathlib.Path(__file__).parent))
from architectures import CASES, STORED, describe

KERAS = json.loads(STORED.read_text())
every_case = pytest.mark.parametrize("case", CASES, ids=lambda case: case.__name__)


@pytest.fixture(autouse=True)
def wide_terminal(monkeypatch):
    monkeypatch.setenv("COLUMNS", "100")


@every_case
def test_json_is_kerass(case):
    assert describe(keras, case)["json"] == KERAS[case.__name__]["json"]


@every_case
def test_summary_is_kerass(case):
    assert describe(keras, case)["summary"] == KERAS[case.__name__]["summary"]


@every_case
def test_model_from_kerass_json(case):
    keras.utils.clear_session()
    stored = KERAS[case.__name__]["json"]
    model = keras.models.model_from_json(json.dumps(stored))
    assert json.loads(model.to_json()) == stored


@every_case
def test_config_round_trip_computes_the_same(case):
    model, _ = case(keras)
    if not model.built:
        model.build((None, 3))
    twin = model.__class__.from_config(model.get_config())
    twin.set_weights(model.get_weights())
    random = np.random.RandomState(0)
    shapes = model.input_shape if isinstance(model.input_shape, list) else [model.input_shape]
    arrays = [random.normal(size=(3, *shape[1:])).astype("float32") for shape in shapes]
    x = keras.engine.nest.pack_like(model.input, arrays) if hasattr(model, "_inputs_struct") else arrays[0]
    for ours, theirs in zip(flat(model.predict(x, verbose=0)), flat(twin.predict(x, verbose=0)), strict=True):
        np.testing.assert_array_equal(ours, theirs)


def flat(structure):
    return keras.engine.nest.flatten(structure)
