"""What several test files need that is no fixture."""

import contextlib
import http.server
import os
import subprocess
import sys
import threading

import numpy as np


def ones(*shape):
    return np.ones(shape, "float32")


def run_python(code, **environment):
    """What came of the code in a new interpreter, which finds the modules that this one finds."""
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(sys.path), **environment}
    return subprocess.run([sys.executable, "-c", code], env=environment, capture_output=True, text=True, timeout=60)


@contextlib.contextmanager
def serving(handler):
    """An HTTP server of this machine that answers by the class `handler`, and logs nothing."""
    handler.log_message = lambda *arguments: None
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True)
        thread.start()
        try:
            yield server
        finally:
            server.shutdown()
            thread.join()


def rounded_to_bfloat16(x):
    import fastkeras as keras

    return keras.ops.cast(keras.ops.cast(x, "bfloat16"), "float32").numpy()
