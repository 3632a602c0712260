"""By hand: real Keras opens what fastkeras saves, predicts the same and trains on from the same state.

python tests/saving/check_keras_opens_ours.py write FOLDER     where fastkeras is installed
python tests/saving/check_keras_opens_ours.py check FOLDER     where Keras is installed
"""

import pathlib
import sys
import warnings

import numpy as np

sys.path.insert(0, str(pathlib.Path(__file__).parents[1] / "reference"))
from models_for_files import ALL, MODELS, NEW_LOSSES, predictions, train
from rows_features import of_small, small


def write(folder):
    import fastkeras as keras

    folder.mkdir(parents=True, exist_ok=True)
    for name, make in ALL.items():
        keras.utils.set_random_seed(0)
        model, x, y = make(keras)
        train(model, x, y, 3)
        model.save_weights(folder / f"{name}.weights.h5")
        if name in MODELS:
            model.save(folder / f"{name}.keras")
            model.save(folder / f"{name}.h5")
        figures = {f"predictions{i}": array for i, array in enumerate(predictions(model, x))}
        np.savez(folder / f"{name}.npz", losses=train(model, x, y, 3), **figures)
    space = small(keras)
    space.save(folder / "feature_space.keras")
    np.save(folder / "feature_space.npy", of_small(space))


def check(folder):
    import keras

    for name, make in ALL.items():
        expected = np.load(folder / f"{name}.npz")
        fresh, x, y = make(keras)
        train(fresh, x, y, 1)
        fresh.load_weights(folder / f"{name}.weights.h5")
        loaded = {".weights.h5": fresh}
        if name in MODELS:
            for extension in (".keras", ".h5"):
                # Keras 3.15 cannot compile a model of an .h5 file with the loss "mse", its own included
                known = extension == ".keras" or name == "mlp"
                with warnings.catch_warnings(record=True) as caught:
                    warnings.simplefilter("always")
                    loaded[extension] = keras.saving.load_model(folder / f"{name}{extension}", compile=known)
                assert not [w for w in caught if "Skipping variable" in str(w.message)]
        for extension, model in loaded.items():
            for i, array in enumerate(predictions(model, x)):
                np.testing.assert_allclose(array, expected[f"predictions{i}"], rtol=1e-5, atol=1e-6)
            if not model.compiled:
                print(f"{name}{extension}: Keras {keras.__version__} opens it and predicts alike")
                continue
            assert int(model.optimizer.iterations) == 3, extension
            if name not in NEW_LOSSES:
                np.testing.assert_allclose(train(model, x, y, 3), expected["losses"], rtol=1e-4)
            print(f"{name}{extension}: Keras {keras.__version__} opens it, predicts and trains on alike")
    space = keras.saving.load_model(folder / "feature_space.keras")
    np.testing.assert_allclose(of_small(space), np.load(folder / "feature_space.npy"), rtol=1e-5)
    print(f"feature_space.keras: Keras {keras.__version__} opens it and encodes alike")


if __name__ == "__main__":
    {"write": write, "check": check}[sys.argv[1]](pathlib.Path(sys.argv[2]))
