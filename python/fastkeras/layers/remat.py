"""What of a layer made in a RematScope is computed again for its gradient."""

from fastkeras.engine import Operation
from fastkeras.engine.remat import remat


class LayerRemat(Operation):
    """The part of Layer that heeds the RematScope in which it was made."""

    def rematerialized_call(self, fn, *args, **kwargs):
        mode = self._remat_mode
        if mode is not None and mode.mode == "activations" and getattr(self, "activation", None) is not None:
            return self._with_rematerialized_activation(fn)
        if mode is not None and mode.mode == "list_of_layers" and self.name in mode.layer_names:
            return remat(fn)
        return super().rematerialized_call(fn, *args, **kwargs)

    def _with_rematerialized_activation(self, fn):
        def run(*args, **kwargs):
            activation = self.activation
            object.__setattr__(self, "activation", remat(activation))
            try:
                return fn(*args, **kwargs)
            finally:
                object.__setattr__(self, "activation", activation)

        return run
