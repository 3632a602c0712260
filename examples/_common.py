"""What the examples share: their command line and how they save a figure."""

import argparse
import pathlib


def arguments(doc, **more):
    """--small, --output (made where it is missing) and `more` options: {name: keyword arguments}."""
    parser = argparse.ArgumentParser(description=doc.splitlines()[0])
    parser.add_argument("--small", action="store_true", help="a few seconds instead of half a minute")
    parser.add_argument("--output", type=pathlib.Path, default=pathlib.Path("example-output"))
    for name, options in more.items():
        parser.add_argument(f"--{name}", **options)
    found = parser.parse_args()
    found.output.mkdir(parents=True, exist_ok=True)
    return found


def save(figure, path):
    from matplotlib import pyplot as plt

    figure.savefig(path, dpi=110)
    plt.close(figure)
    print(f"Picture: {path}")
