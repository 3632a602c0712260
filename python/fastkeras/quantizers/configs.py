"""What a quantization is told: how weights and inputs become numbers of few bits."""

from fastkeras import registry
from fastkeras.dtype_policies import MODES, Int4DTypePolicy
from fastkeras.quantizers.quantizer import AbsMaxQuantizer

_register = registry.register("keras.quantizers")


@_register
class QuantizationConfig:
    """The base of configs; `mode` says which quantization a config is for.

    Args:
        weight_quantizer: of weights; None is the layer's own.
        activation_quantizer: of inputs; None leaves them floats.
    """

    def __init__(self, weight_quantizer=None, activation_quantizer=None):
        self.weight_quantizer = weight_quantizer
        self.activation_quantizer = activation_quantizer

    @property
    def mode(self):
        raise NotImplementedError(
            "Subclasses must implement this property. Do not instantiate QuantizationConfig directly."
        )

    def get_config(self):
        """The arguments that make this config again."""
        return {
            "weight_quantizer": registry.serialize_keras_object(self.weight_quantizer),
            "activation_quantizer": registry.serialize_keras_object(self.activation_quantizer),
        }

    @classmethod
    def from_config(cls, config):
        """The config that `get_config` describes."""
        return cls(**{name: registry.deserialize_keras_object(value) for name, value in config.items()})

    @staticmethod
    def weight_quantizer_or_default(config, default):
        """The quantizer that `config` has for weights, `default` where there is none."""
        return default if config is None or config.weight_quantizer is None else config.weight_quantizer

    @staticmethod
    def activation_quantizer_or_default(config, default):
        """The quantizer that `config` has for inputs, `default` where there is no config."""
        return default if config is None else config.activation_quantizer

    def _check_weight_quantizer(self, name, expected):
        value = getattr(self.weight_quantizer, name, expected)
        if self.weight_quantizer is not None and value != expected:
            raise ValueError(
                f"{type(self).__name__} requires a weight_quantizer with {name}={expected!r}. Received: {name}={value}"
            )


@_register
class Int8QuantizationConfig(QuantizationConfig):
    """Weights and inputs of 8 bits.

    Args:
        weight_quantizer: of weights; None is an `AbsMaxQuantizer` per column.
        activation_quantizer: of inputs; "default" is an `AbsMaxQuantizer` per row, None leaves them floats.

    Raises:
        ValueError: when weights would not be int8.

    >>> import fastkeras as keras
    >>> layer = keras.layers.Dense(2)
    >>> layer.build((None, 4))
    >>> layer.quantize(config=keras.quantizers.Int8QuantizationConfig(activation_quantizer=None))
    >>> layer.quantization_mode, layer.kernel.dtype
    ('int8', 'int8')
    """

    def __init__(self, weight_quantizer=None, activation_quantizer="default"):
        if activation_quantizer == "default":
            activation_quantizer = AbsMaxQuantizer()
        super().__init__(weight_quantizer, activation_quantizer)
        self._check_weight_quantizer("output_dtype", "int8")

    mode = property(lambda self: "int8")


@_register
class Int4QuantizationConfig(QuantizationConfig):
    """Weights of 4 bits.

    Args:
        weight_quantizer: of weights; None is the layer's own.
        activation_quantizer: of inputs; "default" and None leave them floats.
        block_size: rows of a column that share a scale and a zero point; None or -1 is one scale per column.

    Raises:
        ValueError: for another block size, for quantizers beside one, and for weights that are not in [-8, 7].
    """

    def __init__(self, weight_quantizer=None, activation_quantizer="default", block_size=128):
        super().__init__(weight_quantizer, None if activation_quantizer == "default" else activation_quantizer)
        if block_size is not None and block_size != -1 and block_size <= 0:
            raise ValueError(f"block_size must be None, -1, or a positive integer. Received: block_size={block_size}")
        self.block_size = block_size
        grouped = block_size is not None and block_size > 0
        if grouped and (self.weight_quantizer is not None or self.activation_quantizer is not None):
            raise ValueError(
                "Int4 sub-channel quantization (block_size > 0) does not support custom quantizers. Either set "
                "block_size to None or -1 for per-channel quantization, or remove the custom quantizer arguments. "
                f"Received: block_size={block_size}"
            )
        self._check_weight_quantizer("value_range", (-8, 7))
        self._check_weight_quantizer("output_dtype", "int8")

    mode = property(lambda self: "int4")

    def get_config(self):
        return {**super().get_config(), "block_size": self.block_size}

    @classmethod
    def from_config(cls, config):
        return super().from_config({"block_size": None, **config})  # older files had one scale per column


@_register
class Float8QuantizationConfig(QuantizationConfig):
    """Training in scaled float8. No layer here computes so: `quantize` says so."""

    def __init__(self):
        super().__init__()

    mode = property(lambda self: "float8")

    def get_config(self):
        return {}


_OF_MODE = {"int8": Int8QuantizationConfig, "int4": Int4QuantizationConfig}


def config_of(mode, config):
    """The config that `quantize(mode, config)` means.

    Raises:
        ValueError: when there is none, or when mode and config say different things.
    """
    if isinstance(config, str):
        mode, config = config, None
    if mode is not None and mode not in MODES:
        raise ValueError(f"Invalid quantization mode. Expected one of {MODES}. Received: mode={mode}")
    if config is None:
        if mode is None:
            raise ValueError("You must provide either `mode` or `config` to `quantize`.")
        _check_supported(mode)
        return _OF_MODE[mode]()
    if not isinstance(config, QuantizationConfig):
        raise ValueError(
            "Argument `config` must be an instance of `QuantizationConfig`. "
            f"Received: config={config} (of type {type(config)})"
        )
    if mode is not None and config.mode != mode:
        raise ValueError(f"Contradictory arguments: mode='{mode}' but config.mode='{config.mode}'")
    if config.mode not in MODES:
        raise ValueError(f"Invalid quantization mode. Expected one of {MODES}. Received: mode={config.mode}")
    _check_supported(config.mode)
    return config


def _check_supported(mode):
    if mode not in _OF_MODE:
        raise ValueError(f"[quantize] only {' and '.join(_OF_MODE)} are supported. Received: mode={mode}")


def block_size_of(policy, config):
    """How many rows share a scale in int4: as the config says, else as the layer's policy; None: all of a column."""
    source = config if isinstance(config, Int4QuantizationConfig) else policy
    size = getattr(source, "block_size", None) if isinstance(source, Int4QuantizationConfig | Int4DTypePolicy) else None
    return None if size == -1 else size
