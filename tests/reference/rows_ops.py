"""keras.ops: values, shapes and result dtypes of the functions that tests/cases does not reach."""

import numpy as np

DTYPES = ("bool", "uint8", "int32", "uint32", "float16", "bfloat16", "float32")
CODES = {name: i for i, name in enumerate((*DTYPES, "int64", "float64", "int8", "int16", "uint16"))}


def _values(k, results):
    """{name: array} of a dict of tensors or tuples of them; halves as float32."""
    arrays = {}
    for name, result in results.items():
        for i, t in enumerate(result if isinstance(result, (tuple, list)) else [result]):
            t = k.ops.cast(t, "float32") if k.ops.dtype(t) in ("float16", "bfloat16") else t
            arrays[f"{name}.{i}" if isinstance(result, (tuple, list)) else name] = np.asarray(k.ops.convert_to_numpy(t))
    return arrays


def _inputs():
    r = np.random.RandomState(7)
    return r, r.normal(size=(3, 4)).astype("float32"), r.normal(size=(2, 3, 4)).astype("float32")


def dtypes(k):
    """The result dtype of each function for each dtype of its argument."""
    o = k.ops
    unary = (
        "sum prod max mean var std cumsum cumprod median argmax argmin count_nonzero average any all nansum nanmean "
        "nanmax nanvar nanmedian nanprod nancumsum sqrt exp log log1p floor ceil trunc abs fabs reciprocal square cbrt "
        "sinc signbit logical_not argsort sort deg2rad angle isreal real isnan nan_to_num diff logsumexp norm trace "
        "corrcoef trapezoid zeros_like ones_like transpose flip ravel sin tanh arctan expm1"
    ).split()
    binary = {
        "power": 2, "add": 1, "subtract": 1.5, "multiply": 2, "divide": 2, "floor_divide": 2, "maximum": 2.5,
        "minimum": 1,
        "arctan2": 1, "logaddexp": 1, "hypot": 2.0, "heaviside": 1.0, "isclose": 1.0, "greater": 1, "equal": 1.5,
        "logical_and": True, "fmod": 2, "divide_no_nan": 2, "kron": 2, "ldexp": 2,
    }  # fmt: skip
    codes = {}
    for dtype in DTYPES:
        x = o.cast(np.array([[1, 0, 2], [3, 1, 1]], "float32"), dtype)
        tensors = {name: getattr(o, name)(x) for name in unary}
        for name, other in binary.items():
            if not (dtype == "bool" and name in ("subtract",)):
                tensors[name] = getattr(o, name)(x, other)
        tensors["clip"] = o.clip(x, 0, 1)
        tensors["clip_float"] = o.clip(x, 0.0, 1.0)
        tensors["quantile"] = o.quantile(x, 0.5)
        tensors["digitize"] = o.digitize(x, np.array([1.0, 2.0], "float32"))
        tensors["where"] = o.where(x, 1, 2)
        tensors["where_float"] = o.where(x, x, 2.5)
        tensors["top_k"] = o.top_k(x, 2)[0]
        tensors["linspace"] = o.linspace(x, 3, 4)
        tensors["matmul"] = o.matmul(x, np.ones((3, 2), "float32"))
        if dtype != "uint32":  # with int32 that is int64, which JAX has only on request
            tensors["concatenate"] = o.concatenate([x, np.ones((2, 1), "int32")], axis=1)
        tensors["take"] = o.take(x, [0, 1], axis=1)
        codes[dtype] = [CODES[o.dtype(t)] for t in tensors.values()]
    arange = [
        o.arange(3),
        o.arange(3.0),
        o.arange(0, 3, 0.5),
        o.arange(3, dtype="uint8"),
        o.array([1, 2]),
        o.array(1.5),
    ]
    arange += [o.full((2,), 1), o.eye(2), o.full_like(np.ones(2, "int32"), 1.5), o.linspace(0, 1, 3, dtype="int32")]
    codes["made"] = [CODES[o.dtype(t)] for t in arange]
    return {name: np.array(c) for name, c in codes.items()}


