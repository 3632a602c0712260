"""What real Keras computes for CTC: the loss and its gradient, what is decoded, the first steps of a training."""

import numpy as np
from rows_nn import numbers, values_and_gradients

TARGET = np.array([[1, 2, 3, 1], [2, 2, 0, 2], [3, 1, 1, 1], [1, 0, 0, 0]], "int32")


def _loss(target, target_length, output_length, mask_index=0):
    def row(keras):
        lengths = [np.array(n, "int32") for n in (target_length, output_length)]
        return values_and_gradients(
            keras,
            lambda x: keras.ops.ctc_loss(target, x, *lengths, mask_index=mask_index),
            numbers(4, 9, 5, seed=1),
        )

    return row


LOSSES = {
    "plain": _loss(TARGET, [4, 2, 4, 1], [9, 9, 8, 5]),
    "mask": _loss(TARGET, [4, 4, 3, 2], [9, 9, 9, 9], mask_index=4),
    "empty": _loss(TARGET, [0, 0, 1, 0], [9, 0, 0, 4]),
    "too_long": _loss(TARGET, [4, 4, 4, 3], [3, 4, 5, 1]),
    "beyond": _loss(TARGET, [9, -1, 3, 1], [12, 20, -1, 9]),
    "blank_in_target": _loss(TARGET, [4, 4, 4, 3], [9, 9, 9, 9]),
    "no_class": _loss(TARGET + 3 * (TARGET > 2) - 5 * (TARGET == 2), [3, 2, 3, 1], [9, 9, 9, 9]),
    "no_labels": _loss(TARGET[:, :0], [0] * 4, [9, 8, 7, 0]),
}


def ctc(keras):
    """The loss of the library of losses: labels of 0 fill up."""
    y_pred, weight = numbers(4, 9, 5, seed=2), np.array([0.5, 2.0, 0.0, 1.0], "float32")
    made = {}
    for reduction in ("sum_over_batch_size", "sum", "mean_with_sample_weight", None):
        loss = keras.losses.CTC(reduction=reduction)
        made[f"{reduction}"] = loss(TARGET, y_pred)
        made[f"{reduction} weighted"] = loss(TARGET, y_pred, sample_weight=weight)
    return made | values_and_gradients(keras, lambda x: keras.losses.ctc(TARGET.astype("float32"), x), y_pred)


def greedy(keras):
    x, lengths, made = numbers(5, 9, 3, seed=3), np.array([9, 7, 0, 12, 5]), {}
    for merge in (True, False):
        for mask in (0, 1, None):
            labels, score = keras.ops.ctc_decode(x, lengths, merge_repeated=merge, mask_index=mask)
            made |= {f"labels {merge} {mask}": labels, f"score {merge} {mask}": score}
    return made


def beam_search(keras):
    x, lengths, made = numbers(4, 9, 4, seed=4), np.array([9, 7, 12, 1]), {}
    x[0, 1:4] = 0.0  # ties
    for width, paths in ((100, 3), (5, 5), (3, 6), (1, 1), (2, 9)):
        for mask in (0, 2, None):
            labels, score = keras.ops.ctc_decode(
                x, lengths, strategy="beam_search", beam_width=width, top_paths=paths, mask_index=mask
            )
            made |= {f"labels {width} {mask}": labels, f"score {width} {mask}": score}
    return made


def training(keras):
    layers = keras.layers
    model = keras.Sequential(
        [
            keras.Input((12, 3)),
            layers.Conv1D(8, 3, padding="same", activation="tanh"),
            layers.LSTM(6, return_sequences=True),
            layers.Dense(5),
        ]
    )
    random = np.random.RandomState(5)
    model.set_weights([random.normal(scale=0.4, size=w.shape).astype("float32") for w in model.get_weights()])
    model.compile(keras.optimizers.Adam(0.02), "ctc")
    x, labels = random.normal(size=(8, 12, 3)).astype("float32"), random.randint(1, 5, (8, 4))
    labels[:, 2:] *= random.randint(0, 2, (8, 1))
    losses = np.array([model.train_on_batch(x, labels) for _ in range(5)])
    return {"losses": losses, "predictions": model.predict(x, verbose=0), "loss": model.evaluate(x, labels, verbose=0)}


ROWS = {**LOSSES, "ctc": ctc, "greedy": greedy, "beam_search": beam_search, "training": training}
TOLERANCE = {"too_long": 2e-2}  # floats of 1e5, which such a target costs in Keras's recursion, are 0.008 apart
