"""The Python peer of the matrix, with the package `bowstring`.

    peer.py send FILE ADDRESS        peer.py receive ADDRESS FILE pooled|copied|sealed
"""
import sys

import bowstring
import pyarrow as pa

if sys.argv[1] == "send":
    _, _, file, address = sys.argv
    with pa.ipc.open_stream(pa.memory_map(file)) as reader, bowstring.Writer(address, schema=reader.schema) as writer:
        writer.wait_for_readers()
        for batch in reader:
            writer.write(batch)
else:
    _, _, address, file, delivery = sys.argv
    reader = bowstring.Reader(address, delivery=delivery)
    schema = pa.schema(reader.schema)
    with pa.OSFile(file, "wb") as out, pa.ipc.new_stream(out, schema) as writer:
        for batch in reader:
            writer.write_batch(pa.record_batch(batch))
