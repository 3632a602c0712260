"""Masks: they travel with tensors, as `_keras_mask`, from the layer that makes them to those that heed them."""

import warnings

from fastkeras.engine import Tensor, nest


def mask_of(x):
    """The masks that travel with a tensor or with a structure of them; None when there is none at all."""
    if type(x) is Tensor or not nest.is_nested(x):
        return getattr(x, "_keras_mask", None)
    masks = nest.map(lambda t: getattr(t, "_keras_mask", None), x)
    return masks if any(m is not None for m in nest.flatten(masks)) else None


class LayerMasks:
    """The part of Layer that passes masks on."""

    @property
    def supports_masking(self):
        return self._supports_masking

    @supports_masking.setter
    def supports_masking(self, value):
        self._supports_masking = value

    def _with_masks(self, signature, tensors, arguments, kwargs):
        """kwargs with the masks that travel with the inputs, where none is given."""
        masks = {}
        for name, value in tensors.items():
            mask_name = "mask" if len(tensors) == 1 else f"{name}_mask"
            if mask_name in signature.mask_names and (arguments is None or arguments[mask_name] is None):
                masks[mask_name] = mask_of(value)  # also when it is None: so the call stands in configs
        return {**kwargs, **masks} if masks else kwargs

    def _pass_mask_on(self, inputs, outputs, previous_mask):
        if self._supports_masking:
            if previous_mask is None and type(self).compute_mask is LayerMasks.compute_mask:
                return
            flat = nest.flatten(outputs)
            if all(getattr(x, "_keras_mask", None) is not None for x in flat):
                return
            masks = self.compute_mask(inputs, previous_mask)
            if masks is None:
                return
            for x, mask in zip(flat, nest.flatten(masks), strict=False):
                if mask is not None and getattr(x, "_keras_mask", None) is None:
                    x._keras_mask = mask
        elif previous_mask is not None and any(m is not None for m in nest.flatten(previous_mask)):
            warnings.warn(
                f"Layer '{self.name}' (of type {self.__class__.__name__}) was passed an input with a mask attached to "
                "it. However, this layer does not support masking and will therefore destroy the mask information. "
                "Downstream layers will not see the mask.",
                stacklevel=4,
            )

    def compute_mask(self, inputs, previous_mask):
        """The mask of the outputs; that of the inputs by default."""
        return previous_mask