def elementwise(k):
    r, x, _ = _inputs()
    o = k.ops
    special = np.array([0.0, -0.0, 1.5, -2.5, np.inf, -np.inf, np.nan, 0.5, 3.5], "float32")
    n = np.array([7, -7, 0, 3], "int32")
    one = ("abs sign floor ceil trunc round square isnan isinf isfinite isposinf isneginf signbit exp expm1 log1p tanh "
           "arctan arcsinh sinc cbrt nan_to_num fabs deg2rad rad2deg reciprocal exp2 logical_not").split()  # fmt: skip
    results = {name: getattr(o, name)(special) for name in one}
    two = "add subtract multiply divide maximum minimum fmax fmin mod fmod hypot arctan2 logaddexp logaddexp2".split()
    turned = np.roll(special, 3)
    results |= {name: getattr(o, name)(special, turned) for name in two}
    results |= {
        "floor_divide_int": o.floor_divide(n, np.array([2, 2, 5, -2], "int32")),
        "mod_int": o.mod(n, np.array([3, 3, 5, -2], "int32")),
        "fmod_int": o.fmod(n, np.array([3, 3, 5, -2], "int32")),
        "power_int": o.power(n, np.array([2, 3, 0, 1], "int32")),
        "divide_no_nan": o.divide_no_nan(x, np.round(x)),
        "round_1": o.round(x * 10, 1),
        "round_int": o.round(np.array([15, 25, 38, -14], "int32"), -1),
        "clip_low": o.clip(x, -0.5, 0.25),
        "clip_tensors": o.clip(x, np.full((4,), -0.25, "float32"), np.full((3, 1), 0.5, "float32")),
        "isclose": o.isclose(special, turned, equal_nan=True),
        "isclose_near": o.isclose(x, x + 1e-6),
        "allclose": o.allclose(x, x + 1e-3),
        "heaviside": o.heaviside(special, 0.5),
        "ldexp": o.ldexp(x, np.array([1, -2, 0, 3], "int32")),
        "nan_to_num": o.nan_to_num(special, nan=7.0, posinf=8.0, neginf=-9.0),
        "where": o.where(x > 0, x, -1),
        "select": o.select([x > 1, x > 0], [x * 2, x * 3], default=5),
        "left_shift": o.left_shift(np.array([1, 2], "int32"), 3),
        "bitwise_xor": o.bitwise_xor(n, 5),
        "gcd": o.gcd(n, 21),
        "lcm": o.lcm(np.array([4, 6], "int32"), 10),
        "angle": o.angle(np.array([1.0, -1.0], "float32")),
        "view": o.view(np.array([1.0, 2.0], "float32"), dtype="int32"),
        "i0": o.i0(x),
        "erfc": o.erfc(x * 3),
    }
    return _values(k, results)


