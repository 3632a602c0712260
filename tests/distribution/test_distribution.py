"""keras.distribution in one process."""

import numpy as np
import pytest
from helpers import run_python

import fastkeras as keras
from fastkeras.distribution import DataParallel, DeviceMesh, TensorLayout


def test_one_process_is_one_device():
    assert keras.distribution.list_devices() == keras.distribution.list_devices("CPU") == ["cpu:0"]
    assert keras.distribution.list_devices("tpu") == [] and keras.distribution.get_device_count() == 1
    with pytest.raises(ValueError, match="abacus"):
        keras.distribution.list_devices("abacus")


def test_set_distribution():
    parallel = DataParallel()
    keras.distribution.set_distribution(parallel)
    assert keras.distribution.distribution() is parallel
    with DataParallel(devices=["cpu:0"]).scope():
        assert keras.distribution.distribution() is not parallel
    assert keras.distribution.distribution() is parallel
    keras.distribution.set_distribution(None)
    assert keras.distribution.distribution() is None
    with pytest.raises(ValueError, match="DataParallel"):
        keras.distribution.set_distribution("data")


def test_data_parallel_describes_itself():
    parallel = DataParallel(DeviceMesh((1,), ["rows"], ["cpu:0"]))
    assert (parallel.num_processes, parallel.num_model_replicas, parallel.data_shard_id) == (1, 1, 0)
    assert parallel.batch_dim_name == "rows" and parallel.auto_shard_dataset
    assert parallel.get_data_layout((8, 2, 2)).axes == ("rows", None, None)
    assert parallel.get_variable_layout(keras.Variable(np.ones((2, 3)))).axes == (None, None)
    assert parallel.get_tensor_layout("dense/output") is None
    data = object()
    assert parallel.distribute_dataset(data) is data
    with pytest.raises(ValueError, match="DeviceMesh"):
        DataParallel("mesh")
    with pytest.raises(ValueError, match="2 devices for 1 processes"):
        DataParallel(devices=["cpu:0", "cpu:1"])
    with pytest.warns(UserWarning, match="1D"):
        DataParallel(DeviceMesh((1, 1), ["a", "b"], ["cpu:0"]))


def test_mesh_and_layout_check_their_axes():
    for arguments, message in (
        (((), []), "empty"),
        (((1, 1), ["a"]), "same size"),
        (((2,), ["a"], ["cpu:0"]), "number of devices"),
    ):
        with pytest.raises(ValueError, match=message):
            DeviceMesh(*arguments)
    mesh = DeviceMesh((1,), ["a"])
    layout = TensorLayout(("a", None))
    layout.device_mesh = mesh
    assert "'a'" in repr(layout)
    with pytest.raises(ValueError, match="override"):
        layout.device_mesh = mesh
    with pytest.raises(ValueError, match="Invalid axis names"):
        TensorLayout(("b",), mesh)


def test_initialize_confirms(monkeypatch):
    keras.distribution.initialize(num_processes=1, process_id=0)
    with pytest.raises(ValueError, match="num_processes=2"):
        keras.distribution.initialize(num_processes=2)
    monkeypatch.setenv("KERAS_DISTRIBUTION_PROCESS_ID", "1")
    with pytest.raises(ValueError, match="process_id=1"):
        keras.distribution.initialize()
    with pytest.raises(NotImplementedError, match="job_addresses=10.0.0.1:1"):
        keras.distribution.initialize("10.0.0.1:1")


def test_what_is_missing_says_so_by_name():
    with pytest.raises(AttributeError, match="ModelParallel"):
        keras.distribution.ModelParallel  # noqa: B018


def test_without_mpi4py_mpirun_is_an_error():
    code = (
        "import os, sys; sys.modules['mpi4py'] = None; os.environ['OMPI_COMM_WORLD_SIZE'] = '2'\n"
        "import fastkeras; fastkeras.distribution.DataParallel()"
    )
    result = run_python(code)
    assert "ImportError" in result.stderr and "fastkeras[mpi]" in result.stderr
