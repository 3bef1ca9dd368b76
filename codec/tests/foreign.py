"""Arrow files of many kinds, as PyArrow writes them; and whether others that were made of them say the same.

foreign.py write DIRECTORY      writes the files, and prints the name of each
foreign.py compare DIRECTORY    compares each `X` with `X.back`, and prints a line each: the name, a tab, the verdict
"""

import decimal
import os
import random
import sys

import pyarrow as pa
import pyarrow.feather as feather

ROWS = 23


def nulls(values, every=3):
    return [None if i % every == 1 else value for i, value in enumerate(values)]


def primitives():
    numbers = [i % 100 for i in range(ROWS)]
    columns = {}
    for kind in (
        pa.int8(),
        pa.int16(),
        pa.int32(),
        pa.int64(),
        pa.uint8(),
        pa.uint16(),
        pa.uint32(),
        pa.uint64(),
    ):
        columns[str(kind)] = pa.array(nulls(numbers), kind)
        columns[f"{kind} full"] = pa.array(numbers, kind)
    columns["half"] = pa.array(nulls([float(i) for i in numbers]), pa.float32()).cast(pa.float16())
    columns["float"] = pa.array(nulls([i / 4 for i in numbers]), pa.float32())
    columns["double"] = pa.array(nulls([float("inf"), -0.0] + [i / 3 for i in numbers[2:]]), pa.float64())
    columns["bool"] = pa.array(nulls([i % 2 == 0 for i in numbers]))
    return pa.table(columns)


def times():
    numbers = list(range(0, ROWS * 86_400_000, 86_400_000))
    columns = {
        "date32": pa.array(nulls(range(ROWS)), pa.int32()).cast(pa.date32()),
        "date64": pa.array(nulls(numbers), pa.int64()).cast(pa.date64()),
        "interval": pa.array(nulls([pa.MonthDayNano([i, -i, i * 1000]) for i in range(ROWS)])),
    }
    for unit in ("s", "ms", "us", "ns"):
        columns[f"stamp {unit}"] = pa.array(nulls(numbers), pa.timestamp(unit))
        columns[f"zoned {unit}"] = pa.array(nulls(numbers), pa.timestamp(unit, "Europe/Vienna"))
        columns[f"offset {unit}"] = pa.array(nulls(numbers), pa.timestamp(unit, "+05:30"))
        columns[f"duration {unit}"] = pa.array(nulls(numbers), pa.duration(unit))
        time = pa.time32(unit) if unit in ("s", "ms") else pa.time64(unit)
        columns[f"time {unit}"] = pa.array(
            nulls(range(ROWS)), pa.int32() if unit in ("s", "ms") else pa.int64()
        ).cast(time)
    return pa.table(columns)


def decimals():
    values = [decimal.Decimal(i).scaleb(-2) for i in range(-11, ROWS - 11)]
    columns = {
        "128": pa.array(nulls(values), pa.decimal128(38, 2)),
        "256": pa.array(nulls(values), pa.decimal256(76, 2)),
    }
    if hasattr(pa, "decimal32"):
        columns["32"] = pa.array(nulls(values), pa.decimal32(9, 2))
        columns["64"] = pa.array(nulls(values), pa.decimal64(18, 2))
    columns["negative scale"] = pa.array(nulls([decimal.Decimal("1e3")] * ROWS), pa.decimal128(5, -3))
    return pa.table(columns)


def texts():
    words = nulls(
        ["", "a", "grün", "twelve bytes", "thirteen bytes", "日本語の少し長い文字列です", "x" * 300] * 4
    )[:ROWS]
    raw = [None if word is None else word.encode() for word in words]
    columns = {
        "utf8": pa.array(words, pa.string()),
        "large utf8": pa.array(words, pa.large_string()),
        "binary": pa.array(raw, pa.binary()),
        "large binary": pa.array(raw, pa.large_binary()),
        "fixed": pa.array(nulls([b"abc"] * ROWS), pa.binary(3)),
        "fixed 16": pa.array(nulls([b"0123456789abcdef"] * ROWS), pa.binary(16)),
        "fixed none": pa.array(nulls([b""] * ROWS), pa.binary(0)),
    }
    return pa.table(columns)


