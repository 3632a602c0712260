#!/bin/sh
# Installs what fastkeras is measured beside into .venv-peers; the library itself needs none of it.
set -e
cd "$(dirname "$0")/../.."
python3 -m venv .venv-peers
.venv-peers/bin/python -m pip install --quiet --upgrade pip
.venv-peers/bin/python -m pip install --quiet -r bench/peers/requirements.txt
