"""A batch that is computed column by column."""

from __future__ import annotations

import weakref
from types import TracebackType
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from ._bowstring import Room, Writer


class Build:
    """The columns of a batch under way: what ``with writer.build(rows)`` gives.

    A column of numbers or times is a NumPy array to compute into; any other, and any column as a whole, can be assigned.
    ``set_null`` takes a mask. At the end of the block the batch is written, and the arrays can no longer be written to.

    ``in_place`` says where the arrays are. If it is true they are slots that readers read: what they hold at first is as
    undefined as that of ``numpy.empty``, and the writer serves nobody else until the block ends. Otherwise they are private
    memory that is copied once. No array that is kept can reach a reader in either case: it becomes read-only, and a part of
    one that is still held when the block ends is a ``BufferError``.
    """

    def __init__(self, writer: Writer, rows: int, text: dict[str, int] | None, timeout: float | None) -> None:
        import pyarrow as pa  # type: ignore[import-untyped, unused-ignore]

        schema = writer.schema
        if schema is None:
            raise ValueError("build() needs the table's schema: Writer(name, schema=…), or write a batch first")
        if rows < 0:
            raise ValueError(f"rows={rows}: not below 0")
        self._writer, self._rows, self._text, self._timeout = writer, rows, text or {}, timeout
        self._schema = pa.schema(schema)
        self._room: Room | None = None
        #: By column: the array over its memory, and the array that the program was given.
        self._owners: dict[str, Any] = {}
        self._given: dict[str, Any] = {}
        self._whole: dict[str, Any] = {}
        self._nulls: dict[str, Any] = {}
        self._open = False
        #: True if the arrays are the slots that readers read.
        self.in_place = False

    def _field(self, name: str) -> Any:
        if not self._open:
            raise ValueError("this batch is not being built: it was written, or its block has not begun")
        if self._schema.get_field_index(name) < 0:
            raise KeyError(f"no column {name!r}; there are {', '.join(self._schema.names)}")
        return self._schema.field(name)

    def __len__(self) -> int:
        return self._rows

    def __getitem__(self, name: str) -> Any:
        field = self._field(name)
        if name not in self._given:
            if _dtype(field.type) is None:
                raise TypeError(f"column {name!r} is {field.type}: assign it as a whole, b[{name!r}] = values")
            self._whole.pop(name, None)
            self._owners[name] = self._memory(field)
            # A part of it refers to the owner and not to this array, so that both can be told apart at the end.
            self._given[name] = self._owners[name][:]
        return self._given[name]

    def _memory(self, field: Any) -> Any:
        import numpy as np

        dtype = np.dtype(_dtype(field.type))
        if self._room is not None and _lies_as(field.type):
            return np.frombuffer(self._room.column(self._schema.get_field_index(field.name)), dtype)
        return np.zeros(self._rows, dtype)

    def __setitem__(self, name: str, values: Any) -> None:
        import pyarrow as pa

        field = self._field(name)
        if values is self._given.get(name):
            return  # `b["price"] += 1` has changed it already.
        if not isinstance(values, (pa.Array, pa.ChunkedArray)):
            values = pa.array(values, field.type)
        elif values.type != field.type:
            values = values.cast(field.type)
        if isinstance(values, pa.ChunkedArray):
            values = values.combine_chunks()
        if len(values) != self._rows:
            raise ValueError(f"column {name!r}: {len(values)} values for {self._rows} rows")
        self._owners.pop(name, None)
        self._given.pop(name, None)
        self._whole[name] = values

    def set_null(self, name: str, mask: Any) -> None:
        """Makes those rows of a column null for which the mask is true."""
        import numpy as np

        if not self._field(name).nullable:
            raise ValueError(f"column {name!r} allows no nulls")
        mask = np.asarray(mask, bool)
        if mask.shape != (self._rows,):
            raise ValueError(f"column {name!r}: a mask of shape {mask.shape} for {self._rows} rows")
        self._nulls[name] = mask.copy()

    def __enter__(self) -> Build:
        if self._rows > 0:
            self._room = self._writer._room(self._rows, self._text, self._timeout)
        self.in_place = self._room is not None
        self._open = True
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._open = False
        try:
            parts = self._close()
            if kind is not None:
                return
            if parts:
                raise BufferError(
                    f"parts of column {parts[0]!r} are still held, and could be written to later: `del` them before the "
                    "block ends. The batch was not written"
                )
            if self._room is None or not self._send_in_place(self._room):
                self._send_copy()
        finally:
            if self._room is not None:
                self._room.give_up()
            self._owners, self._room = {}, None

    def _close(self) -> list[str]:
        """Ends the writing. Returns the columns of which parts are still held."""
        import sys

        parts = []
        self._kept: dict[str, Any] = {}
        for name in list(self._given):
            given = self._given.pop(name)
            given.flags.writeable = False
            kept = weakref.ref(given)
            del given
            # The owner is referred to by this object, by the call, by the array that was given, and by parts of either.
            if sys.getrefcount(self._owners[name]) > _REFERENCES + (kept() is not None):
                parts.append(name)
            if self._room is not None and _lies_as(self._schema.field(name).type):
                self._kept[name] = None
            self._owners[name].flags.writeable = False
        return parts

    # ---- in place ----

    def _send_in_place(self, room: Room) -> bool:
        import numpy as np
        import pyarrow as pa

        nulls, bits, text = {}, {}, {}
        for index, field in enumerate(self._schema):
            name, null = field.name, self._nulls.get(field.name)
            if not (name in self._kept or name in self._owners):
                whole = self._column(field)
                if _is_text(field.type):
                    text[name] = whole
                    continue
                missing = np.asarray(whole.is_null())
                if missing.any():
                    null = missing
                if pa.types.is_boolean(field.type):
                    bits[index] = _bits(np.asarray(whole.fill_null(False)))
                else:
                    place = np.frombuffer(room.column(index), np.uint8)
                    place[:] = _bytes(whole)
                    del place
            elif pa.types.is_boolean(field.type):
                bits[index] = _bits(self._owners[name])
            elif name not in self._kept:
                place = np.frombuffer(room.column(index), np.uint8)
                place[:] = _bytes(pa.array(self._owners[name], field.type, from_pandas=False))
                del place
            if null is not None and null.any():
                nulls[index] = _bits(~null)
        for name in self._kept:
            del self._owners[name]
        columns = pa.record_batch(list(text.values()), names=list(text)) if text else None
        return room.send(columns, nulls, bits)

    # ---- by a copy ----

    def _column(self, field: Any) -> Any:
        import pyarrow as pa
        import pyarrow.compute as pc  # type: ignore[import-untyped, unused-ignore]

        name, nulls = field.name, self._nulls.get(field.name)
        if name in self._kept and name not in self._owners:
            self._owners[name] = self._memory(field)
        if name in self._owners:
            return pa.array(self._owners[name], field.type, mask=nulls, from_pandas=False)
        if name not in self._whole:
            if field.nullable:
                return pa.nulls(self._rows, field.type)
            raise ValueError(f"column {name!r} was not written")
        whole = self._whole[name]
        return whole if nulls is None else pc.if_else(pa.array(nulls), pa.scalar(None, field.type), whole)

    def _send_copy(self) -> None:
        import pyarrow as pa

        columns = [self._column(field) for field in self._schema]
        self.in_place = False
        self._writer.write(pa.record_batch(columns, schema=self._schema), timeout=self._timeout)


