"""Quantizers: floats to numbers of few bits, and the configs of `quantize`."""

from fastkeras import registry
from fastkeras.quantizers.configs import Float8QuantizationConfig as Float8QuantizationConfig
from fastkeras.quantizers.configs import Int4QuantizationConfig as Int4QuantizationConfig
from fastkeras.quantizers.configs import Int8QuantizationConfig as Int8QuantizationConfig
from fastkeras.quantizers.configs import QuantizationConfig as QuantizationConfig
from fastkeras.quantizers.floats import compute_float8_amax_history as compute_float8_amax_history
from fastkeras.quantizers.floats import compute_float8_scale as compute_float8_scale
from fastkeras.quantizers.floats import fake_quant_with_min_max_vars as fake_quant_with_min_max_vars
from fastkeras.quantizers.floats import quantize_and_dequantize as quantize_and_dequantize
from fastkeras.quantizers.int4 import pack_int4 as pack_int4
from fastkeras.quantizers.int4 import unpack_int4 as unpack_int4
from fastkeras.quantizers.quantizer import AbsMaxQuantizer as AbsMaxQuantizer
from fastkeras.quantizers.quantizer import Quantizer as Quantizer
from fastkeras.quantizers.quantizer import abs_max_quantize as abs_max_quantize
from fastkeras.quantizers.quantizer import (
    abs_max_quantize_grouped_with_zero_point as abs_max_quantize_grouped_with_zero_point,
)
from fastkeras.registry.table import names_in


def get(identifier, **kwargs):
    """The quantizer for a name, a config or a quantizer; None is None.

    >>> import fastkeras as keras
    >>> keras.quantizers.get("abs_max_quantizer", axis=0).axis
    (0,)
    """
    if identifier is None:
        return None
    found = identifier
    if isinstance(identifier, dict):
        found = deserialize(identifier)
    elif isinstance(identifier, str):
        found = names_in("keras.quantizers").get(identifier)
    if not callable(found):
        raise ValueError(f"Could not interpret quantizer identifier: {identifier}")
    return found(**kwargs) if isinstance(found, type) else found


def serialize(initializer):
    """The config of a quantizer."""
    return registry.serialize_keras_object(initializer)


def deserialize(config, custom_objects=None):
    """The quantizer that a config describes."""
    return registry.deserialize("keras.quantizers", config, custom_objects)
