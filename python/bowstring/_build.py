"""A batch that is computed column by column."""

from __future__ import annotations

from types import TracebackType
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from ._bowstring import Writer


class Build:
    """The columns of a batch under way: what ``with writer.build(rows)`` gives.

    A column of numbers or times is a NumPy array to compute into; any other, and any column as a whole, can be assigned.
    ``set_null`` takes a mask. At the end of the block the batch is written, and the arrays can no longer be written to.

    The arrays are private memory of this process, so nothing that is done to one that was kept can reach a reader.
    """

    def __init__(self, writer: Writer, rows: int, timeout: float | None) -> None:
        import pyarrow as pa  # type: ignore[import-untyped, unused-ignore]

        schema = writer.schema
        if schema is None:
            raise ValueError("build() needs the table's schema: Writer(name, schema=…), or write a batch first")
        if rows < 0:
            raise ValueError(f"rows={rows}: not below 0")
        self._writer, self._rows, self._timeout = writer, rows, timeout
        self._schema = pa.schema(schema)
        self._arrays: dict[str, Any] = {}
        self._whole: dict[str, Any] = {}
        self._nulls: dict[str, Any] = {}
        self._open = False

    def _field(self, name: str) -> Any:
        if not self._open:
            raise ValueError("this batch is not being built: it was written, or its block has not begun")
        if self._schema.get_field_index(name) < 0:
            raise KeyError(f"no column {name!r}; there are {', '.join(self._schema.names)}")
        return self._schema.field(name)

    def __len__(self) -> int:
        return self._rows

    def __getitem__(self, name: str) -> Any:
        import numpy as np

        field = self._field(name)
        if name not in self._arrays:
            dtype = _dtype(field.type)
            if dtype is None:
                raise TypeError(f"column {name!r} is {field.type}: assign it as a whole, b[{name!r}] = values")
            self._whole.pop(name, None)
            self._arrays[name] = np.zeros(self._rows, np.dtype(dtype))
        return self._arrays[name]

    def __setitem__(self, name: str, values: Any) -> None:
        import pyarrow as pa

        field = self._field(name)
        if not isinstance(values, (pa.Array, pa.ChunkedArray)):
            values = pa.array(values, field.type)
        elif values.type != field.type:
            values = values.cast(field.type)
        if isinstance(values, pa.ChunkedArray):
            values = values.combine_chunks()
        if len(values) != self._rows:
            raise ValueError(f"column {name!r}: {len(values)} values for {self._rows} rows")
        self._arrays.pop(name, None)
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

    def _column(self, field: Any) -> Any:
        import pyarrow as pa
        import pyarrow.compute as pc  # type: ignore[import-untyped, unused-ignore]

        name, nulls = field.name, self._nulls.get(field.name)
        if name in self._arrays:
            return pa.array(self._arrays[name], field.type, mask=nulls, from_pandas=False)
        if name not in self._whole:
            if field.nullable:
                return pa.nulls(self._rows, field.type)
            raise ValueError(f"column {name!r} was not written")
        whole = self._whole[name]
        return whole if nulls is None else pc.if_else(pa.array(nulls), pa.scalar(None, field.type), whole)

    def __enter__(self) -> Build:
        self._open = True
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        import pyarrow as pa

        self._open = False
        for array in self._arrays.values():
            array.flags.writeable = False
        if kind is None:
            columns = [self._column(field) for field in self._schema]
            self._writer.write(pa.record_batch(columns, schema=self._schema), timeout=self._timeout)


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
