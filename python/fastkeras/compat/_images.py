"""tf.io and tf.image: files, pictures in them, and what pipelines do with pictures."""

import functools
import io

import numpy as np

from fastkeras import ops, random
from fastkeras.data.strings import Strings
from fastkeras.engine import config, convert_to_tensor
from fastkeras.utils.images import img_to_array, load_img, pillow

_MODES = {1: "grayscale", 3: "rgb", 4: "rgba"}


def read_file(filename, name=None):
    """The content of a file, as a string."""
    with open(Strings(filename).numpy(), "rb") as file:
        return Strings(file.read())


def write_file(filename, contents, name=None):
    """Writes a string to a file."""
    with open(Strings(filename).numpy(), "wb") as file:
        file.write(Strings(contents).numpy())


def decode_image(contents, channels=0, dtype="uint8", name=None, expand_animations=True):
    """The picture in the content of a file, `(height, width, channels)`; of an animation, the first one.

    Args:
        channels: 1, 3 or 4; 0 for those of the file.
        dtype: `"uint8"`, or a float dtype for values from 0 to 1.

    Raises:
        ValueError: for other numbers of channels.
        OSError: for what is no picture.
    """
    file = io.BytesIO(Strings(contents).numpy())
    channels = channels or _channels(file)
    if channels not in _MODES:
        raise ValueError(f"[tf.image] channels must be 0, 1, 3 or 4. Received: channels={channels}")
    pixels = img_to_array(load_img(file, color_mode=_MODES[channels]), data_format="channels_last", dtype="uint8")
    return convert_image_dtype(pixels, dtype)


def _channels(file):
    try:
        bands = pillow("decode_image").open(file).getbands()
    except OSError:
        bands = None  # load_img says what is wrong
    file.seek(0)
    return {("L",): 1, ("I",): 1, ("R", "G", "B", "A"): 4}.get(bands, 3)


def _decode_bmp(contents, channels=0, name=None):
    return decode_image(contents, channels)


def _decode_jpeg(
    contents,
    channels=0,
    ratio=1,
    fancy_upscaling=True,
    try_recover_truncated=False,
    acceptable_fraction=1,
    dct_method="",
    name=None,
):
    if ratio != 1 or not fancy_upscaling or try_recover_truncated or acceptable_fraction != 1:
        raise ValueError(
            "[tf.image.decode_jpeg] pictures are decoded whole and in full size; leave these settings out. "
            f"Received: ratio={ratio}, fancy_upscaling={fancy_upscaling}, "
            f"try_recover_truncated={try_recover_truncated}, acceptable_fraction={acceptable_fraction}"
        )
    return decode_image(contents, channels)


def _decode_png(contents, channels=0, dtype="uint8", name=None):
    return decode_image(contents, channels, dtype)


def convert_image_dtype(image, dtype, saturate=False, name=None):
    """A picture in another dtype: integers up to 255 are floats up to 1.

    Raises:
        ValueError: for other integers than uint8.
    """
    image, dtype = convert_to_tensor(image), config.standardize_dtype(dtype)
    if image.dtype == dtype:
        return image
    floats = ["float" in name for name in (image.dtype, dtype)]
    if all(floats):
        return ops.cast(image, dtype)
    if "uint8" not in (image.dtype, dtype) or not any(floats):
        raise ValueError(
            "[tf.image.convert_image_dtype] pictures are uint8 or floats. "
            f"Received: image.dtype={image.dtype}, dtype={dtype}"
        )
    if dtype != "uint8":
        return ops.cast(image, dtype) * (1 / 255)
    scaled = image * 255.5
    return ops.cast(ops.clip(scaled, 0, 255) if saturate else scaled, dtype)


