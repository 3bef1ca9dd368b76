"""Named tables in a store, which runs in this process or in another."""

import asyncio
import os
import pathlib
import threading

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

import bowstring

TABLE = pa.table({"size": list(range(1000)), "backend": ["s3", "ipfs"] * 500})


@pytest.fixture
def store():
    with bowstring.Store() as store:
        yield store


def test_what_is_put_is_opened_where_it_lies(store, child):
    assert bowstring.put("pins", TABLE) > 0
    got = bowstring.get("pins")
    assert got.to_pyarrow().equals(TABLE)
    assert (got.method, got.warning, got.zero_copy) == ("shared", None, True)
    assert got.source.endswith("store.sock")
    other = child(
        """
        import bowstring
        print(bowstring.get("pins", columns=["size"]).to_pyarrow()["size"][999], flush=True)
        """
    )
    assert other.line() == "999"


def test_columns_conditions_and_limits(store):
    bowstring.put("pins", TABLE)
    got = bowstring.get("pins", columns=["size"], where="size > 100 and backend = 'ipfs'", limit=3)
    assert got.to_pyarrow().to_pydict() == {"size": [101, 103, 105]}
    assert not got.zero_copy
    assert bowstring.get("pins", limit=5).num_rows == 5
    assert bowstring.get("pins", where="size < 0").to_pyarrow().schema == TABLE.schema
    assert asyncio.run(bowstring.aget("pins", where="size = 7")).num_rows == 1


def test_what_was_opened_outlives_its_replacement_and_the_store():
    with bowstring.Store():
        bowstring.put("pins", TABLE)
        old = bowstring.get("pins")
        version = bowstring.put("pins", pa.table({"x": [1]}))
        assert bowstring.get("pins").version == version > old.version
    assert old.to_pyarrow().equals(TABLE)


def test_a_follower_gets_what_is_there_and_then_what_comes(store):
    bowstring.put("ticks", TABLE.slice(0, 10))
    followed = bowstring.follow("ticks", timeout=60)
    assert next(followed)["size"].to_numpy().tolist() == list(range(10))
    appending = threading.Thread(
        target=lambda: [bowstring.append("ticks", TABLE.slice(start, 10)) for start in (10, 20)]
    )
    appending.start()
    rows, batches = [], []
    while len(rows) < 20:
        batches.append(next(followed))
        rows += batches[-1]["size"].to_numpy().tolist()
    appending.join()
    assert rows == list(range(10, 30))
    assert all(batch.zero_copy for batch in batches)
    with pytest.raises(bowstring.TimeoutError):
        next(_drained("ticks"))


def _drained(name):
    followed = bowstring.follow(name, timeout=0.05)
    rows = 0
    for batch in followed:
        rows += len(batch)
        if rows == 30:
            return followed
    raise AssertionError(rows)


def test_errors_name_what_is_wrong(store):
    bowstring.put("pins", TABLE)
    with pytest.raises(KeyError):
        bowstring.get("nothing")
    with pytest.raises(KeyError, match="no column"):
        bowstring.get("pins", columns=["nothing"])
    with pytest.raises(KeyError, match="nothing"):
        bowstring.get("pins", where="nothing > 1")
    with pytest.raises(ValueError):
        bowstring.get("pins", where="size >")
    with pytest.raises(bowstring.SchemaMismatch):
        bowstring.append("pins", pa.table({"x": [1]}))
    with pytest.raises(bowstring.InUse):
        bowstring.Store()


def test_without_a_store():
    with pytest.raises(FileNotFoundError, match="bowstring serve"):
        bowstring.get("pins")
    with pytest.raises(FileNotFoundError, match="bowstring serve"):
        bowstring.put("pins", TABLE)


def test_tables_are_listed_renamed_and_removed(store):
    bowstring.put("pins", TABLE)
    bowstring.rename("pins", "needles")
    listed = bowstring.tables()
    assert [(one["name"], one["rows"], one["columns"]) for one in listed] == [("needles", 1000, 2)]
    followed = bowstring.follow("needles")
    assert len(next(followed)) == 1000
    bowstring.remove("needles")
    assert list(followed) == []
    assert bowstring.tables() == []


def test_other_ways_to_a_table(store, tmp_path):
    bowstring.put("pins", TABLE)
    got = bowstring.get("pins", where="size < 4", columns=["size"], methods=["json"])
    assert (got.method, got.version, got.zero_copy) == ("json", 0, False)
    assert got.to_pyarrow().to_pydict() == {"size": [0, 1, 2, 3]}
    assert bowstring.get("pins", limit=2, methods=["json"]).num_rows == 2
    pq.write_table(TABLE, tmp_path / "needles.parquet")
    config = pathlib.Path(os.environ["XDG_CONFIG_HOME"], "bowstring", "tables.toml")
    config.parent.mkdir(exist_ok=True)
    config.write_text(f"[tables]\nneedles = '{tmp_path}/needles.parquet'\n")
    try:
        got = bowstring.get("needles", where="size = 7")
        assert (got.method, got.num_rows) == ("source", 1)
        assert got.source == f"{tmp_path}/needles.parquet"
        assert "shared: " in got.warning and "needles" in got.warning
        with pytest.raises(bowstring.NoTable):
            bowstring.get("needles", methods=["shared", "json"])
    finally:
        config.unlink()
    with pytest.raises(ValueError, match="by pigeon"):
        bowstring.get("pins", methods=["by pigeon"])


def test_pandas_groups_what_is_in_the_store(store):
    bowstring.put("pins", TABLE)
    by_backend = bowstring.get("pins").to_pandas().groupby("backend")["size"].sum()
    assert by_backend.to_dict() == {"s3": 249500, "ipfs": 250000}
