"""keras.ops.image."""

import numpy as np

RNG = np.random.RandomState(3)
BATCH = RNG.uniform(0, 1, (2, 7, 10, 3)).astype("float32")
SINGLE = RNG.uniform(0, 255, (6, 5, 3)).astype("float32")
BYTES = RNG.randint(0, 256, (1, 6, 8, 1)).astype("uint8")
FILLS = ("constant", "nearest", "wrap", "mirror", "reflect")


def resize(images=BATCH, size=(5, 13), **settings):
    return lambda k: {"y": k.ops.image.resize(k.ops.convert_to_tensor(images), size, **settings)}


def every_interpolation(k):
    results = {}
    for name in ("nearest", "bilinear", "bicubic", "lanczos3", "lanczos5"):
        for size in ((3, 4), (11, 17), (7, 10)):
            for antialias in (False, True):
                results[f"{name} {size} {antialias}"] = k.ops.image.resize(
                    BATCH[:1, :, :, :1], size, interpolation=name, antialias=antialias
                )
    return results


def affine(k):
    transform = np.array([[0.9, 0.2, -1.3, -0.3, 1.1, 0.7, 0, 0], [1.2, 0, 2.2, 0.1, 0.8, -3.1, 0, 0]], "float32")
    results = {}
    for fill in FILLS:
        for interpolation in ("nearest", "bilinear"):
            results[f"{fill} {interpolation}"] = k.ops.image.affine_transform(
                BATCH, transform, interpolation=interpolation, fill_mode=fill, fill_value=0.5
            )
    results["single"] = k.ops.image.affine_transform(SINGLE, transform[0], fill_mode="reflect")
    results["bytes"] = k.ops.image.affine_transform(BYTES, transform[:1], fill_mode="nearest")
    first = k.ops.transpose(k.ops.convert_to_tensor(BATCH), (0, 3, 1, 2))
    results["first"] = k.ops.image.affine_transform(first, transform, data_format="channels_first")
    return results


def coordinates(k):
    x = RNG.__class__(1).uniform(0, 1, (4, 5, 3)).astype("float32")
    at = RNG.__class__(2).uniform(-3, 7, (3, 2, 6)).astype("float32")
    results = {}
    for fill in FILLS:
        for order in (0, 1):
            results[f"{fill} {order}"] = k.ops.image.map_coordinates(x, at, order, fill_mode=fill, fill_value=9.0)
    results["integers"] = k.ops.image.map_coordinates((x * 100).astype("int32"), at, 1, fill_mode="nearest")
    return results


def colours(k):
    image, first = k.ops.image, np.ascontiguousarray(BATCH.transpose(0, 3, 1, 2))
    hsv = image.rgb_to_hsv(BATCH)
    return {
        "gray": image.rgb_to_grayscale(BATCH),
        "gray first": image.rgb_to_grayscale(first, data_format="channels_first"),
        "gray bytes": image.rgb_to_grayscale(SINGLE.astype("uint8")),
        "hsv": hsv,
        "grey as hsv": image.rgb_to_hsv(np.full((1, 2, 3), 0.5, "float32")),
        "rgb": image.hsv_to_rgb(hsv),
    }


def borders(k):
    image = k.ops.image
    return {
        "pad": image.pad_images(BATCH, 1, 2, target_height=10, target_width=13),
        "pad all": image.pad_images(SINGLE, 1, 2, 3, 4),
        "crop": image.crop_images(BATCH, bottom_cropping=1, right_cropping=2, target_height=4, target_width=5),
        "crop all": image.crop_images(SINGLE, 1, 2, 3, 1),
    }


def patches(k):
    extract = k.ops.image.extract_patches
    return {
        "plain": extract(BATCH, (3, 4)),
        "strided": extract(BATCH, 3, strides=2, padding="same"),
        "dilated": extract(BATCH, (2, 3), strides=1, dilation_rate=2),
        "single": extract(SINGLE, 2),
    }


ROWS = {
    "resize": every_interpolation,
    "resize single": resize(SINGLE, (4, 9)),
    "resize bytes": resize(BYTES, (3, 11)),
    "resize cropped": resize(crop_to_aspect_ratio=True),
    "resize padded": resize(size=(9, 6), pad_to_aspect_ratio=True, fill_value=2.0),
    "affine": affine,
    "coordinates": coordinates,
    "colours": colours,
    "borders": borders,
    "patches": patches,
}
