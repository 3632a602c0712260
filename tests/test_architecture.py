"""Who knows whom: the directions of HACKING.md and cpp/README.md, read from imports and includes."""

import ast
import pathlib

import fastkeras

PACKAGE = pathlib.Path(fastkeras.__file__).parent

# Each row may import the rows above it and, within a row, its own neighbours.
LEVELS = (
    ("_core",),
    ("engine", "lazy"),
    ("registry", "ops"),
    ("random", "activations", "initializers", "regularizers", "constraints", "dtype_policies"),
    ("config", "utils", "saving"),
    ("layers", "losses", "metrics", "optimizers", "callbacks", "datasets"),
    ("training", "models"),
    ("backend", "compat", "__main__", "__init__", "mixed_precision", "preprocessing", "tree"),
)
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
    known = set(fastkeras.engine.primitive_names())
    named = set()
    for path in PACKAGE.rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id == "primitive":
                named.update(a.value for a in node.args if isinstance(a, ast.Constant))
    assert named and named <= known, named - known
