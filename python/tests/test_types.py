"""Every Arrow type, in the three deliveries, to each library that can hold it; and random tables."""

import datetime
import decimal

import duckdb
import hypothesis.strategies as st
import nanoarrow as na
import polars as pl
import pyarrow as pa
import pytest
from hypothesis import HealthCheck, given, settings

import bowstring

DELIVERIES = ["pooled", "copied", "sealed"]
DAY = datetime.date(2026, 11, 26)
NOON = datetime.datetime(2026, 11, 26, 12, 30, 1, 500)

WHOLE = [1, None, 3]
TYPES = {
    **{str(kind): pa.array(WHOLE, kind) for kind in (
        pa.int8(), pa.int16(), pa.int32(), pa.int64(), pa.uint8(), pa.uint16(), pa.uint32(), pa.uint64(),
        pa.float32(), pa.float64(), pa.time32("s"), pa.time32("ms"), pa.time64("us"), pa.time64("ns"),
        pa.duration("s"), pa.duration("ms"), pa.duration("us"), pa.duration("ns"),
    )},
    "null": pa.nulls(3),
    "bool": pa.array([True, None, False]),
    "halffloat": pa.array(WHOLE, pa.float32()).cast(pa.float16()),
    "date32": pa.array([DAY, None, DAY], pa.date32()),
    "date64": pa.array([DAY, None, DAY], pa.date64()),
    **{f"timestamp {unit}": pa.array([NOON.replace(microsecond=0), None, NOON.replace(microsecond=0)], pa.timestamp(unit))
       for unit in ("s", "ms", "us", "ns")},
    "timestamp with zone": pa.array([NOON, None, NOON], pa.timestamp("us", "Europe/Oslo")),
    **{str(kind): pa.array([decimal.Decimal("1.25"), None, decimal.Decimal("-3.50")], kind) for kind in (
        pa.decimal32(9, 2), pa.decimal64(18, 2), pa.decimal128(30, 2), pa.decimal256(60, 2),
    )},
    "interval": pa.array([pa.MonthDayNano([1, 2, 3]), None, pa.MonthDayNano([4, 5, 6])]),
    **{str(kind): pa.array(["bow", None, "a string of more than twelve bytes"], kind)
       for kind in (pa.string(), pa.large_string(), pa.string_view())},
    **{str(kind): pa.array([b"bow", None, b"bytes of more than twelve"], kind)
       for kind in (pa.binary(), pa.large_binary(), pa.binary_view())},
    "fixed size binary": pa.array([b"abcd", None, b"efgh"], pa.binary(4)),
    "list": pa.array([[1, 2], None, []], pa.list_(pa.int32())),
    "large list": pa.array([["a"], None, []], pa.large_list(pa.string())),
    "fixed size list": pa.array([[1, 2], None, [3, None]], pa.list_(pa.int16(), 2)),
    "list view": pa.array([[1, 2], None, []], pa.list_view(pa.int32())),
    "large list view": pa.array([[1, 2], None, []], pa.large_list_view(pa.int32())),
    "struct": pa.array([{"a": 1, "b": "x"}, None, {"a": None, "b": "y"}]),
    "map": pa.array([[("a", 1)], None, []], pa.map_(pa.string(), pa.int32())),
    "dictionary": pa.array(["a", None, "b"]).dictionary_encode(),
    "dictionary of int8": pa.DictionaryArray.from_arrays(pa.array([1, None, 0], pa.int8()), ["a", "b"]),
    "run end encoded": pa.RunEndEncodedArray.from_arrays(pa.array([2, 3], pa.int32()), pa.array(["a", None])),
    "sparse union": pa.UnionArray.from_sparse(
        pa.array([0, 1, 0], pa.int8()), [pa.array([1, 2, 3]), pa.array(["a", "b", "c"])]
    ),
    "dense union": pa.UnionArray.from_dense(
        pa.array([0, 1, 0], pa.int8()), pa.array([0, 0, 1], pa.int32()), [pa.array([1, 3]), pa.array(["b"])]
    ),
    "nested": pa.array([[{"a": [1], "b": {"c": "x"}}], None, []]),
}

LIBRARIES = {
    "pyarrow": lambda data: pa.table(data),
    "polars": lambda data: pl.DataFrame(data).to_dict(as_series=False),
    "pandas": lambda data: pa.table(data).to_pandas()["c"].astype(str).tolist(),
    "duckdb": lambda data: duckdb.sql("select * from data").fetchall(),
    "nanoarrow": lambda data: na.ArrayStream(data).read_all().to_pylist(),
}

