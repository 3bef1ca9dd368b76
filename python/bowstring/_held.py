"""A table that somebody else keeps in memory."""

from __future__ import annotations

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

from ._bowstring import Schema, Table


class HeldTable:
    """What shared and stored tables have in common: the rows, and the ways into other libraries."""

    __slots__ = ("_table",)

    _table: Table

    @property
    def num_rows(self) -> int:
        """Rows."""
        return self._table.num_rows

    @property
    def num_columns(self) -> int:
        """Columns."""
        return self._table.num_columns

    @property
    def schema(self) -> Schema:
        """Names and types."""
        return self._table.schema

    @property
    def nbytes(self) -> int:
        """Bytes of the rows."""
        return self._table.nbytes

    def to_pyarrow(self) -> Any:
        """A ``pyarrow.Table`` over the same memory."""
        return self._table.to_pyarrow()

    def to_polars(self) -> Any:
        """A ``polars.DataFrame`` over the same memory."""
        return self._table.to_polars()

    def to_pandas(self) -> Any:
        """A ``pandas.DataFrame``."""
        return self._table.to_pandas()

    def __len__(self) -> int:
        return self.num_rows

    def __arrow_c_stream__(self, requested_schema: Any = None) -> Any:
        return self._table.__arrow_c_stream__(requested_schema)

    def __arrow_c_schema__(self) -> Any:
        return self._table.__arrow_c_schema__()
