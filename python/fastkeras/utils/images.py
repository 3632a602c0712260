"""Images as arrays and back, with Pillow."""

import io
import os
import struct
import warnings

import numpy as np

_INTERPOLATIONS = ("nearest", "bilinear", "bicubic", "hamming", "box", "lanczos")


def pillow(function):
    """Pillow's module Image; raises ImportError, for `function`, where it is not installed."""
    try:
        from PIL import Image
    except ImportError:
        raise ImportError(f"[{function}] needs Pillow: pip install Pillow") from None
    return Image


def _data_format(data_format):
    from fastkeras.engine import config

    data_format = data_format or config.image_data_format()
    if data_format not in ("channels_first", "channels_last"):
        raise ValueError(
            f"[image] data_format must be 'channels_first' or 'channels_last'. Received: data_format={data_format!r}"
        )
    return data_format


def array_to_img(x, data_format=None, scale=True, dtype=None):
    """A Pillow image of an array of shape `(height, width, channels)` with 1, 3 or 4 channels.

    `scale` spreads the values over 0..255; without it they are taken as they are.
    """
    from fastkeras.engine import config

    image = pillow("array_to_img")
    data_format = _data_format(data_format)
    x = np.asarray(x, dtype=dtype or config.floatx())
    if x.ndim != 3:
        raise ValueError(f"[array_to_img] the array must have rank 3. Received: shape={x.shape}")
    if data_format == "channels_first":
        x = x.transpose(1, 2, 0)
    if scale:
        x = x - x.min()
        top = x.max()
        x = (x / top if top != 0 else x) * 255
    if x.shape[2] in (3, 4):
        return image.fromarray(x.astype("uint8"))
    if x.shape[2] == 1:
        return image.fromarray(x[:, :, 0].astype("int32" if x.max() > 255 else "uint8"))
    raise ValueError(f"[array_to_img] 1, 3 or 4 channels are supported. Received: shape={x.shape}")


def img_to_array(img, data_format=None, dtype=None):
    """The array of an image: `(height, width, channels)`, or channels first as `data_format` says."""
    from fastkeras.engine import config

    data_format = _data_format(data_format)
    x = np.asarray(img, dtype=dtype or config.floatx())
    if x.ndim == 2:
        x = x[:, :, None]
    if x.ndim != 3:
        raise ValueError(f"[img_to_array] an image has rank 2 or 3. Received: shape={x.shape}")
    return x.transpose(2, 0, 1) if data_format == "channels_first" else x


def save_img(path, x, data_format=None, file_format=None, scale=True, **kwargs):
    """Write an array as an image; the format follows the name. `kwargs` go to Pillow's `save`."""
    if file_format is None and isinstance(path, (str, os.PathLike)):
        file_format = os.path.splitext(os.fspath(path))[1][1:].lower()
    if file_format and file_format.lower() == "jpg":
        file_format = "jpeg"
    img = array_to_img(x, data_format=data_format, scale=scale)
    if img.mode == "RGBA" and file_format == "jpeg":
        warnings.warn("The JPEG format does not support RGBA images, converting to RGB.", stacklevel=2)
        img = img.convert("RGB")
    img.save(path, format=file_format, **kwargs)


def load_img(path, color_mode="rgb", target_size=None, interpolation="nearest", keep_aspect_ratio=False):
    """Read an image.

    Args:
        path: a path, or an `io.BytesIO`.
        color_mode: `"grayscale"`, `"rgb"` or `"rgba"`.
        target_size: `(height, width)`, or None to keep the size.
        interpolation: `"nearest"`, `"bilinear"`, `"bicubic"`, `"hamming"`, `"box"` or `"lanczos"`.
        keep_aspect_ratio: cut the middle out in the proportions of `target_size` first.

    Returns:
        a Pillow image.

    Raises:
        OSError: for files that are broken, no images, or larger than Pillow's `Image.MAX_IMAGE_PIXELS` allows.
    """
    image = pillow("load_img")
    modes = {"grayscale": "L", "rgb": "RGB", "rgba": "RGBA"}
    if color_mode not in modes:
        raise ValueError(f"[load_img] color_mode must be one of {list(modes)}. Received: color_mode={color_mode!r}")
    if isinstance(path, io.BytesIO):
        file = path
    elif isinstance(path, (str, bytes, os.PathLike)):
        with open(path, "rb") as opened:
            file = io.BytesIO(opened.read())
    else:
        raise TypeError(f"[load_img] path must be a path or io.BytesIO. Received: {type(path)}")
    try:
        img = image.open(file)
        img.load()
    except (OSError, SyntaxError, ValueError, EOFError, struct.error, image.DecompressionBombError) as error:
        raise OSError(
            f"[load_img] the file is not an image that can be read ({error}). Received: path={path!r}"
        ) from error
    if color_mode != "grayscale" or img.mode not in ("L", "I;16", "I"):
        img = img.convert(modes[color_mode])
    if target_size is None or img.size == (target_size[1], target_size[0]):
        return img
    if interpolation not in _INTERPOLATIONS:
        raise ValueError(
            f"[load_img] interpolation must be one of {_INTERPOLATIONS}. Received: interpolation={interpolation!r}"
        )
    height, width = target_size
    box = None
    if keep_aspect_ratio:
        crop_width, crop_height = (
            min(img.width, img.height * width // height),
            min(img.height, img.width * height // width),
        )
        left, top = (img.width - crop_width) // 2, (img.height - crop_height) // 2
        box = (left, top, left + crop_width, top + crop_height)
    return img.resize((width, height), image.Resampling[interpolation.upper()], box=box)


def smart_resize(x, size, interpolation="bilinear", data_format=None, backend_module=None):
    """Images of another size without distortion: the middle is cut out in the proportions of `size`, then resized.

    Args:
        x: (height, width, channels) or a batch of them; arrays give arrays, tensors tensors.
        size: `(height, width)`.
        interpolation: as in `ops.image.resize`.

    Raises:
        ValueError: for other ranks and sizes.

    >>> import numpy as np
    >>> smart_resize(np.ones((8, 4, 3)), (2, 2)).shape
    (2, 2, 3)
    """
    from fastkeras.ops import image

    if backend_module is not None:
        raise ValueError(f"[smart_resize] there is one backend. Received: backend_module={backend_module}")
    resized = image.resize(
        x, size, interpolation=interpolation, crop_to_aspect_ratio=True, data_format=_data_format(data_format)
    )
    return resized.numpy() if isinstance(x, np.ndarray) else resized
