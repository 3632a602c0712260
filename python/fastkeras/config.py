"""keras.config: the settings of the process, and fastkeras's own (threads, instruction set)."""

from fastkeras.engine.config import (
    available_isas,
    epsilon,
    floatx,
    image_data_format,
    isa,
    keras_home,
    max_epochs,
    max_steps_per_epoch,
    num_threads,
    set_epsilon,
    set_floatx,
    set_image_data_format,
    set_isa,
    set_max_epochs,
    set_max_steps_per_epoch,
    set_num_threads,
)
from fastkeras.engine.precision import (
    describe_kernels,
    float32_matmul_precision,
    float32_matmul_precision_scope,
    set_float32_matmul_precision,
)

__all__ = [
    "available_isas",
    "backend",
    "describe_kernels",
    "disable_flash_attention",
    "disable_interactive_logging",
    "disable_traceback_filtering",
    "dtype_policy",
    "enable_flash_attention",
    "enable_interactive_logging",
    "enable_traceback_filtering",
    "enable_unsafe_deserialization",
    "epsilon",
    "float32_matmul_precision",
    "float32_matmul_precision_scope",
    "floatx",
    "image_data_format",
    "is_flash_attention_enabled",
    "is_interactive_logging_enabled",
    "is_nnx_enabled",
    "is_traceback_filtering_enabled",
    "isa",
    "keras_home",
    "keras_version",
    "max_epochs",
    "max_steps_per_epoch",
    "num_threads",
    "set_dtype_policy",
    "set_epsilon",
    "set_float32_matmul_precision",
    "set_floatx",
    "set_image_data_format",
    "set_isa",
    "set_max_epochs",
    "set_max_steps_per_epoch",
    "set_num_threads",
]

_KERAS_VERSION = "3.15.1"
_interactive_logging = True


def keras_version():
    """The version of the Keras API that fastkeras offers; files are stamped with it."""
    return _KERAS_VERSION


def backend():
    """The name of the engine behind the API: always `"fastkeras"`."""
    return "fastkeras"


def dtype_policy():
    """The default `DTypePolicy` of new layers."""
    from fastkeras import dtype_policies

    return dtype_policies.dtype_policy()


def set_dtype_policy(policy):
    """Set the default dtype policy of new layers: a name such as `"float32"`, or a `DTypePolicy`."""
    from fastkeras import dtype_policies

    dtype_policies.set_dtype_policy(policy)


def enable_interactive_logging():
    """Print progress to stdout (the default)."""
    global _interactive_logging
    _interactive_logging = True


def disable_interactive_logging():
    """Send progress to the logger `fastkeras` instead of stdout."""
    global _interactive_logging
    _interactive_logging = False


def is_interactive_logging_enabled():
    """Is progress printed to stdout?"""
    return _interactive_logging


def enable_traceback_filtering():
    """Hide fastkeras's own frames in tracebacks: there are few, so this is not offered."""
    raise NotImplementedError("[config] fastkeras shows whole tracebacks; they cannot be filtered.")


def disable_traceback_filtering():
    """Show whole tracebacks: what fastkeras always does."""


def is_traceback_filtering_enabled():
    """Are fastkeras's own frames hidden in tracebacks? Never."""
    return False


def enable_flash_attention():
    """Compute attention as on a GPU: not offered, `ops.dot_product_attention` has one way for CPUs."""
    raise NotImplementedError("[enable_flash_attention] there is no flash attention on the CPU.")


def disable_flash_attention():
    """Compute attention as always: what fastkeras does anyway."""


def is_flash_attention_enabled():
    """Is attention computed as on a GPU? Never."""
    return False


def is_nnx_enabled():
    """Are layers modules of Flax? Never."""
    return False


def enable_unsafe_deserialization():
    """Let every load in this process build Python lambdas from files: only for files you trust."""
    from fastkeras import registry

    registry.enable_unsafe_deserialization()