def views():
    words = nulls(
        ["", "a", "grün", "twelve bytes", "thirteen bytes", "日本語の少し長い文字列です", "x" * 300] * 4
    )[:ROWS]
    raw = [None if word is None else word.encode() for word in words]
    many = pa.concat_arrays([pa.array([f"a longer string, {i}"], pa.string_view()) for i in range(ROWS)])
    return pa.table(
        {
            "utf8": pa.array(words, pa.string_view()),
            "binary": pa.array(raw, pa.binary_view()),
            "many buffers": many,
            "no buffers": pa.array(["short"] * ROWS, pa.string_view()),
            "in lists": pa.array([words[: i % 4] for i in range(ROWS)], pa.list_(pa.string_view())),
        }
    )


def lists():
    values = nulls([list(range(i % 5)) for i in range(ROWS)])
    pairs = nulls([[i, None] for i in range(ROWS)])
    columns = {
        "list": pa.array(values, pa.list_(pa.int32())),
        "large": pa.array(values, pa.large_list(pa.field("own name", pa.int16(), nullable=False))),
        "fixed": pa.array(pairs, pa.list_(pa.int64(), 2)),
        "fixed none": pa.array(nulls([[]] * ROWS), pa.list_(pa.int64(), 0)),
        "deep": pa.array([[[value]] for value in values], pa.list_(pa.large_list(pa.list_(pa.int8())))),
        "struct": pa.array(nulls([{"a": i, "b": {"c": [i]}} for i in range(ROWS)])),
        "empty struct": pa.array(nulls([{}] * ROWS), pa.struct([])),
        "map": pa.array(
            nulls([[(f"k{i}", i), ("z", None)] for i in range(ROWS)]), pa.map_(pa.string(), pa.int32())
        ),
        "sorted map": pa.array(
            nulls([[(i, "v")] for i in range(ROWS)]), pa.map_(pa.int8(), pa.string(), keys_sorted=True)
        ),
        "required values": pa.array(
            nulls([[(i, "v")] for i in range(ROWS)]),
            pa.map_(pa.int8(), pa.field("v", pa.string(), nullable=False)),
        ),
    }
    return pa.table(columns)


def list_views():
    values = nulls([list(range(i % 5)) for i in range(ROWS)])
    return pa.table(
        {
            "view": pa.array(values, pa.list_view(pa.int32())),
            "large": pa.array(
                [value and [str(v) for v in value] for value in values], pa.large_list_view(pa.string())
            ),
        }
    )


def list_views_in_no_order():
    offsets, sizes = pa.array([4, 0, 2, 2], pa.int32()), pa.array([3, 4, 0, 5], pa.int32())
    return pa.table({"view": pa.ListViewArray.from_arrays(offsets, sizes, pa.array(range(8)))})


