"""Tables in the smallest types that hold their values."""

from typing import Any, NamedTuple

from . import _bowstring
from ._bowstring import Table

__all__ = ["Compacted", "CompactedColumn", "compact"]


class CompactedColumn(NamedTuple):
    """A column before and after."""

    name: str
    #: Arrow's type before and after.
    type_before: str
    type_after: str
    bytes_before: int
    bytes_after: int


class Compacted(NamedTuple):
    """A table in smaller types, and each column before and after."""

    table: Table
    columns: list[CompactedColumn]


def compact(data: Any) -> Compacted:
    """Puts a table into the smallest types that hold every value, without changing one.

    Integers and floats get narrower, text becomes dates, times, booleans or a dictionary, and what is mostly null or
    constant is run-end encoded. Types are decided over all rows.

    >>> import bowstring, pyarrow as pa
    >>> table, columns = bowstring.compact(pa.table({"n": [1, 2, 3], "ok": ["true", "false", "true"]}))
    >>> [column.type_after for column in columns]
    ['Int8', 'Boolean']
    """
    table, columns = _bowstring.compact(data)
    return Compacted(table, [CompactedColumn(*column) for column in columns])
