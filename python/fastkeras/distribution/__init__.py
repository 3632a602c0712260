"""keras.distribution: training by several processes that MPI started, `mpirun -n 2 python train.py`.

Each process is one device, "cpu:0", "cpu:1", ...; under `DataParallel` each sees its part of every batch.
`ModelParallel` and what belongs to it (`LayoutMap`, `distribute_tensor`) do not exist here.
"""

from fastkeras.lazy import lazy

__getattr__, __dir__, __all__ = lazy(
    __name__,
    {
        "DataParallel": ".data_parallel",
        "DeviceMesh": ".mesh",
        "TensorLayout": ".mesh",
        "distribution": ".state",
        "get_device_count": ".devices",
        "initialize": ".devices",
        "list_devices": ".devices",
        "set_distribution": ".state",
    },
)
