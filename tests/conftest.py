"""Shared by all tests: the rows and models of tests/reference, a Keras home of our own, every instruction set."""

import os
import pathlib
import sys
import tempfile

import hypothesis
import pytest

import fastkeras as keras
from fastkeras.engine import config

sys.path.insert(0, str(pathlib.Path(__file__).parent / "reference"))
os.environ["KERAS_HOME"] = tempfile.mkdtemp(prefix="keras-home-")  # neither read nor write what the user has

# Programs for an environment that has Keras, not modules to look for doctests in.
collect_ignore_glob = ["reference/make*.py", "saving/check_keras_opens_ours.py"]

# Two runs of the suite do the same: what fails, fails again. Another seed, other weights and other examples.
SEED = int(os.environ.get("FASTKERAS_TEST_SEED", "1"))
hypothesis.settings.register_profile("repeatable", derandomize=SEED == 1)
hypothesis.settings.load_profile("repeatable")


@pytest.fixture(autouse=True)
def seed():
    """Weights that a test does not choose are the same in every run: four relus of four begin closed once in 16."""
    keras.utils.set_random_seed(SEED)


@pytest.fixture(params=config.available_isas())
def isa(request):
    """The test runs once on every instruction set of this CPU."""
    before = config.isa()
    config.set_isa(request.param)
    yield request.param
    config.set_isa(before)


@pytest.fixture
def set_threads():
    """Sets the number of threads; after the test it is what it was."""
    before = config.num_threads()
    yield config.set_num_threads
    config.set_num_threads(before)


@pytest.fixture
def fresh_names():
    """Layers are named as in a new program."""
    keras.utils.clear_session()