def reductions(k):
    r, x, y = _inputs()
    o = k.ops
    hole = y.copy()
    hole[0, 1, 2] = hole[1, :, 3] = np.nan
    results = {}
    for name in "sum prod mean var std max min any all argmax argmin median ptp".split():
        for axis in (None, 1, -1):
            for kept in (False, True):
                results[f"{name}_{axis}_{kept}"] = getattr(o, name)(y, axis=axis, keepdims=kept)
        if name not in ("argmax", "argmin"):
            results[f"{name}_pair"] = getattr(o, name)(y, axis=(0, 2))
    for name in "nansum nanprod nanmean nanvar nanstd nanmax nanmin nanmedian nanargmax nanargmin".split():
        for axis in (None, 1, 2):
            results[f"{name}_{axis}"] = getattr(o, name)(hole, axis=axis)
        results[f"{name}_kept"] = getattr(o, name)(hole, axis=1, keepdims=True)
    for method in ("linear", "lower", "higher", "midpoint", "nearest"):
        results[f"quantile_{method}"] = o.quantile(y, [0.1, 0.5, 0.77], axis=1, method=method)
        results[f"nanquantile_{method}"] = o.nanquantile(hole, [0.1, 0.5, 0.77], axis=2, method=method)
    results |= {
        "quantile_nan": o.quantile(hole, 0.3, axis=1),
        "quantile_kept": o.quantile(y, [0.25, 0.75], axis=(0, 2), keepdims=True),
        "quantile_inf": o.quantile(np.array([1.0, 2.0, np.inf, np.inf], "float32"), [0.0, 1 / 3]),
        "percentile": o.percentile(y, [10, 60], axis=0),
        "nanpercentile": o.nanpercentile(hole, 30, axis=0),
        "cumsum": o.cumsum(y, axis=1),
        "cumsum_flat": o.cumsum(y),
        "cumprod": o.cumprod(y, axis=-1),
        "nancumsum": o.nancumsum(hole, axis=2),
        "nancumprod": o.nancumprod(hole, axis=0),
        "count_nonzero": o.count_nonzero(np.round(y), axis=1),
        "average": o.average(x, axis=1, weights=np.array([1, 2, 3, 4], "float32")),
        "average_full": o.average(x, weights=np.abs(x)),
        "max_initial": o.max(x, axis=0, initial=0.5),
        "min_initial": o.min(x, axis=0, initial=-0.5),
        "max_empty": o.max(np.zeros((0, 3), "float32"), axis=0, initial=2.0),
        "bincount": o.bincount(np.array([1, 5, 5, 2], "int32"), minlength=8),
        "bincount_weights": o.bincount(
            np.array([[1, 2, 2], [0, 3, 3]], "int32"), weights=np.arange(6.0).reshape(2, 3), minlength=5
        ),
        "histogram": o.histogram(x.ravel(), bins=5),
        "histogram_range": o.histogram(x.ravel(), bins=4, range=(-1, 1)),
        "diff": o.diff(y, n=2, axis=1),
        "diff_bool": o.diff(np.array([True, False, False])),
        "trapezoid": o.trapezoid(y, axis=1),
        "trapezoid_x": o.trapezoid(y, x=np.array([0.0, 1.0, 3.0, 4.0], "float32")),
        "trapezoid_dx": o.trapezoid(y, dx=0.5, axis=0),
        "corrcoef": o.corrcoef(x),
        "logsumexp": o.logsumexp(y * 50, axis=(0, 1)),
        "logsumexp_inf": o.logsumexp(np.array([-np.inf, -np.inf], "float32")),
    }
    return _values(k, results)


