"""Tables in the smallest types that hold their values."""

from typing import Any, Literal, NamedTuple

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


class _Pair(NamedTuple):
    table: Table
    columns: list[CompactedColumn]


class Compacted(_Pair):
    """A table in smaller types, and each column before and after."""

    #: With ``misfit="widen"``: the rows from the first misfit on, in the types that they had; None if all rows fit.
    rest: Table | None = None
    #: The first value that did not fit, in words.
    misfit: str | None = None


def compact(data: Any, *, sample: int | None = None, misfit: Literal["error", "widen"] = "error") -> Compacted:
    """Puts a table into the smallest types that hold every value, without changing one.

    Integers and floats get narrower, text becomes dates, times, booleans or a dictionary, and what is mostly null or
    constant is run-end encoded. Types are decided over all rows, or over the first ``sample``.

    >>> import bowstring, pyarrow as pa
    >>> table, columns = bowstring.compact(pa.table({"n": [1, 2, 3], "ok": ["true", "false", "true"]}))
    >>> [column.type_after for column in columns]
    ['Int8', 'Boolean']

    A value that does not fit the types of the sample is a ``bowstring.Error``. With ``misfit="widen"`` its row and all
    behind it become a second table, in the types that they had:

    >>> found = bowstring.compact(pa.table({"n": [1, 2, 1000, 3]}), sample=2, misfit="widen")
    >>> found.table.num_rows, found.rest.num_rows
    (2, 2)
    >>> found.misfit
    'row 2, column "n": 1000 does not fit Int8, which the first 2 rows led to'
    """
    if misfit not in ("error", "widen"):
        raise ValueError(f"misfit is 'error' or 'widen', and not {misfit!r}")
    if sample is not None and sample < 1:
        raise ValueError("sample is a number of rows, and at least one")
    if misfit == "widen" and sample is None:
        raise ValueError("misfit='widen' is for a sample: say how many rows, as in sample=100000")
    table, columns, rest = _bowstring.compact(data, sample, misfit == "widen")
    compacted = Compacted(table, [CompactedColumn(*column) for column in columns])
    if rest is not None:
        compacted.rest, compacted.misfit = rest
    return compacted
