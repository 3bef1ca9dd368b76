"""Opens an Arrow table of one column by name, again and again; prints the median to the first value, in nanoseconds."""
import os, subprocess, sys, time

name, megabytes, room = sys.argv[1], int(sys.argv[2]), sys.argv[3]
import numpy, pyarrow as pa

table = pa.table({"n": numpy.arange(megabytes << 17)})
socket = os.path.join(room, name + ".sock")
server = None


def serve(*words):
    global server
    server = subprocess.Popen(words, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    while not os.path.exists(socket):
        if server.poll() is not None:
            sys.exit(name + " does not start")
        time.sleep(0.01)


try:
    if name == "redis":
        import redis

        serve("redis-server", "--port", "0", "--unixsocket", socket, "--save", "")
        store = redis.Redis(unix_socket_path=socket)
        sink = pa.BufferOutputStream()
        with pa.ipc.new_stream(sink, table.schema) as stream:
            stream.write_table(table)
        store.set("t", sink.getvalue().to_pybytes())
        get = lambda: pa.ipc.open_stream(store.get("t")).read_all()
    elif name == "ray":
        import ray

        ray.init(num_cpus=1, include_dashboard=False, log_to_driver=False, logging_level="error")
        reference = ray.put(table)
        get = lambda: ray.get(reference)
    else:
        import vineyard

        serve(sys.executable, "-m", "vineyard", "--socket", socket, "--size", f"{4 * megabytes + 256}Mi", "--meta", "local")
        store = vineyard.connect(socket)
        reference = store.put(table)
        get = lambda: store.get(reference)
    times = []
    for _ in range(31):
        begun = time.perf_counter_ns()
        assert get()["n"][0].as_py() == 0
        times.append(time.perf_counter_ns() - begun)
    print(sorted(times)[15])
finally:
    if server:
        server.terminate()
        server.wait()
