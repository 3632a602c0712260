"""Galleries: many images, their labels, boxes and masks, in one figure."""

import math

import numpy as np

from fastkeras import ops
from fastkeras.engine import config
from fastkeras.visualization.drawing import batch_shape, draw_bounding_boxes, draw_segmentation_masks


def plot_image_gallery(
    images,
    y_true=None,
    y_pred=None,
    label_map=None,
    rows=None,
    cols=None,
    value_range=(0, 255),
    scale=2,
    path=None,
    show=None,
    transparent=True,
    dpi=60,
    legend_handles=None,
    data_format=None,
):
    """Plots images in rows and columns, labels and predictions above them.

    Args:
        images: (batch, height, width, channels), or channels first.
        y_true, y_pred: labels and predicted labels, (batch,).
        label_map: {label: name}; others are called Unknown.
        rows, cols: of the gallery; by default as many as the images need. Images beyond `rows * cols` are left out.
        value_range: of the values of `images`.
        scale: height and width of an image, in inches.
        path: file to write; without it the figure is shown.
        show: show the figure? Default: without a `path`. Else it stays open.
        transparent, dpi: background and dots per inch of the file.
        legend_handles: matplotlib's, for a legend.
        data_format: `"channels_last"` or `"channels_first"`; default: `config.image_data_format()`.

    Raises:
        ValueError: for images of another rank, `path` with `show`, labels without a `label_map`.
        ImportError: without matplotlib.

    >>> import fastkeras as keras, numpy as np
    >>> keras.visualization.plot_image_gallery(np.zeros((4, 8, 8, 3)), show=False)
    """
    plt = _pyplot("plot_image_gallery")
    if path is not None and show:
        raise ValueError(
            "plot_gallery() expects either `path` to be set, or `show` to be true. "
            f"Received: path={path!r}, show={show}"
        )
    if (y_true is not None or y_pred is not None) and label_map is None:
        raise ValueError(
            "If `y_true` or `y_pred` are provided, a `label_map` must also be provided. "
            f"Received: label_map={label_map}"
        )
    count = batch_shape(images)[0]
    rows, cols = _grid(count, rows, cols)
    images = _pixels(_channels_last(images, data_format)[: rows * cols], value_range)
    figure, axes = plt.subplots(
        rows,
        cols,
        figsize=(cols * scale, rows * scale),
        frameon=False,
        layout="tight",
        squeeze=False,
        sharex="row",
        sharey="col",
    )
    figure.subplots_adjust(wspace=0, hspace=0)
    if legend_handles is not None:
        figure.legend(handles=legend_handles, loc="lower center")
    titles = _titles(len(images), {"Label": y_true, "Pred": y_pred}, label_map)
    for axis in axes.flat:
        axis.margins(x=0, y=0)
        axis.axis("off")
    for axis, image, title in zip(axes.flat, images, titles, strict=False):
        axis.imshow(np.repeat(image, 3, axis=-1) if image.shape[-1] == 1 else image)
        if title:
            axis.set_title(title, fontsize=8)
    _give_out(plt, figure, path, show, transparent=transparent, dpi=dpi)


def plot_bounding_box_gallery(
    images,
    bounding_box_format,
    y_true=None,
    y_pred=None,
    value_range=(0, 255),
    true_color=(0, 188, 212),
    pred_color=(255, 235, 59),
    line_thickness=2,
    font_scale=1.0,
    text_thickness=None,
    class_mapping=None,
    ground_truth_mapping=None,
    prediction_mapping=None,
    legend=False,
    legend_handles=None,
    rows=None,
    cols=None,
    data_format=None,
    **kwargs,
):
    """Plots images with the boxes of objects and those that were predicted.

    Args:
        images: (batch, height, width, channels), or channels first.
        y_true, y_pred: boxes and predicted boxes, see `draw_bounding_boxes`, as are their format, `line_thickness`,
            `font_scale` and `text_thickness`.
        value_range: of the values of `images`.
        true_color, pred_color: red, green and blue of the boxes, from 0 to 255.
        class_mapping: {label: name}, or for boxes and predictions apart `ground_truth_mapping`, `prediction_mapping`.
        legend: tell the colours.
        legend_handles: matplotlib's, for another legend.
        rows, cols, kwargs: arguments of `plot_image_gallery`.
        data_format: `"channels_last"` or `"channels_first"`; default: `config.image_data_format()`.

    Raises:
        ValueError: for images of another rank, `legend` with `legend_handles`.
        ImportError: without matplotlib or Pillow.

    >>> import fastkeras as keras, numpy as np
    >>> boxes = {"boxes": np.array([[[1, 1, 5, 5]]]), "labels": np.array([[0]])}
    >>> keras.visualization.plot_bounding_box_gallery(np.zeros((1, 8, 8, 3)), "xyxy", boxes, show=False)
    """
    _pyplot("plot_bounding_box_gallery")
    batch_shape(images)
    images = _channels_last(images, data_format)
    images = images if tuple(value_range) == (0, 255) else _pixels(images, value_range)
    for boxes, color, mapping in (
        (y_true, true_color, ground_truth_mapping or class_mapping),
        (y_pred, pred_color, prediction_mapping or class_mapping),
    ):
        if boxes is not None:
            images = draw_bounding_boxes(
                images,
                boxes,
                bounding_box_format,
                class_mapping=mapping,
                color=color,
                line_thickness=line_thickness,
                text_thickness=text_thickness,
                font_scale=font_scale,
                data_format="channels_last",
            )
    if legend:
        if legend_handles:
            raise ValueError(
                "Only pass `legend` OR `legend_handles` to `keras.visualization.plot_bounding_box_gallery()`. "
                f"Received: legend={legend}, legend_handles={legend_handles}"
            )
        legend_handles = _legend({"Ground Truth": true_color, "Prediction": pred_color})
    plot_image_gallery(
        images, legend_handles=legend_handles, rows=rows, cols=cols, data_format="channels_last", **kwargs
    )


