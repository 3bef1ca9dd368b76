// See files.h.
#include "files.h"

#include <arrow/api.h>
#include <arrow/c/bridge.h>
#include <arrow/io/api.h>
#include <arrow/ipc/api.h>

#include <cstdlib>
#include <iostream>
#include <memory>
#include <utility>

static void must(const arrow::Status &status) {
    if (status.ok()) return;
    std::cerr << "files: " << status.ToString() << "\n";
    std::exit(1);
}

template <typename T> static T must(arrow::Result<T> result) {
    must(result.status());
    return std::move(result).ValueUnsafe();
}

struct Writer {
    std::shared_ptr<arrow::Schema> schema;
    std::shared_ptr<arrow::io::FileOutputStream> file;
    std::shared_ptr<arrow::ipc::RecordBatchWriter> writer;
};

void open_stream(const char *path, ArrowArrayStream *stream) {
    auto file = must(arrow::io::MemoryMappedFile::Open(path, arrow::io::FileMode::READ));
    std::shared_ptr<arrow::RecordBatchReader> reader = must(arrow::ipc::RecordBatchStreamReader::Open(file));
    must(arrow::ExportRecordBatchReader(reader, stream));
}

void *open_writer(const char *path, ArrowSchema *exported) {
    auto schema = must(arrow::ImportSchema(exported));
    auto file = must(arrow::io::FileOutputStream::Open(path));
    return new Writer{schema, file, must(arrow::ipc::MakeStreamWriter(file, schema))};
}

void write_batch(void *at, ArrowArray *exported) {
    auto *writer = static_cast<Writer *>(at);
    auto batch = must(arrow::ImportRecordBatch(exported, writer->schema));
    must(batch->Validate());
    must(writer->writer->WriteRecordBatch(*batch));
}

void close_writer(void *at) {
    std::unique_ptr<Writer> writer(static_cast<Writer *>(at));
    must(writer->writer->Close());
    must(writer->file->Close());
}
