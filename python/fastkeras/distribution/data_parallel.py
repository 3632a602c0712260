"""DataParallel: every process holds the model and sees its part of every batch."""

import contextlib
import warnings

from fastkeras.distribution.devices import launched, list_devices
from fastkeras.distribution.mesh import DeviceMesh, TensorLayout
from fastkeras.distribution.state import distribution, set_distribution


class DataParallel:
    """Trains one model by all the processes of `mpirun -n N python train.py`; takes effect by `set_distribution`.

    `fit` starts from the weights of process 0. Of every N * batch_size rows each process takes its N-th; the gradients
    are averaged over all rows before each update, so N processes with batches of B make the steps of one process with
    batches of N * B. More than 4 MB of them are summed in buckets, while others are still made. Metrics are those of
    all rows at the end of an epoch and of `evaluate`, and those of the own rows in between. Callbacks run, and files
    are written, in process 0 only; what a callback there changes (weights, learning rate, `stop_training`) reaches the
    others, `stop_training` within an epoch one batch later. `predict` answers in full everywhere, and the `_on_batch`
    methods take each process's own rows. A process that ends with an error ends all.

    Args:
        device_mesh: `DeviceMesh` of one axis, one device per process.
        devices: list of such devices; by default `list_devices()`.
        auto_shard_dataset: False when the data given to each process is its own part already.

    Raises:
        ValueError: when there are more or fewer devices than processes.
        ImportError: under mpirun, without mpi4py.

    >>> import fastkeras as keras
    >>> with keras.distribution.DataParallel().scope():
    ...     keras.distribution.distribution().num_model_replicas
    1
    """

    def __init__(self, device_mesh=None, devices=None, auto_shard_dataset=True):
        if device_mesh is not None:
            if not isinstance(device_mesh, DeviceMesh):
                raise ValueError(
                    "Expect `mesh` to be an instance of `DeviceMesh`. "
                    f"Received: mesh={device_mesh} (of type {type(device_mesh)})"
                )
            if device_mesh.devices.ndim != 1:
                warnings.warn(
                    f"Expect the input mesh to be 1D, but received mesh.devices.ndim={device_mesh.devices.ndim}. "
                    "The first axis will be used for data-parallel sharding.",
                    stacklevel=2,
                )
        else:
            devices = list(devices or list_devices())
            device_mesh = DeviceMesh((len(devices),), ["batch"], devices)
        self.device_mesh, self.batch_dim_name = device_mesh, device_mesh.axis_names[0]
        self.auto_shard_dataset = auto_shard_dataset
        self.team = None
        if launched() > 1:
            from fastkeras.distribution.team import world

            self.team = world()
        if self.num_model_replicas != self.num_processes:
            raise ValueError(
                "[DataParallel] needs one device per process. "
                f"Received: {self.num_model_replicas} devices for {self.num_processes} processes"
            )

    @property
    def num_processes(self):
        return 1 if self.team is None else self.team.size

    @property
    def num_model_replicas(self):
        return self.device_mesh.devices.size

    @property
    def data_shard_id(self):
        """The number of this process."""
        return 0 if self.team is None else self.team.rank

    def get_data_layout(self, data_shape):
        """Data is split along its first axis."""
        return TensorLayout([self.batch_dim_name, *[None] * (len(data_shape) - 1)], self.device_mesh)

    def get_variable_layout(self, variable):
        """Variables are whole in every process."""
        return TensorLayout([None] * len(variable.shape), self.device_mesh)

    def get_tensor_layout(self, path):
        """None: what is computed in between stays as it is."""
        return None

    @contextlib.contextmanager
    def scope(self):
        """Sets this distribution for the time of a `with` block."""
        before = distribution()
        set_distribution(self)
        try:
            yield
        finally:
            set_distribution(before)

    def distribute_dataset(self, dataset):
        """The dataset itself for one process or without `auto_shard_dataset`; `fit` shards arrays and datasets.

        Raises:
            ValueError: for anything else.
        """
        if self.team is None or not self.auto_shard_dataset:
            return dataset
        raise ValueError(
            f"The dataset type {type(dataset)} is not supported for auto-sharding in multi-process setting."
        )

    def __repr__(self):
        return f"<DataParallel device_mesh={self.device_mesh}>"