def shapes(k):
    r, x, y = _inputs()
    o = k.ops
    v = np.arange(7, dtype="int32")
    results = {
        "reshape": o.reshape(y, (4, -1)), "ravel": o.ravel(x), "expand": o.expand_dims(x, (0, -1)),
        "squeeze": o.squeeze(x[None, :, None]), "squeeze_axis": o.squeeze(x[None, :, None], axis=2),
        "transpose": o.transpose(y), "transpose_axes": o.transpose(y, (1, -1, 0)), "swapaxes": o.swapaxes(y, 0, -1),
        "moveaxis": o.moveaxis(y, 0, -1), "moveaxis_many": o.moveaxis(y, (0, 1), (-1, 0)),
        "broadcast_to": o.broadcast_to(x, (2, 3, 4)), "concatenate": o.concatenate([x, x[:1]], axis=0),
        "stack": o.stack([x, x + 1], axis=-1), "append": o.append(x, y), "append_axis": o.append(x, x, axis=1),
        "vstack": o.vstack([v, v]), "hstack": o.hstack([v, v]), "hstack_2d": o.hstack([x, x]),
        "dstack": o.dstack([v, v]), "dstack_2d": o.dstack([x, x]),
        "split": o.split(y, 2, axis=-1), "split_at": o.split(v, [2, 5]),
        "array_split": o.array_split(v, 3), "vsplit": o.vsplit(x, [1]), "hsplit": o.hsplit(x, 2),
        "dsplit": o.dsplit(y, 2),
        "unstack": o.unstack(y, axis=1), "tile": o.tile(x, 2), "tile_many": o.tile(x, (2, 1, 3)),
        "tile_short": o.tile(y, (2, 2)), "repeat": o.repeat(x, 3, axis=1), "repeat_flat": o.repeat(x, 2),
        "repeat_each": o.repeat(x, np.array([1, 0, 2]), axis=0),
        "flip": o.flip(y), "flip_axis": o.flip(y, axis=(0, -1)), "fliplr": o.fliplr(x), "flipud": o.flipud(x),
        "roll": o.roll(x, 5), "roll_axis": o.roll(x, -1, axis=1), "roll_many": o.roll(x, (1, -2), axis=(0, 1)),
        "rot90": [o.rot90(x, i) for i in range(-1, 4)], "rot90_axes": o.rot90(y, 1, axes=(2, 0)),
        "pad": o.pad(x, ((1, 2), (0, 3))), "pad_value": o.pad(x, ((1, 0), (0, 1)), constant_values=7),
        "pad_int": o.pad(v, 2), "pad_reflect": o.pad(y, ((0, 0), (2, 1), (3, 2)), mode="reflect"),
        "pad_symmetric": o.pad(x, ((1, 2), (2, 1)), mode="symmetric"),
        "meshgrid": o.meshgrid(v[:2], v[:3], v[:4]), "meshgrid_ij": o.meshgrid(v[:2], v[:3], indexing="ij"),
        "tril": o.tril(y, -1), "triu": o.triu(y, 1), "diag": o.diag(v, 2), "diag_below": o.diag(v[:3], -1),
        "diag_of": o.diag(x, 1), "diagflat": o.diagflat(x[:2, :2], 1), "diagonal": o.diagonal(y, 1, 2, 0),
        "diagonal_below": o.diagonal(x, -1), "trace": o.trace(y, 1, 1, 2), "tri": o.tri(3, 5, 1),
        "eye": o.eye(3, 4, -1),
        "vander": o.vander(np.array([1.0, 2.0, 3.0], "float32")), "vander_up": o.vander(v[:3], 4, increasing=True),
        "linspace": o.linspace(0, 10, 7), "linspace_open": o.linspace(0, 10, 7, endpoint=False),
        "linspace_step": o.linspace(0, 10, 5, retstep=True), "linspace_axis": o.linspace(x, x + 1, 3, axis=1),
        "linspace_one": o.linspace(3, 10, 1), "linspace_int": o.linspace(0, 10, 4, dtype="int32"),
        "logspace": o.logspace(0, 2, 5), "geomspace": o.geomspace(1.0, 64.0, 4),
        "arange": o.arange(2, 9, 3), "arange_down": o.arange(5, 0, -2), "arange_float": o.arange(0, 1, 0.3),
        "bartlett": o.bartlett(6), "blackman": o.blackman(6), "hamming": o.hamming(6), "hanning": o.hanning(6),
        "kaiser": o.kaiser(6, 3.0), "unravel": o.unravel_index(np.array([5, 11, 0]), (3, 4)),
        "full_like": o.full_like(x, 2), "identity": o.identity(3), "copy": o.copy(x),
    }  # fmt: skip
    return _values(k, results)