def resize(images, size, method="bilinear", preserve_aspect_ratio=False, antialias=False, name=None):
    """Pictures of another size; floats, but for the method `"nearest"`.

    Args:
        size: `(height, width)`; with `preserve_aspect_ratio` the largest one that pictures may have.
        method: as in `ops.image.resize`.
    """
    images = convert_to_tensor(images)
    if method != "nearest":
        images = ops.cast(images, "float32")
    height, width = (int(n) for n in size)
    if preserve_aspect_ratio:
        factor = min(height / images.shape[-3], width / images.shape[-2])
        height, width = (max(1, round(n * factor)) for n in images.shape[-3:-1])
    return ops.image.resize(
        images, (height, width), interpolation=method, antialias=antialias, data_format="channels_last"
    )


def rgb_to_grayscale(images, name=None):
    """One channel of three, as bright."""
    images = convert_to_tensor(images)
    bright = ops.tensordot(convert_image_dtype(images, "float32"), np.array([0.2989, 0.5870, 0.1140], "float32"), 1)
    return convert_image_dtype(ops.expand_dims(bright, -1), images.dtype)


def grayscale_to_rgb(images, name=None):
    """Three channels of one."""
    return ops.repeat(images, 3, axis=-1)


def per_image_standardization(image):
    """Every picture with mean 0 and deviation 1."""
    image = ops.cast(image, "float32")
    axes, size = (-3, -2, -1), int(np.prod(image.shape[-3:]))
    deviation = ops.maximum(ops.std(image, axis=axes, keepdims=True), 1 / np.sqrt(size))
    return (image - ops.mean(image, axis=axes, keepdims=True)) / deviation


def crop_to_bounding_box(image, offset_height, offset_width, target_height, target_width):
    """The part of a picture from a row and a column on."""
    rows = slice(int(offset_height), int(offset_height) + int(target_height))
    columns = slice(int(offset_width), int(offset_width) + int(target_width))
    return convert_to_tensor(image)[..., rows, columns, :]


def pad_to_bounding_box(image, offset_height, offset_width, target_height, target_width):
    """A picture in a larger one of zeros, from a row and a column on."""
    image = convert_to_tensor(image)
    first = int(offset_height), int(offset_width)
    pads = [
        (start, int(target) - start - n)
        for start, target, n in zip(first, (target_height, target_width), image.shape[-3:-1], strict=True)
    ]
    return ops.pad(image, [(0, 0)] * (image.ndim - 3) + pads + [(0, 0)])


def random_crop(value, size, seed=None, name=None):
    """A part of `size` of any tensor, from a random place on."""
    value, size = convert_to_tensor(value), [int(n) for n in size]
    last = [have - want for have, want in zip(value.shape, size, strict=True)]
    if min(last) < 0:
        raise ValueError(f"[random_crop] the part must fit. Received: size={size}, value.shape={value.shape}")
    starts = [int(float(_uniform(0, 1, seed)) * (n + 1)) for n in last]
    return value[tuple(slice(start, start + n) for start, n in zip(starts, size, strict=True))]


def extract_patches(images, sizes, strides, rates, padding, name=None):
    """Windows of pictures, `(batch, rows, columns, height * width * channels)`; sizes as `[1, height, width, 1]`."""
    size, steps, rate = (tuple(int(n) for n in numbers[1:3]) for numbers in (sizes, strides, rates))
    return ops.image.extract_patches(images, size, steps, rate, padding.lower(), "channels_last")


def central_crop(image, central_fraction):
    """The middle of a picture, a share of each of its sides."""
    image = convert_to_tensor(image)
    cuts = [int((n - n * central_fraction) / 2) for n in image.shape[-3:-1]]
    return image[..., cuts[0] : image.shape[-3] - cuts[0], cuts[1] : image.shape[-2] - cuts[1], :]


def adjust_brightness(image, delta):
    """A picture with `delta` added to its values, as floats up to 1."""
    return _as_floats(image, lambda values: values + delta)


def adjust_contrast(images, contrast_factor):
    """Pictures whose distances from the mean of each channel are multiplied."""

    def change(values):
        mean = ops.mean(values, axis=(-3, -2), keepdims=True)
        return (values - mean) * contrast_factor + mean

    return _as_floats(images, change)