def plot_segmentation_mask_gallery(
    images,
    num_classes,
    value_range=(0, 255),
    y_true=None,
    y_pred=None,
    color_mapping=None,
    blend=True,
    alpha=0.8,
    ignore_index=-1,
    data_format=None,
    **kwargs,
):
    """Plots each image in a row with its mask and its predicted mask.

    Args:
        images: (batch, height, width, channels), or channels first.
        value_range: of the values of `images`.
        y_true, y_pred: masks and predicted masks, see `draw_segmentation_masks`, as are `num_classes`,
            `color_mapping`, `blend`, `alpha` and `ignore_index`.
        data_format: of images and masks, `"channels_last"` or `"channels_first"`; default:
            `config.image_data_format()`.
        kwargs: arguments of `plot_image_gallery`.

    Raises:
        ValueError: for images of another rank.
        ImportError: without matplotlib.

    >>> import fastkeras as keras, numpy as np
    >>> images, masks = np.zeros((2, 8, 8, 3)), np.ones((2, 8, 8, 1))
    >>> keras.visualization.plot_segmentation_mask_gallery(images, 2, y_true=masks, show=False)
    """
    _pyplot("plot_segmentation_mask_gallery")
    count = batch_shape(images)[0]
    images = _channels_last(images, data_format)
    images = images if tuple(value_range) == (0, 255) else _pixels(images, value_range)
    columns = [images]
    for masks in (y_true, y_pred):
        if masks is not None:
            masks = ops.convert_to_numpy(masks).astype("int32")
            masks = _channels_last(masks, data_format) if masks.ndim == 4 else masks
            columns.append(
                draw_segmentation_masks(
                    images, masks, num_classes, color_mapping, alpha, blend, ignore_index, "channels_last"
                )
            )
    shown = np.stack(columns, axis=1).reshape(-1, *images.shape[1:])
    plot_image_gallery(shown, rows=count, cols=len(columns), data_format="channels_last", **kwargs)


def _pyplot(function):
    try:
        from matplotlib import pyplot
    except ImportError:
        raise ImportError(
            f"The `{function}` function requires the `matplotlib` package. Please install it with "
            "`pip install matplotlib`."
        ) from None
    return pyplot


def _grid(count, rows, cols):
    """Rows and columns for `count` images."""
    if rows is None:
        rows = math.ceil(count / cols) if cols else math.ceil(math.sqrt(count))
    return rows, cols or math.ceil(count / rows)


def _channels_last(images, data_format):
    images = ops.convert_to_numpy(images)
    first = config.standardize_data_format(data_format) == "channels_first"
    return images.transpose(0, 2, 3, 1) if first else images


def _pixels(images, value_range):
    """Values of a range as bytes."""
    low, high = value_range
    if (low, high) != (0, 255):
        images = (images.astype("float32") - low) / (high - low) * 255
    return np.clip(images, 0, 255).astype("uint8")


def _titles(count, labels, label_map):
    """What stands above each image, of {"Label": numbers, "Pred": numbers}."""
    known = {name: ops.convert_to_numpy(values).tolist() for name, values in labels.items() if values is not None}
    return [
        "  ".join(f"{name}: {label_map.get(v[i], 'Unknown')}" for name, v in known.items() if i < len(v))
        for i in range(count)
    ]


def _legend(colors):
    from matplotlib.patches import Patch

    return [Patch(color=np.array(color) / 255, label=label) for label, color in colors.items()]


def _give_out(plt, figure, path, show, **settings):
    """Into the file, or onto the screen unless `show` is False."""
    if path is not None:
        figure.savefig(path, pad_inches=0, bbox_inches="tight", **settings)
        plt.close(figure)
    elif show is None or show:
        plt.show()
        plt.close(figure)
