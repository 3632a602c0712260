"""Image layers chosen at random among many."""

import functools

from fastkeras import ops, random, registry
from fastkeras.layers.preprocessing.base import ComposedImageLayer
from fastkeras.layers.preprocessing.colours import RandomBrightness, RandomContrast, Solarization
from fastkeras.layers.preprocessing.histograms import Equalization
from fastkeras.layers.preprocessing.hues import RandomColorDegeneration
from fastkeras.layers.preprocessing.tones import AutoContrast, RandomPosterization, RandomSharpness
from fastkeras.layers.preprocessing.warping import RandomRotation, RandomShear, RandomTranslation

_register = registry.register("keras.layers")

_LAYERS = {  # by attribute: the layer, and its arguments that say how strong it is
    "random_shear": (RandomShear, ("x_factor", "y_factor")),
    "random_translation": (RandomTranslation, ("height_factor", "width_factor")),
    "random_rotation": (RandomRotation, ("factor",)),
    "random_brightness": (RandomBrightness, ("factor",)),
    "random_color_degeneration": (RandomColorDegeneration, ("factor",)),
    "random_contrast": (RandomContrast, ("factor",)),
    "random_sharpness": (RandomSharpness, ("factor",)),
    "random_posterization": (RandomPosterization, ("factor",)),
    "solarization": (Solarization, ("addition_factor", "threshold_factor")),
    "auto_contrast": (AutoContrast, ()),
    "equalization": (Equalization, ()),
}
_LAYERS_OF_ALL_OPS = ("random_brightness", "random_color_degeneration", "random_contrast", "random_sharpness")


class _Policy(ComposedImageLayer):
    """Has layers of one strength, `factor`, one of which is applied at a time."""

    _factor_bounds = (0, 1)

    def _set_up(self, names, value_range, factor, interpolation, seed):
        self._set_factor(factor)
        self.value_range, self.interpolation, self.seed = value_range, interpolation, seed
        self.generator = random.SeedGenerator(seed)
        self._names = names
        for name in names:
            cls, factors = _LAYERS[name]
            strength = max(1, int(8 * self.factor[1])) if cls is RandomPosterization else self.factor
            shared = {n: getattr(self, n) for n in ("value_range", "interpolation", "seed") if n in cls._config_names}
            setattr(self, name, self._part(cls, **dict.fromkeys(factors, strength), **shared))

    def _draw_of_all(self, data, seed):
        return {name: getattr(self, name).get_random_transformation(data, seed=seed) for name in self._names}

    def _apply_one(self, index, drawn, images, kind):
        """`images` as the layer with that index among `drawn` transforms them; beyond these, as they are."""
        branches = [
            functools.partial(getattr(getattr(self, name), kind), transformation=transformation)
            for name, transformation in drawn.items()
        ]
        return ops.switch(index, [*branches, lambda images: images], images)

    def _transform(self, images, transformation, kind):
        raise NotImplementedError(f"[{type(self).__name__}] a policy defines _transform")

    def transform_images(self, images, transformation, training=True):
        return self._transformed(images, transformation, training, "transform_images")

    def transform_segmentation_masks(self, segmentation_masks, transformation, training=True):
        return self._transformed(segmentation_masks, transformation, training, "transform_segmentation_masks")

    def _transformed(self, images, transformation, training, kind):
        images = ops.cast(images, self.compute_dtype)
        return self._transform(images, transformation, kind) if training else images


