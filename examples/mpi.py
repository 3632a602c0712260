"""Trains one classifier by several processes, each on its part of every batch.

    pip install 'fastkeras[mpi]'
    mpirun -n 2 python examples/mpi.py [--small] [--output example-output]

Under a launcher or not, the same script; process 0 prints and writes the table of the epochs, mpi.csv.
"""

from _common import arguments
from sklearn.datasets import load_digits

import fastkeras as keras
from fastkeras import layers


def main():
    options = arguments(__doc__)
    parallel = keras.distribution.DataParallel()
    keras.distribution.set_distribution(parallel)
    is_first = parallel.data_shard_id == 0
    keras.utils.set_random_seed(42)
    digits = load_digits()
    x, y = digits.images[..., None] / 16.0, digits.target
    model = keras.Sequential(
        [
            keras.Input((8, 8, 1)),
            layers.Conv2D(32, 3, padding="same", activation="relu"),
            layers.Conv2D(32, 3, padding="same", activation="relu"),
            layers.Flatten(),
            layers.Dense(10, activation="softmax"),
        ]
    )
    model.compile("adam", "sparse_categorical_crossentropy", metrics=["accuracy"])
    table = options.output / "mpi.csv"
    model.fit(
        x[:1500],
        y[:1500],
        batch_size=32 // parallel.num_processes,
        epochs=2 if options.small else 10,
        validation_data=(x[1500:], y[1500:]),
        callbacks=[keras.callbacks.CSVLogger(table)],  # callbacks run in process 0 only
        verbose=2,
    )
    loss, accuracy = model.evaluate(x[1500:], y[1500:], verbose=0)
    if is_first:
        print(f"{parallel.num_processes} process(es): test loss {loss:.4f}, test accuracy {accuracy:.2%}; {table}")


if __name__ == "__main__":
    main()
