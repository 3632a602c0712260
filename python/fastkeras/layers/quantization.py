"""How a layer is told to turn its weights into numbers of few bits."""

import functools

from fastkeras.quantizers.configs import config_of


def prepared(quantize):
    """Wraps a `quantize` method: finds the config, checks the layer, and lets a built one make variables."""

    @functools.wraps(quantize)
    def wrapper(self, mode=None, config=None, **kwargs):
        config = config_of(mode, config)
        self._check_can_be_quantized(config.mode)
        with self._tracker.unlocked():
            quantize(self, mode=config.mode, config=config, **kwargs)

    return wrapper


class LayerQuantization:
    """The part of Layer that quantizes.

    A layer of yours writes `quantize(mode, type_check, config)`, `quantized_build(input_shape, mode)` and
    `_int8_call`, which takes the place of `call` once the layer's policy is quantized.
    """

    _is_quantized = False

    def __init_subclass__(cls, **kwargs):
        super().__init_subclass__(**kwargs)
        if "quantize" in vars(cls):
            cls.quantize = prepared(cls.quantize)

    def _check_can_be_quantized(self, mode):
        if not self.built:
            raise ValueError(
                f"Cannot quantize a layer that isn't yet built. Layer '{self.name}' (of type "
                f"'{self.__class__.__name__}') is not built yet."
            )
        if self._is_quantized:
            raise ValueError(
                f"Layer '{self.name}' is already quantized with dtype_policy='{self.dtype_policy.name}'. "
                f"Received: mode={mode}"
            )
        if mode == "int8" and self.compute_dtype == "float16":
            raise ValueError(
                f"Quantization mode='{mode}' doesn't work well with compute_dtype='float16'. Consider loading "
                "model/layer with another dtype policy such as 'mixed_bfloat16' or 'mixed_float16' before calling "
                "`quantize()`."
            )

    @prepared
    def quantize(self, mode=None, type_check=True, config=None):
        """Replaces the layer's weights by numbers of few bits.

        Args:
            mode: "int8" or "int4"; may be left out beside a `config`.
            config: a `QuantizationConfig`; that of the mode by default.
            type_check: refuse subclasses of the library's layers?

        Raises:
            NotImplementedError: by layers that have no such weights.
            ValueError: before the layer is built, a second time, and for a mode that is not supported.
        """
        raise self._not_implemented_error("quantize")

    def quantized_build(self, input_shape, mode):
        raise self._not_implemented_error("quantized_build")

    def quantized_call(self, *args, **kwargs):
        """What a layer with a quantized policy does in place of `call`."""
        return getattr(self, f"_{self.quantization_mode}_call")(*args, **kwargs)

    def _keep_policies_inside(self):
        """For layers whose layers are made again from their own policy: notes which of these were quantized."""

    def _int8_call(self, *args, **kwargs):
        raise self._not_implemented_error("_int8_call")

    def _int4_call(self, *args, **kwargs):
        raise self._not_implemented_error("_int4_call")

    def _float8_call(self, *args, **kwargs):
        raise self._not_implemented_error("_float8_call")
