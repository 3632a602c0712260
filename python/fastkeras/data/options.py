"""Options of datasets: those of TensorFlow, which say how its runtime should work."""

import enum


class AutoShardPolicy(enum.IntEnum):
    """How TensorFlow parts a dataset among workers."""

    OFF = -1
    AUTO = 0
    FILE = 1
    DATA = 2
    HINT = 3


class _Settings:
    """Attributes of which some are known and may be set, and all are None at first."""

    _known = ()

    def __getattr__(self, name):
        if name not in self._known:
            raise AttributeError(f"{type(self).__name__!r} object has no attribute {name!r}")
        return None

    def __setattr__(self, name, value):
        if name not in self._known:
            raise AttributeError(f"Cannot set the property {name} on {type(self).__name__}.")
        super().__setattr__(name, value)


class AutotuneOptions(_Settings):
    _known = ("autotune_algorithm", "cpu_budget", "enabled", "initial_parallelism", "min_parallelism", "ram_budget")


class DistributeOptions(_Settings):
    _known = ("auto_shard_policy", "num_devices")


class OptimizationOptions(_Settings):
    _known = tuple(
        """apply_default_optimizations filter_fusion filter_parallelization inject_prefetch map_and_batch_fusion
        map_and_filter_fusion map_fusion map_parallelization noop_elimination parallel_batch seq_interleave_prefetch
        shuffle_and_repeat_fusion""".split()
    )


class ThreadingOptions(_Settings):
    _known = ("max_intra_op_parallelism", "private_threadpool_size")


class Options(_Settings):
    """What can be said to TensorFlow about a dataset; on one CPU none of it changes the elements.

    >>> import fastkeras as keras
    >>> options = keras.data.Options()
    >>> options.deterministic = False
    >>> keras.data.Dataset.range(3).with_options(options).options().deterministic
    False
    """

    _groups = {
        "autotune": AutotuneOptions,
        "experimental_distribute": DistributeOptions,
        "experimental_optimization": OptimizationOptions,
        "experimental_threading": ThreadingOptions,
        "threading": ThreadingOptions,
    }
    _known = (
        *_groups, "dataset_name", "deterministic", "experimental_deterministic", "experimental_slack",
        "experimental_symbolic_checkpoint", "experimental_warm_start", "framework_type",
    )  # fmt: skip

    def __init__(self):
        vars(self).update({name: group() for name, group in self._groups.items()})

    def merge(self, options):
        """New Options: these, but for what `options` sets."""
        merged = Options()
        for source in (self, options):
            for name, value in vars(source).items():
                if name in self._groups:
                    vars(vars(merged)[name]).update(vars(value))
                else:
                    setattr(merged, name, value)
        return merged
