"""keras.ops.image: images as tensors (height, width, channels), alone or in batches."""

from fastkeras.ops._image_colors import hsv_to_rgb, rgb_to_grayscale, rgb_to_hsv
from fastkeras.ops._image_parts import crop_images, extract_patches, pad_images
from fastkeras.ops._image_resize import resize
from fastkeras.ops._image_sampling import affine_transform, map_coordinates

__all__ = [
    "affine_transform",
    "crop_images",
    "extract_patches",
    "hsv_to_rgb",
    "map_coordinates",
    "pad_images",
    "resize",
    "rgb_to_grayscale",
    "rgb_to_hsv",
]
