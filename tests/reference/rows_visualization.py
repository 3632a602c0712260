"""Masks drawn on images."""

import numpy as np

TOLERANCE = {}
RNG = np.random.RandomState(5)
IMAGES = RNG.uniform(0, 255, (2, 6, 7, 3)).astype("float32")
MASKS = RNG.randint(-1, 5, (2, 6, 7, 1))
COLORS = {0: (1, 2, 3), 1: (250, 0, 20), 2: (0, 200, 30), 3: (9, 90, 190)}


def masks(k):
    draw = k.visualization.draw_segmentation_masks
    return {
        "plain": draw(IMAGES, MASKS),
        "of bytes": draw(IMAGES.astype("uint8"), MASKS.astype("int8"), num_classes=5),
        "coloured": draw(IMAGES, MASKS, num_classes=4, color_mapping=COLORS, alpha=0.3, ignore_index=2),
        "covered": draw(IMAGES, MASKS, num_classes=4, color_mapping=COLORS, blend=False),
        "first": draw(IMAGES.transpose(0, 3, 1, 2), MASKS.transpose(0, 3, 1, 2), data_format="channels_first"),
    }


ROWS = {"masks": masks}
TOLERANCE["masks"] = 0.0