def adjust_saturation(image, saturation_factor, name=None):
    """Pictures whose saturation is multiplied, up to 1."""
    return _as_floats(image, lambda values: _in_hsv(values, 1, lambda s: ops.clip(s * saturation_factor, 0, 1)))


def adjust_hue(image, delta, name=None):
    """Pictures whose hue goes round by a share of the circle of colours."""
    return _as_floats(image, lambda values: _in_hsv(values, 0, lambda h: ops.mod(h + delta, 1)))


def _in_hsv(values, channel, change):
    parts = ops.split(ops.image.rgb_to_hsv(values, data_format="channels_last"), 3, axis=-1)
    parts[channel] = change(parts[channel])
    return ops.image.hsv_to_rgb(ops.concatenate(parts, axis=-1), data_format="channels_last")


def _as_floats(image, change):
    image = convert_to_tensor(image)
    return convert_image_dtype(change(convert_image_dtype(image, "float32")), image.dtype, saturate=True)


_generator = functools.cache(random.SeedGenerator)  # the numbers of a seed go on from call to call


def _uniform(low, high, seed):
    return random.uniform((), low, high, seed=None if seed is None else _generator(seed))


def _flipped(axis):
    return lambda image: ops.flip(image, axis=axis)


def _randomly_flipped(axis):
    def flip(image, seed=None):
        return ops.flip(image, axis=axis) if float(_uniform(0, 1, seed)) < 0.5 else convert_to_tensor(image)

    return flip


def random_brightness(image, max_delta, seed=None):
    """`adjust_brightness` by a random amount of up to `max_delta` either way."""
    return adjust_brightness(image, _uniform(-max_delta, max_delta, seed))


def random_contrast(image, lower, upper, seed=None):
    """`adjust_contrast` by a random factor between two bounds."""
    return adjust_contrast(image, _uniform(lower, upper, seed))


def random_hue(image, max_delta, seed=None):
    """`adjust_hue` by a random amount of up to `max_delta` either way."""
    return adjust_hue(image, _uniform(-max_delta, max_delta, seed))


def random_saturation(image, lower, upper, seed=None):
    """`adjust_saturation` by a random factor between two bounds."""
    return adjust_saturation(image, _uniform(lower, upper, seed))


_DECODERS = {
    "decode_bmp": _decode_bmp,
    "decode_image": decode_image,
    "decode_jpeg": _decode_jpeg,
    "decode_png": _decode_png,
}

FUNCTIONS = {
    "image": {
        **_DECODERS,
        "adjust_brightness": adjust_brightness,
        "adjust_contrast": adjust_contrast,
        "adjust_hue": adjust_hue,
        "adjust_saturation": adjust_saturation,
        "central_crop": central_crop,
        "convert_image_dtype": convert_image_dtype,
        "crop_to_bounding_box": crop_to_bounding_box,
        "extract_patches": extract_patches,
        "flip_left_right": _flipped(-2),
        "flip_up_down": _flipped(-3),
        "grayscale_to_rgb": grayscale_to_rgb,
        "pad_to_bounding_box": pad_to_bounding_box,
        "per_image_standardization": per_image_standardization,
        "random_brightness": random_brightness,
        "random_contrast": random_contrast,
        "random_crop": random_crop,
        "random_hue": random_hue,
        "random_saturation": random_saturation,
        "random_flip_left_right": _randomly_flipped(-2),
        "random_flip_up_down": _randomly_flipped(-3),
        "resize": resize,
        "rgb_to_grayscale": rgb_to_grayscale,
    },
    "image.ResizeMethod": {name.upper(): name for name in ("bicubic", "bilinear", "lanczos3", "lanczos5")}
    | {"NEAREST_NEIGHBOR": "nearest"},
    "io": {**_DECODERS, "read_file": read_file, "write_file": write_file},
}
