"""Low-rank adaptation: a large weight stays as it is, and two small ones learn what to add to it."""

import numbers

from fastkeras import initializers, ops


class LoRA:
    """The part of layers with a weight W that becomes W + lora_alpha / lora_rank · A B, where A and B are trained.

    A layer says in `_role` what the weight is called, ends its `build` with `_build_lora`, and in its `call` uses
    `_whole()`, or W and then `_adapted(outputs, inputs)`, which asks `_change_of(inputs, a, b)` what A B makes of the
    inputs. A layer that quantizes W has `_<mode>_values` and `_<mode>_floats` as well (`quantized.py`).
    """

    lora_enabled = False
    _role = "kernel"

    def __init__(self, lora_rank=None, lora_alpha=None, **kwargs):
        super().__init__(**kwargs)
        self.lora_rank = lora_rank
        self.lora_alpha = lora_rank if lora_alpha is None else lora_alpha

    def enable_lora(self, rank, lora_alpha=None, a_initializer="he_uniform", b_initializer="zeros"):
        """Freezes the weight W and trains two small ones instead: W + lora_alpha / rank · A B (Hu et al., 2021).

        A `(..., rank)` and B `(rank, n)` are float32, for W `(..., n)`, and have W's regularizer. Files hold the sum
        in place of W. What is loaded becomes W, and A and B become 0, as in Keras: so are their gradients then, until
        A gets other values. A model that was trained before is to be compiled again: its optimizer was built with
        other variables.

        Args:
            rank: positive int, how many columns A has.
            lora_alpha: scales A B; `rank` by default, which leaves A B as it is.
            a_initializer, b_initializer: first values of A and B.

        Raises:
            ValueError: for a layer that is not built, that has a constraint of W, or that has A and B already.

        >>> import fastkeras as keras
        >>> layer = keras.layers.Dense(6)
        >>> layer.build((None, 8))
        >>> layer.enable_lora(2)
        >>> [w.name for w in layer.trainable_weights]
        ['bias', 'lora_kernel_a', 'lora_kernel_b']
        >>> layer.lora_kernel_a.shape, layer.lora_kernel_b.shape
        ((8, 2), (2, 6))
        """
        self._check_lora(rank)
        role, shape = self._role, tuple(self._base().shape)
        settings = {"dtype": "float32", "regularizer": getattr(self, f"{role}_regularizer")}
        a_initializer, b_initializer = initializers.get(a_initializer), initializers.get(b_initializer)
        with self._tracker.unlocked():
            for name, size, initializer in (
                (f"lora_{role}_a", (*shape[:-1], rank), a_initializer),
                (f"lora_{role}_b", (rank, shape[-1]), b_initializer),
            ):
                setattr(self, name, self.add_weight(name=name, shape=size, initializer=initializer, **settings))
        getattr(self, f"_{role}").trainable = False
        self.lora_rank = int(rank)
        self.lora_alpha = self.lora_rank if lora_alpha is None else lora_alpha
        self.lora_enabled = True

    def _check_lora(self, rank):
        if getattr(self, f"{self._role}_constraint"):
            raise ValueError(
                f"Lora is incompatible with {self._role.removesuffix('s')} constraints. In order to enable lora on "
                f"this layer, remove the `{self._role}_constraint` argument."
            )
        if not self.built:
            raise ValueError("Cannot enable lora on a layer that isn't yet built.")
        if self.lora_enabled:
            raise ValueError("lora is already enabled. This can only be done once per layer.")
        if not isinstance(rank, numbers.Integral) or rank <= 0:
            raise ValueError(f"[enable_lora] rank must be a positive integer. Received: rank={rank}")

    def _build_lora(self, lora_alpha=None):
        """The end of `build`: what the constructor was told."""
        if self.lora_rank:
            self.built = True
            self.enable_lora(self.lora_rank, lora_alpha)

    # --- values -----------------------------------------------------------------------------------------------------

    @property
    def _factors(self):
        """A and B, where there are any."""
        return [getattr(self, f"lora_{self._role}_{x}") for x in "ab"] if self.lora_enabled else []

    def _base(self):
        """W without what is added to it: a variable, or numbers that were unpacked."""
        return getattr(self, f"_{self._role}")

    def _scaled(self, change):
        return (self.lora_alpha / self.lora_rank) * change

    def _plus_change(self, weight):
        return ops.add(weight, self._scaled(ops.matmul(*self._factors)))

    def _whole(self):
        """W, with what is added to it."""
        return ops.cast(self._plus_change(self._base()), self.compute_dtype) if self.lora_enabled else self._base()

    def _adapted(self, outputs, inputs):
        """What W makes of the inputs, plus what A B makes of them."""
        if not self.lora_enabled:
            return outputs
        change = self._scaled(self._change_of(inputs, *self._factors))
        return ops.cast(ops.add(outputs, change), self.compute_dtype)

    # --- files ------------------------------------------------------------------------------------------------------

    def _stored_variables(self):
        factors = {id(variable) for variable in self._factors}
        return [variable for variable in super()._stored_variables() if id(variable) not in factors]

    def _stored_values(self):
        merged = {id(getattr(self, name)): value for name, value in self._merged().items()} if self.lora_enabled else {}
        return [merged.get(id(variable), variable) for variable in self._stored_variables()]

    def _merged(self):
        """{attribute: value} of what a file has in place of W and, where it is quantized, of its scales."""
        mode, weight = self.quantization_mode, getattr(self, f"_{self._role}")
        if mode is None:
            return {f"_{self._role}": ops.cast(self._plus_change(weight), weight.dtype)}
        floats = getattr(self, f"_{mode}_floats")(self.variable_dtype)
        return getattr(self, f"_{mode}_values")(self._plus_change(floats), self.quantization_config)

    def load_own_variables(self, store):
        super().load_own_variables(store)
        for variable in self._factors:
            variable.assign(ops.zeros(variable.shape))

    def get_config(self):
        lora = {"lora_rank": self.lora_rank, "lora_alpha": self.lora_alpha}
        config = {name: value for name, value in super().get_config().items() if name not in lora}
        return {**config, **lora} if self.lora_rank else config