@_register
class RandAugment(_Policy):
    """`num_ops` times one of 11 layers, chosen at random for the batch, with what it draws for each image.

    These are `RandomShear`, `RandomTranslation`, `RandomRotation`, `RandomBrightness`, `RandomColorDegeneration`,
    `RandomContrast`, `RandomSharpness`, `RandomPosterization`, `Solarization`, `AutoContrast` and `Equalization`. In a
    compiled model all are computed, in a data pipeline the chosen ones. Boxes follow; in Keras 3.15 they go through the
    chosen layers in the order above, and through each once.

    Args:
        value_range: the range of the values.
        num_ops: how many layers, one after the other.
        factor: how strong they are: a pair in [0, 1], or one number for (0, factor).
        interpolation: `"nearest"` or `"bilinear"`, where pixels move.

    Raises:
        ValueError: for a factor or a range that is none.

    E. Cubuk et al., "RandAugment: Practical automated data augmentation with a reduced search space" (2019).

    >>> import fastkeras as keras
    >>> keras.layers.RandAugment()(keras.random.uniform((4, 8, 8, 3), 0, 255)).shape
    (4, 8, 8, 3)
    """

    def __init__(
        self,
        value_range=(0, 255),
        num_ops=2,
        factor=0.5,
        interpolation="bilinear",
        seed=None,
        data_format=None,
        **kwargs,
    ):
        super().__init__(data_format=data_format, **kwargs)
        self.num_ops = num_ops
        self._set_up(tuple(_LAYERS), value_range, factor, interpolation, seed)

    def get_random_transformation(self, data, training=True, seed=None):
        if not training:
            return None
        seed = self.generator if seed is None else seed
        return {
            "layer_idxes": random.randint((self.num_ops,), 0, len(self._names), seed=seed),
            "transforms": self._draw_of_all(data, seed),
        }

    def _transform(self, images, transformation, kind):
        for i in range(self.num_ops):
            images = self._apply_one(transformation["layer_idxes"][i], transformation["transforms"], images, kind)
        return images

    def transform_bounding_boxes(self, bounding_boxes, transformation, training=True):
        """Boxes moved by the chosen layers, one after the other, as the images are."""
        if not training:
            return bounding_boxes
        boxes = {key: ops.convert_to_tensor(value) for key, value in bounding_boxes.items()}
        return self._transform(boxes, transformation, "transform_bounding_boxes")


@_register
class AugMix(_Policy):
    """w * x + (1 - w) * sum of w_i * chain_i(x), clipped to the range: images and versions of them, mixed.

    A chain is `chain_depth` times one of the layers of `RandAugment`, or none, chosen at random for the batch; its
    layers draw for each image. w ~ Beta(alpha, alpha) and (w_1, w_2, ...) ~ Dirichlet(alpha) are drawn for the batch.
    In a compiled model all layers are computed, in a data pipeline the chosen ones. Boxes stay, as in Keras.

    Args:
        value_range: the range of the values.
        num_chains: how many chains.
        chain_depth: how many layers a chain has at most.
        factor: how strong they are: a pair in [0, 1], or one number for (0, factor).
        alpha: of the weights, above 0.
        all_ops: also brightness, contrast, sharpness and degeneration of colours?
        interpolation: `"nearest"` or `"bilinear"`, where pixels move.

    Raises:
        ValueError: for a factor or a range that is none.

    D. Hendrycks et al., "AugMix: A Simple Data Processing Method to Improve Robustness and Uncertainty" (2019).

    >>> import fastkeras as keras
    >>> keras.layers.AugMix()(keras.random.uniform((4, 8, 8, 3), 0, 255)).shape
    (4, 8, 8, 3)
    """

    def __init__(
        self,
        value_range=(0, 255),
        num_chains=3,
        chain_depth=3,
        factor=0.3,
        alpha=1.0,
        all_ops=True,
        interpolation="bilinear",
        seed=None,
        data_format=None,
        **kwargs,
    ):
        super().__init__(data_format=data_format, **kwargs)
        self.num_chains, self.chain_depth = num_chains, chain_depth
        self.alpha, self.all_ops = alpha, all_ops
        names = tuple(name for name in _LAYERS if all_ops or name not in _LAYERS_OF_ALL_OPS)
        self._set_up(names, value_range, factor, interpolation, seed)

    def get_random_transformation(self, data, training=True, seed=None):
        if not training:
            return None
        seed = self.generator if seed is None else seed
        weights = random.gamma((self.num_chains,), self.alpha, seed=seed)

        def step():
            choice = random.randint((), 0, len(self._names) + 1, seed=seed)  # the last: none
            return {"layer_idx": choice, "transforms": self._draw_of_all(data, seed)}

        return {
            "chain_mixing_weights": weights / ops.sum(weights),
            "weight_sample": random.beta((), self.alpha, self.alpha, seed=seed),
            "chain_transforms": [[step() for _ in range(self.chain_depth)] for _ in range(self.num_chains)],
        }

    def _transform(self, images, transformation, kind):
        weights = ops.cast(transformation["chain_mixing_weights"], images.dtype)
        share = ops.cast(transformation["weight_sample"], images.dtype)
        mixed = ops.zeros_like(images)
        for i, chain in enumerate(transformation["chain_transforms"]):
            changed = images
            for step in chain:
                changed = self._apply_one(step["layer_idx"], step["transforms"], changed, kind)
            mixed = mixed + weights[i] * changed
        return share * images + (1 - share) * mixed

    def transform_bounding_boxes(self, bounding_boxes, transformation=None, training=True):
        return bounding_boxes

    def transform_images(self, images, transformation, training=True):
        images = super().transform_images(images, transformation, training)
        return ops.clip(images, *self.value_range) if training else images
