"""Who knows whom: the directions of HACKING.md and cpp/README.md, read from imports and includes."""

import ast
import os
import pathlib
import re
import shutil
import subprocess

import pytest

import fastkeras
from fastkeras.engine import primitive_names

PACKAGE = pathlib.Path(fastkeras.__file__).parent

# Each row may import the rows above it and, within a row, its own neighbours.
LEVELS = (
    ("_core",),
    ("engine", "lazy"),
    ("registry", "ops"),
    ("random", "activations", "initializers", "regularizers", "constraints", "dtype_policies", "quantizers"),
    ("config", "data", "distribution", "utils", "saving"),
    ("layers", "losses", "metrics", "optimizers", "callbacks", "datasets", "visualization"),
    ("training", "models"),
    (
        "applications", "backend", "compat", "distillation", "kernels", "legacy", "mixed_precision", "preprocessing",
        "tree", "wrappers",
    ),
    ("__init__", "__main__"),
)  # fmt: skip
LEVEL = {name: i for i, row in enumerate(LEVELS) for name in row}


def part_of(path):
    relative = path.relative_to(PACKAGE)
    return relative.parts[0] if len(relative.parts) > 1 else relative.stem


def imports(tree, everywhere):
    """Names of the parts of fastkeras that a module imports: at its top level, or also inside functions."""
    nodes = ast.walk(tree) if everywhere else tree.body
    for node in nodes:
        if isinstance(node, ast.ImportFrom) and node.module and node.module.split(".")[0] == "fastkeras":
            parts = node.module.split(".")
            yield from [parts[1]] if len(parts) > 1 else [alias.name for alias in node.names]
        elif isinstance(node, ast.Import):
            for alias in node.names:
                parts = alias.name.split(".")
                if parts[0] == "fastkeras" and len(parts) > 1:
                    yield parts[1]


def test_python_imports_go_down():
    wrong = []
    for path in sorted(PACKAGE.rglob("*.py")):
        part = part_of(path)
        for name in imports(ast.parse(path.read_text()), everywhere=False):
            if name in LEVEL and LEVEL[name] > LEVEL[part]:
                wrong.append(f"{path.relative_to(PACKAGE)} imports {name}")
    assert not wrong, "\n".join(wrong)


def test_every_part_has_a_level():
    parts = {part_of(path) for path in PACKAGE.rglob("*.py")}
    assert parts <= set(LEVEL), parts - set(LEVEL)


def test_only_the_engine_imports_the_extension():
    knowing = {
        part_of(path)
        for path in PACKAGE.rglob("*.py")
        if "_core" in imports(ast.parse(path.read_text()), everywhere=True)
    }
    assert knowing == {"engine"}


def test_every_primitive_that_python_names_exists():
    known = set(primitive_names())
    named = set()
    for path in PACKAGE.rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id == "primitive":
                named.update(a.value for a in node.args if isinstance(a, ast.Constant))
    assert named and named <= known, named - known


# --- C++ ---

CPP = pathlib.Path(__file__).parent.parent / "cpp"
INCLUDE = re.compile(r'^\s*#\s*include\s*([<"])([^>"]+)', re.MULTILINE)
# What each folder may include of ours, besides itself.
MAY_INCLUDE = {
    "core": (),
    "simd": ("isa_list.h", "core/dtype.h", "core/error.h"),
    "kernels": ("simd/", "core/parallel.h", "core/slot.h", "core/dtype.h", "core/rng.h"),
    "graph": ("core/", "kernels/tile.h"),
    "ops": ("graph/op.h", "kernels/", "simd/", "core/"),
    "bind": ("graph/", "core/", "simd/dispatch.h"),
}


def cpp_sources(folder="*"):
    return sorted(CPP.glob(f"{folder}/**/*.h")) + sorted(CPP.glob(f"{folder}/**/*.cpp"))


def test_cpp_includes_follow_the_directions():
    wrong = []
    for path in cpp_sources():
        folder = path.relative_to(CPP).parts[0]
        for kind, name in INCLUDE.findall(path.read_text()):
            if kind == '"' and not name.startswith((f"{folder}/", *MAY_INCLUDE[folder])):
                wrong.append(f"{folder}/{path.name} includes {name}")
    assert cpp_sources("kernels")
    assert not wrong, "\n".join(wrong)


def test_openmp_and_pybind11_stay_where_they_belong():
    def including(prefix):
        return {
            f"{p.parent.name}/{p.name}"
            for p in cpp_sources()
            if any(kind == "<" and name.startswith(prefix) for kind, name in INCLUDE.findall(p.read_text()))
        }

    assert including("omp.h") == {"core/parallel.cpp"}
    assert {name.split("/")[0] for name in including("pybind11")} == {"bind"}


def build_directory():
    candidates = [os.environ.get("FASTKERAS_BUILD_DIR"), *sorted(CPP.parent.glob("build*"))]
    return next((pathlib.Path(c) for c in candidates if c and list(pathlib.Path(c).rglob("fk_portable.dir"))), None)


def test_code_of_an_isa_is_shared_with_no_other():
    """The linker keeps one copy of a weak symbol: it could be the one with instructions that this CPU lacks."""
    directory, nm = build_directory(), shutil.which("nm")
    if not directory or not nm:
        pytest.skip("no build directory (FASTKERAS_BUILD_DIR, or build* in the repository) or no nm")
    leaks, seen = [], set()
    for objects in directory.rglob("fk_*.dir"):
        isa = objects.name[len("fk_") : -len(".dir")]
        for path in objects.rglob("*.o") if isa not in ("once", "options") else ():
            seen.add(isa)
            listing = subprocess.run([nm, "-C", "--defined-only", path], capture_output=True, text=True, check=True)
            for line in listing.stdout.splitlines():
                kind, name = line.split(maxsplit=2)[1:]
                if name.startswith("__odr_asan"):  # of a sanitized build (make sanitize), which stays on its machine
                    continue
                if (kind.isupper() or kind in "vwu") and f"fk::{isa}::" not in name:
                    leaks.append(f"{isa}/{path.name}: {kind} {name}")
    assert "portable" in seen
    assert not leaks, "\n".join(leaks)
