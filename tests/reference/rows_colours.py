"""Layers of colours, of tones and of mixed images: given what they would draw, or ranges that leave no choice."""

import numpy as np
from rows_preprocessing import config

RNG = np.random.RandomState(12)
IMAGES = RNG.uniform(0, 255, (3, 6, 5, 3)).astype("float32")
IMAGES[1, ..., 2] = 40  # a channel of one value
BYTES = (IMAGES / 3 + 60).astype("uint8")
FIRST = np.ascontiguousarray(IMAGES.transpose(0, 3, 1, 2))
SHARES = RNG.uniform(0.1, 0.9, 3).astype("float32")
CUT = np.zeros((3, 6, 5, 3), "bool")
CUT[0, 2:5, 1:4] = CUT[2, :3, 3:] = True
LABELS = np.eye(3, dtype="float32")


def images(name, *args, data=IMAGES, **settings):
    def row(k):
        layer = getattr(k.layers, name)(*args, **settings)
        shape = layer.compute_output_shape(data.shape)
        return {"y": layer(data), "single": layer(data[0]), "shape": shape, "config": config(layer)}

    return row


def transformed(name, *args, transformation, data=IMAGES, **settings):
    def row(k):
        layer = getattr(k.layers, name)(*args, **settings)
        given = {key: k.ops.convert_to_tensor(value) for key, value in transformation.items()}
        return {"y": layer.transform_images(k.ops.convert_to_tensor(data), given), "config": config(layer)}

    return row


def mixed(name, *args, **transformation):
    def row(k):
        layer = getattr(k.layers, name)(*args)
        given = {key: k.ops.convert_to_tensor(value) for key, value in transformation.items()}
        return {
            "y": layer.transform_images(k.ops.convert_to_tensor(IMAGES), given),
            "labels": layer.transform_labels(k.ops.convert_to_tensor(LABELS), given),
            "config": config(layer),
        }

    return row


def masks_cut(k):
    given = {"batch_masks": k.ops.convert_to_tensor(CUT), "permutation_order": k.ops.convert_to_tensor([1, 2, 0])}
    masks = k.ops.convert_to_tensor(np.round(IMAGES / 50))
    return {"y": k.layers.CutMix().transform_segmentation_masks(masks, given)}


def uneven(name, *args, **settings):
    """Of images in half their range, some values far more often than others."""
    data = np.round(IMAGES**2 / 400) * 0.5
    return images(name, *args, data=data, **settings)


def pipeline(k):
    layers = [k.layers.AutoContrast(name="a"), k.layers.CenterCrop(4, 3, name="b"), k.layers.Rescaling(0.5, name="c")]
    layer = k.layers.Pipeline(layers, name="pipeline")
    again = k.layers.Pipeline.from_config(layer.get_config())
    return {"y": layer(IMAGES), "again": again(IMAGES), "shape": np.array(again(k.Input((6, 5, 3))).shape[1:])}


def tensors(k, values):
    return None if values is None else {name: k.ops.convert_to_tensor(value) for name, value in values.items()}


COLUMN = SHARES.reshape(3, 1, 1, 1)
DRAWN = {
    "random_shear": {"shear_factor": np.stack([SHARES / 2, -SHARES / 3], 1)},
    "random_brightness": {"rgb_delta": 90 * COLUMN},
    "random_sharpness": {"factor": SHARES},
    "random_contrast": {"contrast_factor": 0.8 + COLUMN},
    "auto_contrast": None,
    "equalization": None,
    "random_posterization": {"shift_factor": np.array([1, 4, 7], "uint8")},
    "solarization": {"additions": 20 * COLUMN, "thresholds": 90 * COLUMN},
}


def rand_augment(*chosen):
    def row(k):
        layer = k.layers.RandAugment((0, 255), len(chosen), 0.6, seed=1)
        drawn = {name: tensors(k, values) for name, values in DRAWN.items()}
        choice = k.ops.convert_to_tensor([list(DRAWN).index(name) for name in chosen])
        given = {"transforms": drawn, "layer_idxes": choice}
        masks = k.ops.convert_to_tensor(np.round(IMAGES[..., :1] / 50))
        return {
            "y": layer.transform_images(k.ops.convert_to_tensor(IMAGES), given),
            "masks": layer.transform_segmentation_masks(masks, given),
            "config": config(layer),
        }

    return row


