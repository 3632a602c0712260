"""Shared by all tests: the rows and models of tests/reference, a Keras home of our own, every instruction set."""

import os
import pathlib
import sys
import tempfile

import pytest

from fastkeras.engine import config

sys.path.insert(0, str(pathlib.Path(__file__).parent / "reference"))
os.environ["KERAS_HOME"] = tempfile.mkdtemp(prefix="keras-home-")  # neither read nor write what the user has

# Programs for an environment that has Keras, not modules to look for doctests in.
collect_ignore_glob = ["reference/make*.py", "saving/check_keras_opens_ours.py"]


@pytest.fixture(params=config.available_isas())
def isa(request):
    """The test runs once on every instruction set of this CPU."""
    before = config.isa()
    config.set_isa(request.param)
    yield request.param
    config.set_isa(before)