def indexing(k):
    r, x, y = _inputs()
    o = k.ops
    t = o.convert_to_tensor(y)
    i = np.array([1, 0, 1], "int32")
    results = {
        "int": t[1], "negative": t[-1, 1:], "step": t[:, ::-1, ::2], "none": t[:, None, 1], "ellipsis": t[..., 1],
        "array": t[i], "array_axis": t[:, i], "two": t[i, i], "apart": t[i, :, i], "with_int": t[0, :, i],
        "grid": t[:, i[:, None], i], "mask": t[y > 0], "mask_axis": t[:, np.array([True, False, True])],
        "get_item": o.get_item(t, (slice(None), -1)),
        "take": o.take(y, [[0, -1], [1, 1]], axis=2), "take_flat": o.take(y, [5, 0]),
        "take_scalar": o.take(y, 1, axis=1),
        "along": o.take_along_axis(y, np.argsort(y, axis=1), axis=1),
        "along_flat": o.take_along_axis(x, np.array([3, 1])),
        "along_broadcast": o.take_along_axis(y, np.array([[[1], [0], [2]]]), axis=2),
        "sort": o.sort(y, axis=1), "argsort": o.argsort(y, axis=0),
        "sort_nan": o.sort(np.array([3, np.nan, 1, -np.inf, np.inf], "float32")),
        "argsort_equal": o.argsort(np.array([1, 0, 1, 0, 1], "int32")),
        "searchsorted": o.searchsorted(np.array([1, 3, 3, 5]), np.array([[0, 3], [4, 9]])),
        "searchsorted_right": o.searchsorted(np.array([1.0, 3, 3, 5]), np.array([3.0, 5.0]), side="right"),
        "digitize": o.digitize(x, np.array([-1.0, 0.0, 1.0], "float32")),
        "isin": o.isin(np.array([[1, 2], [3, 4]]), [2, 4]), "isin_not": o.isin([1, 2], [2], invert=True),
        "nonzero": o.nonzero(np.array([[0, 1], [2, 0]])), "where": o.where(np.array([[0, 1], [2, 0]])),
        "unique": o.unique(np.array([3, 1, 3, 2])),
        "unique_all": o.unique(np.array([3, 1, 3, 2]), return_index=True, return_inverse=True, return_counts=True),
        "unique_axis": o.unique(np.array([[1, 2], [1, 2], [0, 5]]), axis=0, return_counts=True),
        "unique_size": o.unique(np.array([3, 1, 3]), size=4, fill_value=9),
        "top_k": o.top_k(y, 2), "top_k_equal": o.top_k(np.array([1, 3, 3, 2, 3]), 4),
        "in_top_k": o.in_top_k(np.array([2, 0, 1]), x, 2),
        "slice": o.slice(y, (0, 1, 2), (2, 2, 1)), "slice_rest": o.slice(y, (1, 0, 1), (-1, 2, -1)),
        "slice_update": o.slice_update(y, (0, 1, 1), np.ones((2, 2, 2), "float32")),
        "scatter": o.scatter(np.array([[0, 1], [1, 1], [0, 1]]), np.array([1.0, 2.0, 3.0], "float32"), (2, 3)),
        "scatter_rows": o.scatter(np.array([[0], [2]]), np.ones((2, 3), "float32"), (3, 3)),
        "scatter_update": o.scatter_update(x, np.array([[0, 1], [2, 3]]), np.array([5.0, 6.0], "float32")),
        "segment_sum": o.segment_sum(x, np.array([0, 2, 0]), num_segments=4),
        "segment_max": o.segment_max(x, np.array([0, 2, 0]), num_segments=3),
        "segment_min": o.segment_min(x, np.array([0, 2, 0]), num_segments=3),
        "segment_prod": o.segment_prod(x, np.array([0, 2, 0]), num_segments=3),
    }  # fmt: skip
    for reduction in ("add", "max", "min", "mul"):
        indices = np.array([[0], [2], [0]])
        results[f"scatter_{reduction}"] = o.scatter_update(x, indices, np.abs(x), reduction=reduction)
    return _values(k, results)


