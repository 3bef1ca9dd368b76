"""The tables that are sent, and what is asked of one that has arrived."""
import numpy as np
import pyarrow as pa


def words(*rows):
    """Strings by their place in a dictionary of their own."""
    return pa.array(rows).dictionary_encode()


def table(**columns):
    """A table whose columns are lists of chunks."""
    return pa.table({name: pa.chunked_array(chunks) for name, chunks in columns.items()})


def batches(rows, count):
    """`count` batches of `rows` rows; the last number of each is its place."""
    schema = pa.schema([("n", pa.int64()), ("half", pa.float64())])
    for place in range(count):
        n = np.arange(rows, dtype=np.int64) + place
        yield pa.record_batch([pa.array(n), pa.array(n / 2)], schema=schema)


NESTED = pa.list_(pa.struct([("x", pa.int32()), ("y", pa.map_(pa.string(), pa.float32()))]))

TABLES = {
    "numbers": pa.table({"a": pa.array([1, -2, 3], pa.int8()), "b": [1.5, float("inf"), -0.0], "c": [True, False, True]}),
    "strings": pa.table({
        "text": ["", "plain", "ünïcödé", "x" * 10_000],
        "large": pa.array(["a", None, "", "b"], pa.large_string()),
        "view": pa.array(["short", None, "long enough not to be inline", ""], pa.string_view()),
        "bytes": pa.array([b"\x00\xff", b"", None, b"\xff\xff\xff\xff"], pa.binary()),
    }),
    "nulls": pa.table({
        "some": [None, 1, None, 3], "every": pa.array([None] * 4, pa.int16()), "null": pa.nulls(4),
        "text": [None, "a", None, None], "continuation": pa.array([-1, -1, -1, None], pa.int32()),
    }),
    "nested": pa.table({
        "list": pa.array([[{"x": 1, "y": [("k", 0.5)]}], [], None, [{"x": None, "y": None}, None]], NESTED),
        "fixed": pa.array([[1, 2], None, [3, None], [5, 6]], pa.list_(pa.int64(), 2)),
        "union": pa.UnionArray.from_dense(
            pa.array([0, 1, 0, 1], pa.int8()), pa.array([0, 0, 1, 1], pa.int32()), [pa.array([7, 8]), pa.array(["p", None])]
        ),
        "decimal": pa.array([1, None, -3, 4], pa.decimal128(20, 2)),
    }),
    "dictionaries": table(
        word=[words("a", "b", None, "a"), words("b", "a")],
        number=[pa.array([9, 9, 8, 7]).dictionary_encode(), pa.array([9, 7]).dictionary_encode()],
    ),
    "dictionaries replaced": table(
        word=[words("a", "b", None, "b"), words("c"), words("c"), words("d", "a")],
        row=[pa.array([1, 2, 3, 4]), pa.array([5]), pa.array([6]), pa.array([7, 8])],
    ),
    "a dictionary in a list": table(
        tags=[pa.ListArray.from_arrays([0, 2, 2, 3], words("u", "v", "u")), pa.ListArray.from_arrays([0, 1], words("w"))]
    ),
    "many batches": pa.Table.from_batches(batches(3, 400)),
    "a large batch": pa.Table.from_batches(batches(1 << 20, 1)),
    "no batches": pa.schema([("s", pa.string()), ("d", pa.dictionary(pa.int32(), pa.string()))]).empty_table(),
    "a schema too long to be inline": pa.table({f"column {i:04}": [i, -i] for i in range(1000)}),
}

# What is sent: a schema and batches of it, since a table forgets batches without rows.
STREAMS = {name: (table.schema, table.to_batches()) for name, table in TABLES.items()}
_batch = pa.record_batch({"s": ["a", None], "d": words("b", "c"), "n": pa.array([1, 2])})
STREAMS["an empty batch in between"] = _batch.schema, [_batch, _batch.slice(0, 0), _batch]


def difference(stream, schema, batches):
    """What is not as it was sent, or None."""
    wanted_schema, wanted = stream
    if not schema.equals(wanted_schema):
        return f"schema {schema} and not {wanted_schema}"
    if [b.num_rows for b in batches] != [b.num_rows for b in wanted]:
        return f"batches of {[b.num_rows for b in batches]} rows and not {[b.num_rows for b in wanted]}"
    for place, (batch, want) in enumerate(zip(batches, wanted)):
        batch.validate(full=True)
        for name, column, wanted_column in zip(schema.names, batch.columns, want.columns):
            if column.to_pylist() != wanted_column.to_pylist() if len(column) < 10_000 else column != wanted_column:
                return f"other values in column {name} of batch {place}"
    return None


def arrays(array):
    """An array and all that it is made of."""
    yield array
    kind = array.type
    if pa.types.is_dictionary(kind):
        yield from arrays(array.dictionary)
    elif pa.types.is_struct(kind) or pa.types.is_union(kind):
        for i in range(kind.num_fields):
            yield from arrays(array.field(i))
    elif pa.types.is_nested(kind):
        yield from arrays(array.values)


def copied(batch):
    """The columns with a buffer that lies elsewhere than in a mapped memory file: empty if nothing was copied."""
    with open("/proc/self/maps") as maps:
        places = [[int(end, 16) for end in line.split()[0].split("-")] for line in maps if "/memfd:" in line]
    buffers = {
        (name, buffer.address, buffer.size)
        for name, column in zip(batch.schema.names, batch.columns)
        for array in arrays(column)
        for buffer in array.buffers()
        if buffer is not None and buffer.size
    }
    return sorted(
        {name for name, at, size in buffers if not any(lo <= at and at + size <= hi for lo, hi in places)}
    )
