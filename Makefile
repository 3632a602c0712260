# Targets for people who work on or try fastkeras. `make help` lists them.
PYTHON ?= python3
VENV   := .venv
PY     := $(VENV)/bin/python
STAMP  := $(VENV)/.installed
SOURCES := pyproject.toml CMakeLists.txt $(shell find cpp python -name '*.cpp' -o -name '*.h' -o -name '*.py' -o -name '*.pyi' 2>/dev/null)

.PHONY: help demo examples test bench bench-peers lint sanitize sanitize-threads reference clean

help:  ## this list
	@grep -hE '^[a-z-]+:.*##' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/' | expand -t 18

$(VENV)/bin/python:
	$(PYTHON) -m venv $(VENV)
	$(PY) -m pip install --quiet --upgrade pip

# Builds and installs the package with everything the demo, the tests and the benches import.
$(STAMP): $(VENV)/bin/python $(SOURCES)
	$(PY) -m pip install --quiet '.[test,demo,images]'
	@touch $@

demo: $(STAMP)  ## train, evaluate, save, reload a Fashion-MNIST classifier; pictures in demo-output/
	$(PY) examples/fashion_mnist.py

examples: $(STAMP)  ## all of examples/, one after another; pictures and tables in example-output/
	for example in examples/[!_]*.py; do echo "== $$example"; $(PY) $$example --output example-output || exit 1; done

test: $(STAMP)  ## build, install, run the whole suite
	$(PY) -m pytest tests
	cd tests && ../$(PY) -m pytest -q --rootdir=.. -c ../pyproject.toml --pyargs --doctest-modules fastkeras

bench: $(STAMP)  ## kernels and models on this machine
	$(PY) -m pytest bench/ops.py --benchmark-only -q
	$(PY) bench/models.py

bench-peers:  ## the same beside Keras on JAX, TensorFlow, PyTorch and plain PyTorch, in an environment of their own
	bench/peers/install.sh
	$(MAKE) $(STAMP)
	$(PY) bench/models.py --peers .venv-peers/bin/python

lint: $(VENV)/bin/python  ## ruff, clang-format, pyright
	$(PY) -m pip install --quiet '.[lint,test,demo,images]'
	$(VENV)/bin/ruff check . && $(VENV)/bin/ruff format --check .
	$(VENV)/bin/clang-format --dry-run -Werror $$(git ls-files '*.cpp' '*.h')
	$(VENV)/bin/pyright

sanitize: $(VENV)/bin/python  ## the suite under AddressSanitizer and UndefinedBehaviorSanitizer
	$(PYTHON) -m venv .venv-sanitize
	.venv-sanitize/bin/python -m pip install --quiet --upgrade pip
	.venv-sanitize/bin/python -m pip install --quiet -Ccmake.define.FASTKERAS_SANITIZE=address,undefined -Cbuild-dir=build/sanitize '.[test,demo,images]'
	LD_PRELOAD="$$(g++ -print-file-name=libasan.so) $$(g++ -print-file-name=libubsan.so)" ASAN_OPTIONS=detect_leaks=0:allocator_may_return_null=1 \
	  .venv-sanitize/bin/python -m pytest -p no:cacheprovider tests

sanitize-threads: $(VENV)/bin/python  ## what threads do together, under ThreadSanitizer
	$(PYTHON) -m venv .venv-sanitize-threads
	.venv-sanitize-threads/bin/python -m pip install --quiet --upgrade pip
	.venv-sanitize-threads/bin/python -m pip install --quiet -Ccmake.define.FASTKERAS_SANITIZE=thread -Cbuild-dir=build/sanitize-threads '.[test,demo,images]'
	LD_PRELOAD="$$(g++ -print-file-name=libtsan.so)" TSAN_OPTIONS="suppressions=tests/threads.supp halt_on_error=1 allocator_may_return_null=1" \
	  setarch -R .venv-sanitize-threads/bin/python -m pytest -p no:cacheprovider tests/engine/test_threads.py tests/engine/test_trace.py -k "not fork and not child"

reference:  ## recompute the stored figures with real Keras (needs bench/peers/install.sh)
	KERAS_BACKEND=jax .venv-peers/bin/python tests/reference/make.py

clean:  ## forget environments and builds
	rm -rf $(VENV) .venv-sanitize .venv-sanitize-threads build demo-output example-output
