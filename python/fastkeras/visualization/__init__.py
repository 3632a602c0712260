"""keras.visualization: boxes and masks drawn on images, with Pillow; galleries of images, with matplotlib."""

from fastkeras.lazy import lazy

__getattr__, __dir__, __all__ = lazy(
    __name__,
    {
        "draw_bounding_boxes": ".drawing",
        "draw_segmentation_masks": ".drawing",
        "plot_bounding_box_gallery": ".galleries",
        "plot_image_gallery": ".galleries",
        "plot_segmentation_mask_gallery": ".galleries",
    },
)
