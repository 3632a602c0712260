"""Policies of layers whose weights are quantized."""

from fastkeras.dtype_policies.policy import DTypePolicy, dtype_policy
from fastkeras.registry import register

MODES = ("int8", "float8", "int4", "gptq", "awq")


@register("keras.dtype_policies")
class QuantizedDTypePolicy(DTypePolicy):
    """Weights of few bits, with the dtypes of another policy for all else; its name is `"<mode>_from_<source>"`.

    Args:
        mode: "int8", "int4" or "float8".
        source_name: the name of a `DTypePolicy`; the global policy's by default.

    Raises:
        ValueError: for another mode, and for "int8" with computations in float16.

    >>> import fastkeras as keras
    >>> policy = keras.dtype_policies.get("int8_from_mixed_bfloat16")
    >>> policy.quantization_mode, policy.compute_dtype, policy.variable_dtype
    ('int8', 'bfloat16', 'float32')
    """

    def __init__(self, mode, source_name=None):
        if source_name is None:
            source_name = dtype_policy().name
        self._take_dtypes(source_name)
        if mode not in MODES:
            raise ValueError(f"Invalid quantization mode. Expected one of {MODES}. Received: mode={mode}")
        if mode == "int8" and self.compute_dtype == "float16":
            raise ValueError(f"Quantization mode='{mode}' doesn't work well with compute_dtype='float16'.")
        self._name = f"{mode}_from_{source_name}"
        self._source_name = source_name
        self._quantization_mode = mode

    def get_config(self):
        return {"mode": self._quantization_mode, "source_name": self._source_name}


@register("keras.dtype_policies")
class QuantizedFloat8DTypePolicy(QuantizedDTypePolicy):
    """The policy of scaled float8: products whose operands are rounded to float8.

    Args:
        mode: "float8".
        source_name: the name of a `DTypePolicy`; the global policy's by default.
        amax_history_length: of how many steps the largest values are kept.

    No layer here computes in float8; those with such a policy say so when they are built.

    Raises:
        TypeError: when `amax_history_length` is no int.
    """

    default_amax_history_length = 1024

    def __init__(self, mode, source_name=None, amax_history_length=1024):
        super().__init__(mode, source_name)
        if not isinstance(amax_history_length, int):
            raise TypeError(
                f"`amax_history_length` must be an integer. Received: amax_history_length={amax_history_length}"
            )
        self._amax_history_length = amax_history_length

    amax_history_length = property(lambda self: self._amax_history_length)

    def __eq__(self, other):
        return super().__eq__(other) and self.amax_history_length == other.amax_history_length

    __hash__ = DTypePolicy.__hash__

    def get_config(self):
        return {**super().get_config(), "amax_history_length": self.amax_history_length}


@register("keras.dtype_policies")
class Int4DTypePolicy(QuantizedDTypePolicy):
    """Weights of 4 bits with a scale per group of rows.

    Args:
        mode: "int4/<block size>": the rows of a group; "int4/-1" is one scale per column.
        source_name: the name of a `DTypePolicy`; the global policy's by default.

    Raises:
        ValueError: for another mode.

    >>> import fastkeras as keras
    >>> keras.dtype_policies.get("int4/128_from_float32").block_size
    128
    """

    def __init__(self, mode, source_name=None):
        form = "Expected format 'int4/<block_size>'"
        base, slash, size = mode.partition("/")
        if base != "int4" or not slash or "/" in size:
            raise ValueError(f"Invalid mode for Int4DTypePolicy. {form}, but got '{mode}'.")
        try:
            block_size = int(size)
        except ValueError:
            raise ValueError(
                f"Invalid mode for Int4DTypePolicy. <block_size> must be an integer. {form}, but got '{mode}'."
            ) from None
        if block_size < -1 or block_size == 0:
            raise ValueError(
                "Invalid block_size in mode. Supported values are -1 (per-channel) or a positive integer "
                f"(sub-channel), but got {block_size} from '{mode}'."
            )
        super().__init__(base, source_name)
        self._name = f"{mode}_from_{self._source_name}"
        self.mode = base
        self.block_size = block_size

    def get_config(self):
        return {**super().get_config(), "mode": f"{self.mode}/{self.block_size}"}


def quantized_policy(name):
    """The policy called `name`, which begins with one of MODES."""
    parts = name.split("_from_")
    if len(parts) != 2:
        raise ValueError(
            "Cannot convert `policy` into a valid pair (`mode`, `source_name`) to instantiate "
            f"`QuantizedDTypePolicy`. Received: policy={name}"
        )
    if name.startswith(("gptq", "awq")):
        raise ValueError(f"[dtype_policy] weights of GPTQ and AWQ are not supported. Received: policy={name}")
    if name.startswith("float8"):
        return QuantizedFloat8DTypePolicy(*parts)
    return (Int4DTypePolicy if name.startswith("int4/") else QuantizedDTypePolicy)(*parts)
