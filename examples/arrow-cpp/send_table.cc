// Sends an Arrow stream that is read by Arrow C++, from FILE to whoever receives at NAME: send_table FILE NAME
#include <bowstring.hpp>

#include <arrow/api.h>
#include <arrow/c/bridge.h>
#include <arrow/io/api.h>
#include <arrow/ipc/api.h>

#include <cstdio>
#include <exception>
#include <memory>
#include <stdexcept>
#include <string>

// The value, or Arrow's reason as an exception.
template <typename T> T must(arrow::Result<T> result) {
    if (!result.ok()) throw std::runtime_error(result.status().ToString());
    return std::move(result).ValueUnsafe();
}

static void must(const arrow::Status &status) {
    if (!status.ok()) throw std::runtime_error(status.ToString());
}

static void send(const std::string &file, const char *name) {
    auto source = must(arrow::io::MemoryMappedFile::Open(file, arrow::io::FileMode::READ));
    std::shared_ptr<arrow::RecordBatchReader> reader = must(arrow::ipc::RecordBatchStreamReader::Open(source));
    // Exported, a schema or a stream is a C struct that owns what it shows.
    bowstring::schema schema;
    must(arrow::ExportSchema(*reader->schema(), schema.get()));
    bowstring::table_sender sender(schema.get());
    sender.listen(name);
    sender.wait_for_receivers(1);
    bowstring::stream batches;
    must(arrow::ExportRecordBatchReader(std::move(reader), batches.get()));
    std::printf("%llu batches\n", static_cast<unsigned long long>(sender.send(batches.get())));
}

int main(int argc, char **argv) {
    if (argc != 3) {
        std::fprintf(stderr, "usage: send_table FILE NAME\n");
        return 2;
    }
    try {
        send(argv[1], argv[2]);
        return 0;
    } catch (const std::exception &error) {
        std::fprintf(stderr, "send_table: %s\n", error.what());
        return 1;
    }
}
