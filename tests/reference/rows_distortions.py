"""Filters and warps of images: ops, and layers that are given what they would draw, or no choice."""

import functools
from unittest import mock

import numpy as np
import rows_preprocessing
from rows_ops_image import FILLS, SINGLE

RNG = np.random.RandomState(17)
IMAGES = RNG.uniform(0, 255, (3, 6, 7, 3)).astype("float32")
BATCH = IMAGES[:2, :, :, :2] / 255
FIRST, BATCH_FIRST = (np.ascontiguousarray(x.transpose(0, 3, 1, 2)) for x in (IMAGES, BATCH))
VOLUMES = RNG.uniform(0, 1, (2, 4, 5, 3, 2)).astype("float32")
CORNERS = np.array([[0, 0], [6, 0], [0, 5], [6, 5]], "float32")
MOVED = CORNERS + RNG.uniform(-2, 2, (2, 4, 2)).astype("float32")
NOISE = RNG.normal(size=(3, 6, 7)).astype("float32")
CHOSEN = np.array([True, False, True])
COLUMN = RNG.uniform(0.5, 1.5, (3, 1)).astype("float32")
images = functools.partial(rows_preprocessing.images, data=IMAGES)
transformed = functools.partial(rows_preprocessing.transformed, data=IMAGES)


def patches(k):
    first = np.ascontiguousarray(VOLUMES.transpose(0, 4, 1, 2, 3))
    image = k.ops.image
    return {
        "plain": image.extract_patches_3d(VOLUMES, 2),
        "sizes": image.extract_patches(VOLUMES, (2, 3, 1), (1, 2, 1), padding="same"),
        "dilated": image.extract_patches_3d(VOLUMES, (2, 1, 2), 1, dilation_rate=2),
        "single": image.extract_patches_3d(VOLUMES[0], (3, 2, 2)),
        "first": image.extract_patches_3d(first, (2, 3, 1), data_format="channels_first"),
        "integers": image.extract_patches_3d((VOLUMES * 99).astype("int32"), 2),
    }


def blur(k):
    def blurred(x, *args, data_format="channels_last"):
        return k.ops.image.gaussian_blur(x, *args, data_format=data_format)

    return {
        "plain": blurred(BATCH),
        "sizes": blurred(BATCH, (5, 2), (0.7, 2.0)),
        "single": blurred(SINGLE, (7, 3), (3.0, 0.4)),
        "first": blurred(BATCH_FIRST, (1, 5), (1.0, 1.5), data_format="channels_first"),
    }


def sobel(k):
    return {
        "plain": k.ops.image.sobel_edges(BATCH),
        "first": k.ops.image.sobel_edges(BATCH_FIRST, data_format="channels_first"),
        "integers": k.ops.image.sobel_edges((BATCH * 99).astype("int32")),
    }


def ssim(k):
    other = np.clip(BATCH + 0.3 * RNG.__class__(1).normal(size=BATCH.shape), 0, 1).astype("float32")
    small = {"filter_size": 5, "filter_sigma": 0.8}
    return {
        "plain": k.ops.image.ssim(BATCH, other, filter_size=6),
        "settings": k.ops.image.ssim(BATCH, other, 3.0, k1=0.02, k2=0.1, **small),
        "single": k.ops.image.ssim(BATCH[0], other[0], **small),
        "first": k.ops.image.ssim(BATCH_FIRST, other.transpose(0, 3, 1, 2), data_format="channels_first", **small),
    }


def scaled(k):
    scale, translation = np.array([1.7, 0.6], "float32"), np.array([-1.2, 0.4], "float32")
    results = {}
    for method in ("linear", "trilinear", "cubic", "lanczos3", "lanczos5"):
        for antialias in (True, False):
            results[f"{method} {antialias}"] = k.ops.image.scale_and_translate(
                BATCH[:1, :, :, :1], (1, 8, 6, 1), scale, translation, (1, 2), method, antialias
            )
    results["one axis"] = k.ops.image.scale_and_translate(
        (BATCH_FIRST * 99).astype("int32"), BATCH_FIRST.shape, scale[1:], translation[:1], (-1,), "bicubic"
    )
    return results


def perspective(k):
    transform = k.ops.image.perspective_transform
    corners = np.stack([CORNERS, CORNERS])
    return {
        "bilinear": transform(BATCH, corners, MOVED, fill_value=0.5),
        "nearest": transform(BATCH, corners, MOVED, "nearest"),
        "single": transform(SINGLE, MOVED[0], CORNERS),
        "bytes": transform(SINGLE.astype("uint8"), CORNERS, MOVED[1]),
        "first": transform(BATCH_FIRST, corners, MOVED, data_format="channels_first"),
    }


