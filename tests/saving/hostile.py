"""What the tests of hostile files share: what is watched while one is loaded, and a small model to spoil."""

import contextlib
import json
import os
import resource
import sys
import tempfile

import pytest

import fastkeras as keras
from fastkeras.saving import ModelFileError, load_model

LIMIT = 600 << 20  # bytes the process may grow by while it loads a hostile file


def small():
    model = keras.Sequential([keras.Input((3,), name="input"), keras.layers.Dense(2, name="dense")], name="small")
    model.compile("adam", "mse")
    model.optimizer.build(model.trainable_variables)
    return model


def with_layer(config, layer):
    changed = json.loads(json.dumps(config))
    changed["config"]["layers"].append(layer)
    return changed


class Audit:
    """Notes what the process does beyond reading the library, its temporary files and the `allowed` folder."""

    SOURCES = os.path.dirname(os.path.dirname(keras.__file__))
    FORBIDDEN = ("socket", "subprocess", "os.system", "os.exec", "os.posix_spawn", "urllib", "marshal", "pickle")

    def __init__(self):
        self.seen = self.allowed = None
        sys.addaudithook(self.hook)  # for the life of the process: it cannot be taken away again

    def hook(self, event, arguments):
        if self.seen is None:
            return
        if event == "open" and isinstance(arguments[0], (str, bytes)) and not self.may_open(*arguments):
            self.seen.append((event, arguments[0]))
        elif event.startswith(self.FORBIDDEN):
            self.seen.append((event, arguments))

    def may_open(self, path, mode, flags):
        writing = flags & (os.O_WRONLY | os.O_RDWR | os.O_CREAT)
        path = os.fsdecode(path)
        if not writing and path.startswith((sys.prefix, sys.base_prefix, self.SOURCES)):
            return True
        return path.startswith((os.path.join(tempfile.gettempdir(), "tmp"), *self.allowed))


AUDIT = Audit()


@contextlib.contextmanager
def audited(*allowed):
    """Within it: no file opened but temporary ones and `allowed`, no process, no network, and not much memory."""
    with open("/proc/self/statm") as file:
        used = int(file.read().split()[0]) * resource.getpagesize()
    soft, hard = resource.getrlimit(resource.RLIMIT_AS)
    resource.setrlimit(resource.RLIMIT_AS, (used + LIMIT, hard))
    AUDIT.seen, AUDIT.allowed = [], tuple(str(path) for path in allowed)
    try:
        yield
    finally:
        seen, AUDIT.seen = AUDIT.seen, None
        resource.setrlimit(resource.RLIMIT_AS, (soft, hard))
    assert seen == [], seen


def refuses(path, words=None, **arguments):
    """Loading the file as a model ends in ModelFileError."""
    with audited(os.path.dirname(path)), pytest.raises(ModelFileError, match=words):
        load_model(path, **arguments)
