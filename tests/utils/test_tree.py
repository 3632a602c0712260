"""keras.tree: what its functions make of nested structures."""

import collections

import pytest

import fastkeras as keras

tree = keras.tree
Point = collections.namedtuple("Point", ["x", "y"])
Ordered = collections.OrderedDict


@pytest.mark.parametrize(
    ("made", "expected"),
    [
        (
            lambda: tree.traverse(lambda x: tree.MAP_TO_NONE if x == 1 else None, [1, (2, {"a": 1})]),
            [None, (2, {"a": None})],
        ),
        (
            lambda: tree.traverse(lambda x: tree.MAP_TO_NONE if isinstance(x, tuple) else None, [1, (2,)], False),
            [1, None],
        ),
        (lambda: tree.traverse(lambda x: tree.MAP_TO_NONE, [1, 2]), None),
        (lambda: tree.traverse(lambda x: x + 1 if isinstance(x, int) else None, Point(1, [2])), Point(2, [3])),
        (lambda: tree.map_structure_up_to([0, 0], len, [[1, 1], [2]]), [2, 1]),
        (
            lambda: tree.map_structure_up_to({"b": 0, "a": [0]}, str, {"a": [(1, 2)], "b": []}),
            {"b": "[]", "a": ["(1, 2)"]},
        ),
        (lambda: tree.map_structure_up_to(0, lambda a, b: a + b, [1], [2]), [1, 2]),
        (lambda: tree.map_structure_up_to(Point(0, 0), len, Point([1], [])), Point(1, 0)),
        (
            lambda: tree.map_shape_structure(list, {"a": (2, None), "b": [(3,), [4, 5]]}),
            {"a": [2, None], "b": [[3], [4, 5]]},
        ),
        (lambda: tree.map_shape_structure(lambda s: s, ((1, 2), None)), ((1, 2), None)),
        (lambda: tree.lists_to_tuples([1, {"a": [2]}, Point([3], 4)]), (1, {"a": (2,)}, Point((3,), 4))),
        (lambda: tree.assert_same_paths(Point(0, [1]), [2, (3,)]), None),
        (lambda: tree.assert_same_structure(Ordered(a=1, b=[2]), {"b": [0], "a": 0}), None),
    ],
)
def test_structures(made, expected):
    value = made()
    assert value == expected
    assert type(value) is type(expected)


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: tree.map_structure_up_to([0, 0], len), "at least one structure"),
        (lambda: tree.map_structure_up_to([0, [0]], len, [[1], 2]), "the same nested structure"),
        (lambda: tree.map_structure_up_to([0, 0], len, ([1], [2])), "the same nested structure"),
        (lambda: tree.map_structure_up_to({"a": 0}, len, {"b": [1]}), "the same nested structure"),
        (lambda: tree.assert_same_paths([1, 2], [1, [2]]), r"only in a: \[\(1,\)\], only in b: \[\(1, 0\)\]"),
        (lambda: tree.assert_same_paths({"a": 1}, [1]), "the same paths"),
        (lambda: tree.assert_same_structure([1], (1,)), "the same structure"),
    ],
)
def test_structures_that_differ(call, message):
    with pytest.raises(ValueError, match=message):
        call()