def given_noise(k):
    """Lets the library draw NOISE, for all directions the same as Keras does it on JAX."""

    def normal(*args, shape=None, **settings):
        shape = args[0] if shape is None else shape
        noise = NOISE[: shape[0], : shape[1], : shape[2]]
        return k.ops.broadcast_to(noise.reshape(*noise.shape, *[1] * (len(shape) - 3)), shape)

    return mock.patch("jax.random.normal" if k.__name__ == "keras" else "fastkeras.random.normal", normal)


def elastic(k):
    bend, results = k.ops.image.elastic_transform, {}
    with given_noise(k):
        for fill in FILLS:
            for interpolation in ("nearest", "bilinear"):
                results[f"{fill} {interpolation}"] = bend(BATCH, 3.1, 0.9, interpolation, fill, 0.5)
        results["single"] = bend(SINGLE, 2.0, 1.4, seed=1)
        results["first"] = bend(BATCH_FIRST, 2.0, 0.4, data_format="channels_first")
    return results


def elastic_layer(k):
    layer = k.layers.RandomElasticTransform
    with given_noise(k):
        results = images("RandomElasticTransform", (1, 1), (0.7, 0.7), value_range=(30, 200))(k)
        masked = layer((1, 1), (1, 1), fill_mode="mirror")({"images": IMAGES, "segmentation_masks": IMAGES[..., :1]})
        results["masks"] = masked["segmentation_masks"]
        first = layer((1, 1), (1, 1), "nearest", "constant", 9.0, data_format="channels_first")
        results["first"] = first(FIRST)
    results["not training"] = layer()(IMAGES, training=False)
    return results


def erasing(fill_value, **settings):
    mask = np.zeros(IMAGES.shape, bool)
    mask[:, 2:4, 3:6] = mask[0, 5] = True
    given = {"apply_erasing": CHOSEN, "batch_masks": mask, "fill_value": IMAGES[::-1]}
    return transformed("RandomErasing", 0.7, fill_value=fill_value, transformation=given, **settings)


ROWS = {
    "patches": patches,
    "blur": blur,
    "sobel": sobel,
    "ssim": ssim,
    "scaled": scaled,
    "perspective": perspective,
    "elastic": elastic,
    "RandomShear": transformed(
        "RandomShear",
        [0.1, 0.2],
        [0.1, 0.5],
        fill_mode="wrap",
        transformation={"shear_factor": np.concatenate([COLUMN - 1, 1 - COLUMN / 2], 1), "input_shape": IMAGES.shape},
    ),
    "RandomShear first": images("RandomShear", (0.0, 0.0), (0.0, 0.0), data=FIRST, data_format="channels_first"),
    "RandomErasing": erasing(None),
    "RandomErasing filled": erasing((1.0, 2.0, 3.0), value_range=(2, 200), scale=(0.4, 0.1)),
    "RandomErasing all": images("RandomErasing", (1, 1), (1, 1), 300),
    "RandomErasing none": images("RandomErasing", 0.0, 0.5, fill_value=3, data=FIRST, data_format="channels_first"),
    "RandomGaussianBlur": images("RandomGaussianBlur", (1, 1), (5, 3), (0.7, 0.7), value_range=(60, 150)),
    "RandomGaussianBlur drawn": transformed(
        "RandomGaussianBlur",
        0.5,
        5,
        transformation={"should_apply_blur": CHOSEN, "blur_factor": np.array([0.4, 1.3], "float32")},
    ),
    "RandomGaussianBlur first": images(
        "RandomGaussianBlur", (1, 1), sigma=(1, 1), data=FIRST, data_format="channels_first"
    ),
    "RandomPerspective": transformed(
        "RandomPerspective",
        0.6,
        0.3,
        "nearest",
        transformation={
            "apply_perspective": CHOSEN,
            "start_points": np.stack([CORNERS] * 3),
            "end_points": np.concatenate([MOVED, MOVED[:1]]),
            "input_shape": IMAGES.shape,
        },
    ),
    "RandomPerspective first": images(
        "RandomPerspective", (1, 1), 0.0, fill_value=3.0, data=FIRST, data_format="channels_first"
    ),
    "RandomElasticTransform": elastic_layer,
}
TOLERANCE = {"perspective": 1e-4, "elastic": 1e-4, "RandomElasticTransform": 1e-4, "perspective/bytes": 1e-2}
