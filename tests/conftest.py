"""Shared by all tests: the rows and models of tests/reference, and a Keras home of our own."""

import os
import pathlib
import sys
import tempfile

sys.path.insert(0, str(pathlib.Path(__file__).parent / "reference"))
os.environ["KERAS_HOME"] = tempfile.mkdtemp(prefix="keras-home-")  # neither read nor write what the user has

# Programs for an environment that has Keras, not modules to look for doctests in.
collect_ignore_glob = ["reference/make*.py", "saving/check_keras_opens_ours.py"]
