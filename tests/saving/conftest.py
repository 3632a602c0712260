"""The file of a small model, to be spoilt by the tests of hostile files."""

import importlib
import json
import pkgutil
import zipfile

import pytest
from hostile import small

import fastkeras as keras
from fastkeras.saving import load_model


@pytest.fixture(scope="module")
def members(tmp_path_factory):
    """The members of the `.keras` file of a small model."""
    path = tmp_path_factory.mktemp("good") / "good.keras"
    small().save(path)
    # Whatever loading imports is imported now: an import reads files and unmarshals code while somebody watches.
    load_model(path)
    for module in pkgutil.walk_packages(keras.saving.__path__, "fastkeras.saving."):
        importlib.import_module(module.name)
    with zipfile.ZipFile(path) as good:
        return {name: good.read(name) for name in good.namelist()}


@pytest.fixture
def archive(tmp_path, members):
    """A function that writes the `.keras` file of a small model, with members added, replaced or dropped (None)."""

    def write(changes, compression=zipfile.ZIP_STORED):
        path = tmp_path / "bad.keras"
        with zipfile.ZipFile(path, "w", compression) as bad:
            for name, content in {**members, **changes}.items():
                if content is not None:
                    bad.writestr(name, content if isinstance(content, (bytes, str)) else json.dumps(content))
        return path

    write.config = json.loads(members["config.json"])
    write.weights = members["model.weights.h5"]
    return write
