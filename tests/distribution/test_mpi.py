"""keras.distribution under `mpirun -n 2`; what the processes do is in job.py."""

import importlib.util
import json
import os
import pathlib
import shutil
import subprocess
import sys

import pytest

import fastkeras

MPIRUN = shutil.which("mpirun", path=f"{pathlib.Path(sys.executable).parent}{os.pathsep}{os.environ.get('PATH', '')}")
needs_mpi = pytest.mark.skipif(
    MPIRUN is None or importlib.util.find_spec("mpi4py") is None, reason="needs mpi4py and mpirun: fastkeras[mpi]"
)


def mpirun(*arguments):
    allowed = {f"{who}_ALLOW_RUN_AS_ROOT{what}": "1" for who in ("OMPI", "PRTE") for what in ("", "_CONFIRM")}
    source = pathlib.Path(fastkeras.__file__).parent.parent
    path = os.pathsep.join(filter(None, [str(source), os.environ.get("PYTHONPATH")]))
    job = pathlib.Path(__file__).with_name("job.py")
    oversubscribe = ["--map-by", ":OVERSUBSCRIBE"] if os.cpu_count() < 2 else []
    return subprocess.run(
        [MPIRUN, *oversubscribe, "-n", "2", sys.executable, job, *map(str, arguments)],
        env={**os.environ, **allowed, "PYTHONPATH": path},
        capture_output=True,
        text=True,
        timeout=300,
    )


@needs_mpi
def test_two_processes_train_as_one(tmp_path):
    result = mpirun("training_goes_well", tmp_path)
    assert result.returncode == 0, result.stdout + result.stderr
    for number in (0, 1):
        files = json.loads((tmp_path / f"well{number}.json").read_text())
        assert {"0.keras", "0.h5.keras"} <= set(files) and not {"1.keras", "1.h5.keras"} & set(files)


@needs_mpi
@pytest.mark.parametrize("when", ["dies", "dies_between_buckets"])
@pytest.mark.parametrize(
    "how, message",
    [
        ("raises", "OSError: the disk is gone"),
        ("exits", "waits for one that has ended"),
        ("is killed", "signal 9"),
        ("is interrupted", "failed with KeyboardInterrupt"),
    ],
)
def test_a_process_that_dies_ends_all(when, how, message):
    result = mpirun(when, how)
    assert result.returncode != 0
    assert message in result.stdout + result.stderr