def unions():
    ids = pa.array([i % 3 for i in range(ROWS)], pa.int8())
    offsets = pa.array([i // 3 for i in range(ROWS)], pa.int32())
    children = [pa.array(range(ROWS)), pa.array(nulls(["s"] * ROWS)), pa.array([[i] for i in range(ROWS)])]
    codes = [5, 0, 127]
    coded = pa.array([codes[i % 3] for i in range(ROWS)], pa.int8())
    return pa.table(
        {
            "dense": pa.UnionArray.from_dense(ids, offsets, children),
            "sparse": pa.UnionArray.from_sparse(ids, children, ["a", "b", "c"]),
            "coded dense": pa.UnionArray.from_dense(coded, offsets, children, ["a", "b", "c"], codes),
            "coded sparse": pa.UnionArray.from_sparse(coded, children, ["a", "b", "c"], codes),
            "in a struct": pa.StructArray.from_arrays([pa.UnionArray.from_sparse(ids, children)], ["u"]),
        }
    )


def runs():
    columns = {}
    for width in (pa.int16(), pa.int32(), pa.int64()):
        ends = pa.array([3, 4, 10, ROWS], width)
        columns[f"strings {width}"] = pa.RunEndEncodedArray.from_arrays(ends, pa.array(["a", None, "b", ""]))
    columns["dictionary"] = pa.RunEndEncodedArray.from_arrays(
        ends, pa.array(["a", None, "b", "a"]).dictionary_encode()
    )
    columns["struct"] = pa.StructArray.from_arrays([columns["strings int32"]], ["r"])
    lists = pa.ListArray.from_arrays(pa.array(list(range(ROWS + 1)), pa.int32()), columns["strings int16"])
    columns["list"] = lists
    return pa.table(columns)


def dictionaries():
    words = nulls(["red", "green", "blue", "red"] * 6)[:ROWS]
    columns = {}
    for key in (
        pa.int8(),
        pa.int16(),
        pa.int32(),
        pa.int64(),
        pa.uint8(),
        pa.uint16(),
        pa.uint32(),
        pa.uint64(),
    ):
        columns[str(key)] = pa.array(words, pa.dictionary(key, pa.string()))
    keys = pa.array(nulls([i % 4 for i in range(ROWS)]), pa.int32())
    values = {
        "null among values": pa.array(["a", None, "b", "c"]),
        "numbers": pa.array([1.5, 2.5, None, 4.0]),
        "bools": pa.array([True, False, True, None]),
        "lists": pa.array([[1], [], None, [2, 3]]),
        "structs": pa.array([{"a": 1, "b": "x"}, {"a": None, "b": "y"}, None, {"a": 2, "b": None}]),
        "nulls": pa.nulls(4),
        "decimals": pa.array([decimal.Decimal(i) for i in range(4)], pa.decimal128(10, 0)),
        "fixed": pa.array([b"ab", b"cd", None, b"ef"], pa.binary(2)),
        "large": pa.array(["a", None, "b", "c"], pa.large_string()),
        "stamps": pa.array([1, 2, 3, None], pa.timestamp("us", "UTC")),
    }
    for name, of in values.items():
        columns[name] = pa.DictionaryArray.from_arrays(keys, of)
    columns["ordered"] = pa.DictionaryArray.from_arrays(keys, pa.array(list("abcd")), ordered=True)
    inner = pa.array(["x", None, "y", "x"]).dictionary_encode()
    columns["struct of dictionary"] = pa.StructArray.from_arrays([inner.take(keys)], ["inner"])
    columns["list of dictionary"] = pa.ListArray.from_arrays(
        pa.array(list(range(ROWS + 1)), pa.int32()), inner.take(keys)
    )
    columns["dictionary of lists of dictionary"] = pa.DictionaryArray.from_arrays(
        keys, pa.ListArray.from_arrays(pa.array([0, 2, 3, 3, 4], pa.int32()), inner)
    )
    columns["dictionary of structs of dictionary"] = pa.DictionaryArray.from_arrays(
        keys, pa.StructArray.from_arrays([inner], ["inner"])
    )
    return pa.table(columns)


def growing():
    """The dictionary grows from batch to batch."""
    words = ["a", "b", None, "c", "d", "e"]
    batches = []
    for end in range(2, 7):
        dictionary = pa.array([word or "?" for word in words[:end]])
        keys = pa.array([i % end if i % 4 else None for i in range(ROWS)], pa.int8())
        nested = pa.StructArray.from_arrays([pa.DictionaryArray.from_arrays(keys, dictionary)], ["inner"])
        batches.append(pa.record_batch({"d": pa.DictionaryArray.from_arrays(keys, dictionary), "s": nested}))
    return batches


def replaced():
    """Another dictionary with every batch."""
    batches = []
    for words in (["a", "b"], ["c"], ["a", "b", "c"], ["x", None]):
        keys = pa.array([i % len(words) for i in range(ROWS)], pa.int16())
        batches.append(pa.record_batch({"d": pa.DictionaryArray.from_arrays(keys, pa.array(words))}))
    return batches


def metadata():
    fields = [
        pa.field("a", pa.int8(), metadata={"key": "value", "": "empty key", "empty": ""}),
        pa.field("s", pa.struct([pa.field("inner", pa.int8(), metadata={"deep": "down"})])),
        pa.field("d", pa.dictionary(pa.int8(), pa.string()), metadata={"on": "dictionary"}),
        pa.field("l", pa.list_(pa.field("item", pa.int8(), metadata={"on": "item"}))),
        pa.field("required", pa.int8(), nullable=False),
    ]
    schema = pa.schema(fields, metadata={"schema": "ümlaut", "big": "x" * 100_000})
    columns = [[1, None], [{"inner": 1}, None], ["x", None], [[1], None], [1, 2]]
    return pa.table([pa.array(c, f.type) for c, f in zip(columns, fields)], schema=schema)


def names():
    columns = [pa.array([i, None]) for i in range(7)]
    struct = pa.StructArray.from_arrays([columns[0], columns[1]], ["x", "x"])
    return pa.table(
        columns + [struct], ["twice", "twice", "", "", "日本", 'with "quotes", commas', "new\nline", "struct"]
    )


def extensions():
    columns = {}
    for make in (
        lambda: pa.uuid(),
        lambda: pa.bool8(),
        lambda: pa.json_(pa.string()),
        lambda: pa.fixed_shape_tensor(pa.int32(), (2, 2)),
        lambda: pa.opaque(pa.int32(), "type", "vendor"),
    ):
        try:
            kind = make()
        except AttributeError:
            continue
        storage = kind.storage_type
        some = {"int8": [1, 0], "int32": [1, 0], "string": ["{}", "[]"]}.get(str(storage))
        some = some or (
            [b"0123456789abcdef"] * 2 if str(storage).startswith("fixed_size_binary") else [[1, 2, 3, 4]] * 2
        )
        columns[str(kind)] = pa.ExtensionArray.from_storage(kind, pa.array(some + [None], storage))
    return pa.table(columns)


def unknown_extension():
    field = pa.field(
        "e", pa.int32(), metadata={"ARROW:extension:name": "a.stranger", "ARROW:extension:metadata": "{}"}
    )
    return pa.table([pa.array([1, None], pa.int32())], schema=pa.schema([field]))


def no_columns():
    return [pa.RecordBatch.from_struct_array(pa.array([{}] * n, pa.struct([]))) for n in (ROWS, 0, 5)]


def nothing():
    return pa.table(
        {
            "null": pa.nulls(ROWS),
            "in a list": pa.array([[None] * (i % 3) for i in range(ROWS)], pa.list_(pa.null())),
            "in a struct": pa.StructArray.from_arrays([pa.nulls(ROWS)], ["n"]),
        }
    )


def required():
    """No field may be null, and no column has a validity buffer."""
    fields = [
        pa.field("n", pa.int64(), False),
        pa.field("s", pa.string(), False),
        pa.field("l", pa.list_(pa.field("item", pa.int8(), False)), False),
        pa.field("t", pa.struct([pa.field("x", pa.bool_(), False)]), False),
    ]
    values = [range(ROWS), ["s"] * ROWS, [[i] for i in range(ROWS)], [{"x": True}] * ROWS]
    return pa.table([pa.array(v, f.type) for v, f in zip(values, fields)], schema=pa.schema(fields))


def wide():
    return pa.table({f"column {i}": pa.array([i, None]) for i in range(3000)})


def deep():
    array = pa.array([1, None, 3])
    for level in range(50):
        array = (
            pa.StructArray.from_arrays([array], [f"l{level}"])
            if level % 2
            else pa.ListArray.from_arrays(pa.array([0, 1, 2, 3], pa.int32()), array)
        )
    return pa.table({"deep": array})


def long():
    return pa.table(
        {"n": pa.array(range(300_000)), "s": pa.array([f"row {i % 1000}" for i in range(300_000)])}
    )


def incompressible():
    noise = [bytes(random.randrange(256) for _ in range(50)) for _ in range(ROWS)]
    return pa.table({"noise": pa.array(noise), "none": pa.nulls(ROWS), "empty": pa.array([""] * ROWS)})


FAMILIES = {
    f.__name__: f
    for f in (
        primitives,
        times,
        decimals,
        texts,
        views,
        lists,
        unions,
        runs,
        dictionaries,
        growing,
        replaced,
        metadata,
        names,
        extensions,
        unknown_extension,
        no_columns,
        nothing,
        required,
        wide,
        deep,
        long,
        incompressible,
        list_views,
        list_views_in_no_order,
    )
}


def batches(data):
    """Some whole batches, some slices of them, one without rows, and their schema."""
    if isinstance(data, list):
        return data[0].schema, data
    whole = data.combine_chunks().to_batches()
    parts = []
    for batch in whole:
        if batch.num_rows <= ROWS:
            parts += [
                batch,
                batch.slice(batch.num_rows // 3),
                batch.slice(1, batch.num_rows // 2),
                batch.slice(0, 0),
            ]
        else:
            parts.append(batch)
    return data.schema, parts


OPTIONS = {
    "": {},
    "lz4": {"compression": "lz4"},
    "zstd": {"compression": "zstd"},
    "v4": {"metadata_version": pa.ipc.MetadataVersion.V4},
    "legacy": {"metadata_version": pa.ipc.MetadataVersion.V4, "use_legacy_format": True},
    "delta": {"emit_dictionary_deltas": True},
    "unified": {"unify_dictionaries": True},
}


def write(directory):
    for family, make in FAMILIES.items():
        try:
            schema, parts = batches(make())
        except Exception as error:
            print(family, f"this PyArrow does not make it: {error!r}", sep="\t")
            continue
        for option, arguments in OPTIONS.items():
            if option in ("delta", "unified") and family not in ("growing", "replaced", "dictionaries"):
                continue
            for ending, new in (("arrows", pa.ipc.new_stream), ("arrow", pa.ipc.new_file)):
                name = "-".join(filter(None, (family, option))) + "." + ending
                path = os.path.join(directory, name)
                try:
                    with new(path, schema, options=pa.ipc.IpcWriteOptions(**arguments)) as writer:
                        # Dictionaries are unified over a whole table.
                        tables = [pa.Table.from_batches(parts, schema)] if option == "unified" else parts
                        for part in tables:
                            writer.write(part)
                except Exception as error:
                    print(name, f"this PyArrow does not write it: {error!r}", sep="\t")
                    continue
                print(name, "written", sep="\t")
        if family in ("primitives", "texts", "lists"):
            for compression in ("uncompressed", "lz4", "zstd"):
                name = f"{family}-{compression}.feather"
                table = pa.Table.from_batches(parts, schema)
                feather.write_feather(table, os.path.join(directory, name), compression=compression)
                print(name, "written", sep="\t")
    for name, new in (("no_batches.arrows", pa.ipc.new_stream), ("no_batches.arrow", pa.ipc.new_file)):
        new(os.path.join(directory, name), pa.schema([("a", pa.int8())])).close()
        print(name, "written", sep="\t")


def read(path):
    with open(path, "rb") as file:
        data = file.read()
    with pa.ipc.open_file(data) if data.startswith(b"ARROW1") else pa.ipc.open_stream(data) as reader:
        found = (
            [reader.get_batch(i) for i in range(reader.num_record_batches)]
            if hasattr(reader, "get_batch")
            else list(reader)
        )
        return reader.schema, found


def verdict(path, back):
    schema, expected = read(path)
    schema_back, found = read(back)
    if not schema.equals(schema_back, check_metadata=True):
        return f"schema {schema_back} where it was {schema}".replace("\n", " ")[:500]
    for batch in found:
        batch.validate(full=True)
    expected, found = (pa.Table.from_batches(b, schema) for b in (expected, found))
    if expected.num_rows != found.num_rows:
        return f"{found.num_rows} rows of {expected.num_rows}"
    for name, a, b in zip(schema.names, expected.columns, found.columns):
        if not a.equals(b) and a.to_pylist() != b.to_pylist():
            return f"{name}: {b} where it was {a}".replace("\n", " ")[:500]
    return "same"


def compare(directory):
    for name in sorted(os.listdir(directory)):
        if name.endswith(".back"):
            path = os.path.join(directory, name[:-5])
            try:
                said = verdict(path, path + ".back")
            except Exception as error:
                said = repr(error)
            print(name[:-5], said, sep="\t", flush=True)


if __name__ == "__main__":
    {"write": write, "compare": compare}[sys.argv[1]](sys.argv[2])
