// Receives the table that is sent at NAME into Arrow C++, where it lies, and prints it or writes it as an Arrow stream:
// receive_table NAME [FILE [pooled|copied|sealed]]
#include <bowstring.hpp>

#include <arrow/api.h>
#include <arrow/c/bridge.h>
#include <arrow/io/api.h>
#include <arrow/ipc/api.h>

#include <cinttypes>
#include <cstdint>
#include <cstdio>
#include <exception>
#include <fstream>
#include <iostream>
#include <memory>
#include <sstream>
#include <stdexcept>
#include <string>
#include <utility>
#include <vector>

// The value, or Arrow's reason as an exception.
template <typename T> T must(arrow::Result<T> result) {
    if (!result.ok()) throw std::runtime_error(result.status().ToString());
    return std::move(result).ValueUnsafe();
}

static void must(const arrow::Status &status) {
    if (!status.ok()) throw std::runtime_error(status.ToString());
}

// The places of this process where memory files are mapped: those are shared with the sender.
class shared_places {
  public:
    shared_places() {
        std::ifstream maps("/proc/self/maps");
        for (std::string line; std::getline(maps, line);) {
            uintptr_t first, end;
            if (line.find("/memfd:") != std::string::npos &&
                std::sscanf(line.c_str(), "%" SCNxPTR "-%" SCNxPTR, &first, &end) == 2) {
                places_.emplace_back(first, end);
            }
        }
    }
    bool hold(const arrow::Buffer &buffer) const {
        for (auto [first, end] : places_) {
            if (buffer.address() >= first && buffer.address() + static_cast<uintptr_t>(buffer.size()) <= end) return true;
        }
        return false;
    }

  private:
    std::vector<std::pair<uintptr_t, uintptr_t>> places_;
};

struct counts {
    int64_t buffers = 0, shared = 0;
};

// Counts the buffers of an array that has rows, and of those below it. A dictionary is kept longer than its message, so it is a copy
// where messages lie in slots: it does not count.
static void count(const arrow::ArrayData &array, const shared_places &places, counts &all) {
    for (const auto &buffer : array.buffers) {
        if (!buffer || buffer->size() == 0 || array.length == 0) continue;
        all.buffers++;
        all.shared += places.hold(*buffer);
    }
    for (const auto &child : array.child_data) count(*child, places, all);
}

static void receive(const char *name, const char *file, uint32_t delivery) {
    bowstring::table_receiver receiver(name, delivery);
    bowstring::schema exported = receiver.schema();
    std::shared_ptr<arrow::Schema> schema = must(arrow::ImportSchema(exported.get()));
    std::shared_ptr<arrow::ipc::RecordBatchWriter> writer;
    std::shared_ptr<arrow::io::FileOutputStream> out;
    if (file) {
        out = must(arrow::io::FileOutputStream::Open(file));
        writer = must(arrow::ipc::MakeStreamWriter(out, schema));
    }
    counts all;
    int64_t rows = 0;
    for (bowstring::batch &received : receiver) {
        // The RecordBatch owns the struct now, and releases it with its last buffer, on whichever thread.
        std::shared_ptr<arrow::RecordBatch> batch = must(arrow::ImportRecordBatch(received.get(), schema));
        shared_places places;
        for (const auto &column : batch->columns()) count(*column->data(), places, all);
        rows += batch->num_rows();
        if (writer) {
            must(writer->WriteRecordBatch(*batch));
        } else {
            std::cout << batch->ToString();
        }
    }
    if (writer) {
        must(writer->Close());
        must(out->Close());
    }
    std::fprintf(stderr, "%" PRId64 " rows, %" PRId64 " of %" PRId64 " buffers in shared memory\n", rows, all.shared,
                 all.buffers);
}

int main(int argc, char **argv) {
    const std::string how = argc > 3 ? argv[3] : "";
    // Unless it is asked for pooled delivery, a receiver is safe with any sender.
    uint32_t delivery = how == "pooled"   ? BOWSTRING_POOLED
                        : how == "copied" ? BOWSTRING_COPIED
                        : how == "sealed" ? BOWSTRING_SEALED
                                          : 0;
    if (argc < 2 || argc > 4 || (argc == 4 && delivery == 0)) {
        std::fprintf(stderr, "usage: receive_table NAME [FILE [pooled|copied|sealed]]\n");
        return 2;
    }
    try {
        receive(argv[1], argc > 2 ? argv[2] : nullptr, delivery);
        return 0;
    } catch (const std::exception &error) {
        std::fprintf(stderr, "receive_table: %s\n", error.what());
        return 1;
    }
}
