"""Searches the width, dropout and learning rate of a classifier with scikit-learn's GridSearchCV.

    python examples/grid_search.py [--small] [--output example-output]

Leaves grid.csv, the table of all results, and grid.png.
"""

import numpy as np
import pandas as pd
from _common import arguments, save
from matplotlib import pyplot as plt
from sklearn.datasets import load_digits
from sklearn.model_selection import GridSearchCV, train_test_split
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

import fastkeras as keras
from fastkeras import layers
from fastkeras.wrappers import SKLearnClassifier


def build_model(X, y, width=64, dropout=0.0, rate=1e-3):
    model = keras.Sequential(
        [
            keras.Input(X.shape[1:]),
            layers.Dense(width, activation="relu"),
            layers.Dropout(dropout),
            layers.Dense(y.shape[1], activation="softmax"),
        ]
    )
    model.compile(keras.optimizers.Adam(rate), "categorical_crossentropy")
    return model


def main():
    options = arguments(__doc__)
    keras.utils.set_random_seed(8)
    x, y = load_digits(return_X_y=True)
    x, x_test, y, y_test = train_test_split(
        x[:400] if options.small else x, y[:400] if options.small else y, random_state=0
    )
    widths, dropouts, rates = (
        ([16, 64], [0.0], [1e-3, 1e-2])
        if options.small
        else (
            [16, 64, 256],
            [0.0, 0.3],
            [3e-4, 1e-3, 1e-2],
        )
    )
    classifier = SKLearnClassifier(build_model, fit_kwargs={"epochs": 3 if options.small else 15, "verbose": 0})
    settings = [{"width": w, "dropout": d, "rate": r} for w in widths for d in dropouts for r in rates]
    search = GridSearchCV(
        make_pipeline(StandardScaler(), classifier),
        {"sklearnclassifier__model_kwargs": settings},
        cv=3,
        n_jobs=2,
    )
    search.fit(x, y)

    results = search.cv_results_
    table = pd.DataFrame(settings).assign(
        accuracy=results["mean_test_score"], spread=results["std_test_score"], seconds=results["mean_fit_time"]
    )
    table = table.sort_values("accuracy", ascending=False)
    table.to_csv(options.output / "grid.csv", index=False)
    print(table.to_string(index=False, float_format=lambda v: f"{v:.4g}"))
    print(f"\nBest on test data: {search.score(x_test, y_test):.2%}; table: {options.output / 'grid.csv'}")

    figure, axes = plt.subplots(
        1, len(dropouts), figsize=(4.5 * len(dropouts), 3.5), squeeze=False, layout="constrained"
    )
    scores = np.reshape(results["mean_test_score"], (len(widths), len(dropouts), len(rates)))
    for axis, dropout, values in zip(axes.flat, dropouts, scores.transpose(1, 0, 2)):
        image = axis.imshow(values, vmin=scores.min(), vmax=scores.max())
        for (row, column), value in np.ndenumerate(values):
            axis.text(column, row, f"{value:.3f}", ha="center", va="center", color="white")
        axis.set_xticks(range(len(rates)), rates)
        axis.set_yticks(range(len(widths)), widths)
        axis.set(title=f"dropout {dropout}", xlabel="learning rate", ylabel="width")
    figure.colorbar(image, ax=axes, label="accuracy")
    save(figure, options.output / "grid.png")


if __name__ == "__main__":
    main()