def aug_mix(k):
    layer = k.layers.AugMix((10, 240), 3, 2, (0.2, 0.5), 0.7, interpolation="nearest")

    def step(name):
        values = tensors(k, DRAWN[name])
        if k.__name__ == "keras":
            return {"layer_name": name, "transformation": values}
        return {"layer_idx": 0, "transforms": {name: values}}

    given = {
        "chain_mixing_weights": k.ops.convert_to_tensor([0.2, 0.5, 0.3]),
        "weight_sample": k.ops.convert_to_tensor(0.35),
        "chain_transforms": [[step("random_shear"), step("solarization")], [step("random_contrast")], []],
    }
    return {
        "y": layer.transform_images(k.ops.convert_to_tensor(IMAGES), given),
        "masks": layer.transform_segmentation_masks(k.ops.convert_to_tensor(IMAGES[..., :1]), given),
        "config": config(layer),
    }


CLAHE = "ContrastLimitedAdaptiveHistogramEqualization"
ROWS = {
    "RandomHue half a turn": images("RandomHue", (1.0, 1.0)),
    "RandomHue": transformed("RandomHue", 0.4, (10, 300), transformation={"factor": SHARES - 0.5}),
    "RandomHue first": transformed(
        "RandomHue", 0.4, (255, 0), "channels_first", 7, transformation={"factor": SHARES - 0.5}, data=FIRST
    ),
    "RandomHue of bytes": images("RandomHue", (1, 1), data=BYTES),
    "RandomSaturation": images("RandomSaturation", (0.7, 0.7)),
    "RandomSaturation of shares": images("RandomSaturation", [0.7, 0.7], (0, 1), data=IMAGES / 255),
    "RandomSaturation first": transformed(
        "RandomSaturation", 0.4, data_format="channels_first", transformation={"factor": 2 * SHARES}, data=FIRST
    ),
    "RandomColorDegeneration": images("RandomColorDegeneration", (0.3, 0.3)),
    "RandomColorDegeneration stronger": images("RandomColorDegeneration", (-0.9, -0.9), (200, 20), seed=3),
    "RandomColorDegeneration first": transformed(
        "RandomColorDegeneration",
        0.4,
        data_format="channels_first",
        transformation={"factor": SHARES.reshape(3, 1, 1, 1)},
        data=FIRST,
    ),
    "RandomColorJitter": images(
        "RandomColorJitter",
        brightness_factor=(0.1, 0.1),
        contrast_factor=(0.0, 0.0),
        saturation_factor=(0.4, 0.4),
        hue_factor=(1, 1),
        seed=2,
    ),
    "RandomColorJitter of some": images("RandomColorJitter", [0, 1], saturation_factor=(0.4, 0.4), data=IMAGES / 255),
    "RandomPosterization": images("RandomPosterization", (3, 3)),
    "RandomPosterization of shares": images("RandomPosterization", [2, 2], (0, 1), data=IMAGES / 255),
    "RandomPosterization of each": transformed(
        "RandomPosterization", 5, transformation={"shift_factor": np.array([1, 4, 7], "uint8")}
    ),
    "RandomSharpness": images("RandomSharpness", (0.9, 0.9)),
    "RandomSharpness first": transformed(
        "RandomSharpness",
        0.4,
        (20, 200),
        data_format="channels_first",
        transformation={"factor": SHARES},
        data=FIRST,
    ),
    "AutoContrast": images("AutoContrast"),
    "AutoContrast of shares": images("AutoContrast", (1, -1), data=IMAGES / 400 - 0.4),
    "AutoContrast of bytes": images("AutoContrast", data=BYTES),
    "Equalization": images("Equalization"),
    "Equalization of few": uneven("Equalization", bins=50),
    "Equalization of shares": images("Equalization", [-1, 1], data=IMAGES / 200 - 0.7),
    "Equalization first": images("Equalization", data=FIRST, data_format="channels_first"),
    "Equalization of bytes": images("Equalization", data=BYTES),
    "CLAHE": images(CLAHE),
    "CLAHE even": uneven(CLAHE, clip_limit=1.5, tile_grid_size=(2, 1)),
    "CLAHE without limit": uneven(CLAHE, (0, 200), 0, (4, 3)),
    "CLAHE of shares": images(CLAHE, (0, 1), 2.0, (3, 2), data=IMAGES / 255),
    "CLAHE first": images(CLAHE, tile_grid_size=(4, 4), data=FIRST, data_format="channels_first"),
    "CLAHE of bytes": images(CLAHE, tile_grid_size=(2, 2), data=BYTES),
    "MixUp": mixed("MixUp", 0.3, mix_weight=SHARES, permutation_order=np.array([2, 0, 1])),
    "CutMix": mixed(
        "CutMix",
        (0.2, 0.7),
        mix_weight=SHARES.reshape(3, 1, 1, 1),
        permutation_order=np.array([2, 0, 1]),
        batch_masks=CUT,
    ),
    "CutMix of masks": masks_cut,
    "RandAugment": rand_augment("random_shear", "random_sharpness", "auto_contrast"),
    "RandAugment of colours": rand_augment("random_brightness", "random_posterization", "equalization"),
    "AugMix": aug_mix,
    "Pipeline": pipeline,
}
