"""keras.ops.image: images as tensors (height, width, channels), alone or in batches."""

from fastkeras.ops._image_colors import hsv_to_rgb, rgb_to_grayscale, rgb_to_hsv
from fastkeras.ops._image_filters import gaussian_blur, sobel_edges, ssim
from fastkeras.ops._image_parts import crop_images, extract_patches, extract_patches_3d, pad_images
from fastkeras.ops._image_resize import resize, scale_and_translate
from fastkeras.ops._image_sampling import affine_transform, map_coordinates
from fastkeras.ops._image_warps import elastic_transform, perspective_transform

__all__ = [
    "affine_transform",
    "crop_images",
    "elastic_transform",
    "extract_patches",
    "extract_patches_3d",
    "gaussian_blur",
    "hsv_to_rgb",
    "map_coordinates",
    "pad_images",
    "perspective_transform",
    "resize",
    "rgb_to_grayscale",
    "rgb_to_hsv",
    "scale_and_translate",
    "sobel_edges",
    "ssim",
]
