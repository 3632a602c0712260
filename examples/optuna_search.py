"""Searches hyperparameters with Optuna; a callback ends trials that lag behind.

    pip install optuna
    python examples/optuna_search.py [--small] [--output example-output]

Leaves optuna.csv, the table of the trials, and optuna.png: their accuracy over the epochs.
"""

import csv
import sys

from _common import arguments, save
from matplotlib import pyplot as plt
from sklearn.datasets import load_digits

import fastkeras as keras
from fastkeras import layers


class Pruning(keras.callbacks.Callback):
    """Reports a metric to a trial after each epoch, and ends the trial when Optuna gives it up."""

    def __init__(self, trial, monitor="val_accuracy"):
        super().__init__()
        self.trial, self.monitor = trial, monitor

    def on_epoch_end(self, epoch, logs=None):
        import optuna

        self.trial.report(logs[self.monitor], step=epoch)
        if self.trial.should_prune():
            raise optuna.TrialPruned(f"given up after epoch {epoch + 1}")


def main():
    options = arguments(__doc__)
    try:
        import optuna
    except ImportError:
        sys.exit("This example needs Optuna: pip install optuna (or fastkeras[optuna])")
    digits = load_digits()
    x, y = digits.data / 16.0, digits.target
    epochs = 3 if options.small else 12

    def objective(trial):
        keras.utils.set_random_seed(trial.number)
        model = keras.Sequential([keras.Input((64,))])
        for i in range(trial.suggest_int("layers", 1, 3)):
            model.add(layers.Dense(trial.suggest_int(f"width_{i}", 8, 256, log=True), activation="relu"))
            model.add(layers.Dropout(trial.suggest_float(f"dropout_{i}", 0.0, 0.5)))
        model.add(layers.Dense(10, activation="softmax"))
        rate = trial.suggest_float("rate", 1e-4, 1e-1, log=True)
        optimizer = {"adam": keras.optimizers.Adam, "sgd": keras.optimizers.SGD}[
            trial.suggest_categorical("optimizer", ["adam", "sgd"])
        ]
        model.compile(optimizer(rate), "sparse_categorical_crossentropy", metrics=["accuracy"])
        history = model.fit(
            x[:1300],
            y[:1300],
            epochs=epochs,
            verbose=0,
            validation_data=(x[1300:], y[1300:]),
            callbacks=[Pruning(trial)],
        )
        return history.history["val_accuracy"][-1]

    optuna.logging.set_verbosity(optuna.logging.WARNING)
    study = optuna.create_study(
        direction="maximize",
        sampler=optuna.samplers.TPESampler(seed=0),
        pruner=optuna.pruners.MedianPruner(n_startup_trials=3, n_warmup_steps=1),
    )
    study.optimize(objective, n_trials=6 if options.small else 50)

    table = options.output / "optuna.csv"
    names = ["layers", "width_0", "dropout_0", "rate", "optimizer"]
    with open(table, "w", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(["trial", "state", "epochs", "accuracy", *names])
        for trial in study.trials:
            seen = trial.intermediate_values
            parameters = [trial.params[name] for name in names]
            writer.writerow([trial.number, trial.state.name, len(seen), max(seen.values()), *parameters])
    pruned = sum(trial.state.name == "PRUNED" for trial in study.trials)
    print(f"{len(study.trials)} trials, {pruned} given up early; table: {table}")
    print(f"Best accuracy {study.best_value:.2%} with {study.best_params}")

    figure, axis = plt.subplots(figsize=(8, 4.5), layout="constrained")
    for trial in study.trials:
        done = trial.state.name == "COMPLETE"
        steps, values = zip(*sorted(trial.intermediate_values.items()))
        axis.plot(
            [s + 1 for s in steps], values, ".-", color="tab:blue" if done else "tab:red", alpha=0.7 if done else 0.4
        )
    axis.set(title="Trials: completed blue, given up red", xlabel="epoch", ylabel="validation accuracy")
    axis.grid(alpha=0.3)
    save(figure, options.output / "optuna.png")


if __name__ == "__main__":
    main()