# Polars 2.1 reads these wrongly from any capsule, pyarrow's own included; nanoarrow 0.9 crashes on views by itself.
UNTRIED = {
    ("polars", "decimal32(9, 2)"), ("polars", "decimal64(18, 2)"),
    ("nanoarrow", "string_view"), ("nanoarrow", "binary_view"), ("nanoarrow", "list view"),
    ("nanoarrow", "large list view"), ("nanoarrow", "run end encoded"),
}


@pytest.mark.parametrize("delivery", DELIVERIES)
@pytest.mark.parametrize("kind", TYPES)
def test_values_arrive_in_every_library(through, kind, delivery):
    table = pa.table({"c": TYPES[kind]})
    held = 0
    for library, take in LIBRARIES.items():
        if (library, kind) in UNTRIED:
            continue
        try:
            wanted = take(table)
        except BaseException as error:  # Polars's panic is no Exception.
            if isinstance(error, KeyboardInterrupt):
                raise
            continue  # The library holds no such type, whoever it gets it from.
        reader = through(table, delivery=delivery)
        assert reader.delivery == delivery
        assert take(reader) == wanted, library
        held += 1
    assert held >= 1


@pytest.mark.parametrize("delivery", DELIVERIES)
@pytest.mark.parametrize("kind", TYPES)
def test_buffers_lie_in_the_writers_memory(through, kind, delivery):
    table = pa.table({"c": TYPES[kind]})
    batch = through(table, delivery=delivery).read()
    got = batch.to_pyarrow()
    got.validate(full=True)
    assert pa.table(batch).equals(table)
    buffers = [one for one in buffers_of(got.column(0)) if one.size > 0]
    if delivery == "copied":
        assert batch.shared_memory is None
        return
    first, last = batch.shared_memory
    inside = [first <= one.address and one.address + one.size <= last for one in buffers]
    if "dictionary" in kind and delivery == "pooled":
        assert inside[0]  # The keys; the values were copied, and stay for as long as the table.
    else:
        assert all(inside), inside


def buffers_of(array):
    """The buffers that hold an array's values; pyarrow makes some of its own for unions and run ends."""
    if pa.types.is_run_end_encoded(array.type):
        return buffers_of(array.run_ends) + buffers_of(array.values)
    return [one for one in array.buffers() if one is not None]


# ---- random tables ----

SCALARS = {
    pa.int64(): st.integers(-(2**63), 2**63 - 1),
    pa.uint8(): st.integers(0, 255),
    pa.float64(): st.floats(allow_nan=False),
    pa.bool_(): st.booleans(),
    pa.string(): st.text(max_size=20),
    pa.string_view(): st.text(max_size=30),
    pa.large_binary(): st.binary(max_size=20),
    pa.timestamp("ns"): st.integers(-(2**62), 2**62),
    pa.date32(): st.dates(),
}


@st.composite
def columns(draw, depth=2):
    """A type, and a strategy for its values."""
    which = draw(st.integers(0, 3 if depth else 0))
    if which <= 1:
        kind = draw(st.sampled_from(list(SCALARS)))
        return kind, st.none() | SCALARS[kind]
    kind, values = draw(columns(depth=depth - 1))
    if which == 2:
        return pa.list_(kind), st.none() | st.lists(values, max_size=4)
    return pa.struct([("x", kind)]), st.none() | st.fixed_dictionaries({"x": values})


@st.composite
def tables(draw):
    rows = draw(st.integers(0, 30))
    made = {}
    for number in range(draw(st.integers(1, 4))):
        kind, values = draw(columns())
        made[f"c{number}"] = pa.array(draw(st.lists(values, min_size=rows, max_size=rows)), kind)
    start = draw(st.integers(0, rows))
    table = pa.table(made)
    return table.slice(start) if draw(st.booleans()) else table


@settings(max_examples=60, deadline=None, suppress_health_check=list(HealthCheck))
@given(table=tables(), delivery=st.sampled_from(DELIVERIES))
def test_random_tables_arrive_as_they_were(through, table, delivery):
    got = through(table, delivery=delivery).to_pyarrow()
    got.validate(full=True)
    assert got.equals(table)


@settings(max_examples=60, deadline=None, suppress_health_check=list(HealthCheck))
@given(table=tables())
def test_random_tables_are_shared_as_they_were(table):
    assert bowstring.share(table).to_pyarrow().equals(table)
