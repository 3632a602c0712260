"""keras.utils.bounding_boxes: boxes of objects in images, their formats, movements, deltas to anchors and overlaps."""

from fastkeras.lazy import lazy

__getattr__, __dir__, __all__ = lazy(
    __name__,
    {
        "affine_transform": ".moving",
        "clip_to_image_size": ".moving",
        "compute_ciou": ".overlap",
        "compute_iou": ".overlap",
        "convert_format": ".formats",
        "crop": ".moving",
        "decode_deltas_to_boxes": ".deltas",
        "encode_box_to_deltas": ".deltas",
        "pad": ".moving",
    },
)
