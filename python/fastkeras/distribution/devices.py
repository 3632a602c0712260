"""Which processes there are."""

import contextlib
import os

_SIZES = ("OMPI_COMM_WORLD_SIZE", "PMI_SIZE", "MPI_LOCALNRANKS")  # set by OpenMPI's and MPICH's mpirun


def launched():
    """How many processes mpirun says it started; 1 without mpirun."""
    return max((int(os.environ[name]) for name in _SIZES if name in os.environ), default=1)


def list_devices(device_type=None):
    """The devices of all processes: one "cpu" per process, none of another type.

    Raises:
        ValueError: for a type other than "cpu", "gpu", "tpu".
        ImportError: under mpirun, without mpi4py.

    >>> import fastkeras as keras
    >>> keras.distribution.list_devices()
    ['cpu:0']
    """
    if device_type is not None and str(device_type).lower() not in ("cpu", "gpu", "tpu"):
        raise ValueError(f"[list_devices] device_type must be cpu, gpu or tpu. Received: device_type={device_type}")
    if device_type is not None and device_type.lower() != "cpu":
        return []
    return [f"cpu:{i}" for i in range(_size())]


def get_device_count(device_type=None):
    """The number of devices that `list_devices` lists."""
    return len(list_devices(device_type))


def device(device_name):
    """A context in which tensors are made on a device: the CPU, where they always are.

    Args:
        device_name: "cpu" or "cpu:0", in any case.

    Raises:
        ValueError: for other devices.

    >>> import fastkeras as keras
    >>> with keras.device("cpu:0"):
    ...     keras.ops.ones(2).shape
    (2,)
    """
    if not isinstance(device_name, str) or device_name.lower() not in ("cpu", "cpu:0"):
        raise ValueError(
            "Invalid value for argument `device_name`. Expected 'cpu' or 'cpu:0': there is no other device. "
            f"Received: device_name={device_name!r}"
        )
    return contextlib.nullcontext()


def initialize(job_addresses=None, num_processes=None, process_id=None):
    """Joins the processes that mpirun started; `DataParallel()` does it by itself.

    mpirun knows who they are, so the arguments, or `KERAS_DISTRIBUTION_NUM_PROCESSES` and
    `KERAS_DISTRIBUTION_PROCESS_ID`, can only confirm it.

    Raises:
        NotImplementedError: for `job_addresses`: processes are started by mpirun and not joined by address.
        ValueError: for another number of processes, or another id, than mpirun gave.
    """
    job_addresses = job_addresses or os.environ.get("KERAS_DISTRIBUTION_JOB_ADDRESSES")
    if job_addresses is not None:
        raise NotImplementedError(
            "[initialize] processes are started by mpirun, not joined by address. "
            f"Received: job_addresses={job_addresses}"
        )
    rank, size = 0, 1
    if launched() > 1:
        from fastkeras.distribution.team import world

        rank, size = world().rank, world().size
    for name, given, actual in (("num_processes", num_processes, size), ("process_id", process_id, rank)):
        given = os.environ.get(f"KERAS_DISTRIBUTION_{name.upper()}") if given is None else given
        if given is not None and int(given) != actual:
            raise ValueError(f"[initialize] mpirun started this process with {name}={actual}. Received: {name}={given}")


def _size():
    if launched() == 1:
        return 1
    from fastkeras.distribution.team import world

    return world().size