def products(k):
    r, x, y = _inputs()
    o = k.ops
    z = r.normal(size=(2, 4, 5)).astype("float32")
    v, w = x[0], x[1]
    results = {
        "matmul": o.matmul(y, z), "matmul_vector": o.matmul(y, v), "matmul_row": o.matmul(v, z),
        "matmul_dot": o.matmul(v, w),
        "matmul_broadcast": o.matmul(y[:, None], z[None]),
        "dot": o.dot(x, x.T), "dot_nd": o.dot(y, z), "dot_vector": o.dot(y, v), "dot_scalar": o.dot(2.0, x),
        "inner": o.inner(y, x), "inner_vector": o.inner(v, w), "vdot": o.vdot(x, x), "outer": o.outer(x, v),
        "tensordot": o.tensordot(y, y, axes=[[0, 1], [0, 1]]), "tensordot_1": o.tensordot(x, x.T, axes=1),
        "tensordot_0": o.tensordot(v, w, axes=0), "kron": o.kron(x, y[0]), "kron_rank": o.kron(v, x),
        "cross": o.cross(x[:, :3], x[:, 1:]), "cross_2": o.cross(x[:, :2], x[:, 2:]),
        "cross_23": o.cross(x[:, :2], x[:, 1:]), "cross_axis": o.cross(x, x + 1, axis=0),
        "correlate": [o.correlate(x.ravel(), v, mode=m) for m in ("valid", "same", "full")],
        "correlate_short": [o.correlate(v, x.ravel(), mode=m) for m in ("valid", "same", "full")],
        "cdist": o.cdist(x, x + 1),
    }  # fmt: skip
    equations = {
        "ij,jk->ik": (x, x.T), "bij,bjk->bik": (y, z), "bij,bjk": (y, z), "ij->ji": (x,), "ij->": (x,),
        "ii->i": (x[:, :3],),
        "ii": (x[:, :3],), "ij->j": (x,), "...ij,...jk->...ik": (y, z), "i,j->ij": (v, w), "i,i->i": (v, w),
        "bij,bkj->bik": (y, y),
        "bij,bik->bjk": (y, y), "ij,bjk->bik": (x, z), "bij,jk->bik": (y, x.T), "abc,acd->": (y, z),
        "abc,acd,d->ab": (y, z, z[0, 0]),
        "ij,jk,kl->il": (x, x.T, x), "b...,b...->...": (y, y), "ijk,ilm->ijklm": (y, z), "aij,aij->a": (y, y),
        "bij->bji": (y,),
        "aecd,abcd->acbe": (y[None], y[None, ::-1]),
    }  # fmt: skip
    for equation, operands in equations.items():
        results[f"einsum {equation.replace('/', '')}"] = o.einsum(equation, *operands)
    return _values(k, results)


def linear_algebra(k):
    r, x, y = _inputs()
    o = k.ops
    a = r.normal(size=(2, 4, 4)).astype("float32") + 3 * np.eye(4, dtype="float32")
    s = a @ a.transpose(0, 2, 1)
    b = r.normal(size=(2, 4, 3)).astype("float32")
    t = np.triu(a)
    results = {
        "cholesky": o.cholesky(s), "cholesky_upper": o.cholesky(s, upper=True),
        "cholesky_inverse": o.cholesky_inverse(np.linalg.cholesky(s[0])), "det": o.det(a), "slogdet": o.slogdet(a),
        "logdet": o.logdet(s), "eigh": o.eigh(s)[0], "inv": o.inv(a), "pinv": o.pinv(b), "solve": o.solve(a, b),
        "solve_vector": o.solve(a[0], b[0, :, 0]), "triangular": o.solve_triangular(t, b),
        "triangular_lower": o.solve_triangular(t.transpose(0, 2, 1), b, lower=True), "svd": o.svd(b, compute_uv=False),
        "qr": o.abs(o.qr(b)[1]), "qr_complete": o.abs(o.qr(b, mode="complete")[1]), "lu": o.lu_factor(a),
        "lstsq": o.lstsq(b[0], b[1]), "rank": o.matrix_rank(b),
    }  # fmt: skip
    for ord in (None, "fro", "nuc", np.inf, -np.inf, 1, -1, 2, -2):
        results[f"matrix_{ord}"] = o.norm(y, ord=ord, axis=(1, 2))
    for ord in (None, np.inf, -np.inf, 0, 1, 2, 3, -1, 0.5):
        results[f"vector_{ord}"] = o.norm(y, ord=ord, axis=1, keepdims=True)
    results |= {"norm": o.norm(y), "norm_kept": o.norm(y, keepdims=True), "norm_matrix": o.norm(x, ord="fro")}
    results["norm_swapped"] = o.norm(y, ord=1, axis=(2, 0))
    return _values(k, results)