def _references() -> int:
    import sys

    held = {"owner": object()}
    return sys.getrefcount(held["owner"])


#: What ``sys.getrefcount(dict[key])`` says of a value that nothing else refers to.
_REFERENCES = _references()


def _dtype(kind: Any) -> str | None:
    """NumPy's name for an Arrow type, if it has one."""
    import pyarrow.types as t  # type: ignore[import-untyped, unused-ignore]

    if t.is_timestamp(kind):
        return f"datetime64[{kind.unit}]"
    if t.is_duration(kind):
        return f"timedelta64[{kind.unit}]"
    if t.is_date32(kind):
        return "datetime64[D]"
    names = {"halffloat": "float16", "float": "float32", "double": "float64"}
    if t.is_integer(kind) or t.is_floating(kind) or t.is_boolean(kind):
        return names.get(str(kind), str(kind))
    return None


def _lies_as(kind: Any) -> bool:
    """True if NumPy's values lie in memory as Arrow's do."""
    import pyarrow.types as t

    return _dtype(kind) is not None and not (t.is_boolean(kind) or t.is_date32(kind))


def _is_text(kind: Any) -> bool:
    import pyarrow.types as t

    return not (t.is_primitive(kind) or t.is_boolean(kind))


def _bits(mask: Any) -> bytes:
    import numpy as np

    return np.packbits(mask, bitorder="little").tobytes()


def _bytes(array: Any) -> Any:
    """The values of an array of numbers or times; those of nulls mean nothing."""
    import numpy as np

    width = array.type.bit_width // 8
    values = array.buffers()[1]
    if values is None:
        return 0
    return np.frombuffer(values, np.uint8)[array.offset * width : (array.offset + len(array)) * width]