def signals(k):
    r, x, y = _inputs()
    o = k.ops
    signal = r.normal(size=(2, 40)).astype("float32")
    pair = (o.convert_to_tensor(y), o.convert_to_tensor(y[::-1].copy()))
    spectrum = o.stft(signal, 8, 4, 12)
    results = {
        "fft": o.fft(pair), "fft2": o.fft2(pair), "ifft2": o.ifft2(pair), "rfft": o.rfft(signal),
        "rfft_length": o.rfft(signal, fft_length=16), "irfft": o.irfft(o.rfft(signal)),
        "irfft_length": o.irfft(o.rfft(signal), fft_length=30), "stft": spectrum,
        "stft_plain": o.stft(signal, 8, 3, 8, window=None, center=False),
        "stft_hamming": o.stft(signal, 7, 3, 10, window="hamming"), "istft": o.istft(spectrum, 8, 4, 12),
        "istft_length": o.istft(spectrum, 8, 4, 12, length=36), "sequences": o.extract_sequences(signal, 6, 5),
    }  # fmt: skip
    return _values(k, results)


def control(k):
    r, x, y = _inputs()
    o = k.ops
    t = o.convert_to_tensor(x)
    carry, ys = o.scan(lambda c, v: (c + v, c * v), o.zeros((4,)), t)
    back, zs = o.scan(lambda c, v: (c + v, c - v), o.zeros((4,)), t, reverse=True)
    results = {
        "map": o.map(lambda v: v * 2, t), "vectorized_map": o.vectorized_map(lambda v: o.sum(v) + v, t),
        "carry": carry, "ys": ys, "back": back, "zs": zs,
        "associative": o.associative_scan(lambda a, b: a + b, t),
        "associative_axis": o.associative_scan(o.multiply, t, axis=1),
        "associative_reverse": o.associative_scan(lambda a, b: a + b, t, reverse=True),
        "while": o.while_loop(lambda i, v: i < 3, lambda i, v: (i + 1, v * 2), (o.array(0), t)),
        "while_limited": o.while_loop(lambda v: v[0, 0] < 1e9, lambda v: v + 1, t, maximum_iterations=4),
        "fori": o.fori_loop(0, 4, lambda i, v: v + i, t), "cond": o.cond(o.array(True), lambda: t + 1, lambda: t - 1),
        "switch": o.switch(o.array(1), [lambda v: v, lambda v: v * 3], t),
        "switch_past": o.switch(o.array(7), [lambda v: v, lambda v: v * 3], t),
        "saturate": o.saturate_cast(np.array([-5.5, 3.7, 300.0], "float32"), "uint8"),
        "saturate_int": o.saturate_cast(np.array([-5, 3, 2**31 - 1], "int32"), "uint8"),
        "saturate_wide": o.saturate_cast(np.array([-3e9, 5.0, 3e9], "float32"), "int32"),
    }  # fmt: skip
    return _values(k, results)


ROWS = {
    f.__name__: f
    for f in (dtypes, elementwise, reductions, shapes, indexing, products, linear_algebra, signals, control)
}
TOLERANCE = {"linear_algebra": 2e-4, "signals": 1e-4}
