// The store in C++: what is put is got, followed and removed. Usage: store SOCKET, where `bowstring serve` listens.
#include <bowstring.hpp>

#include <type_traits>

#include "test.h"

static_assert(!std::is_copy_constructible_v<bowstring::store> && std::is_move_constructible_v<bowstring::follower>);

static void release_schema(ArrowSchema *schema) { schema->release = nullptr; }

// A stream without batches, of one column of float64.
static bowstring::stream empty() {
    bowstring::stream stream;
    stream->get_schema = [](ArrowArrayStream *, ArrowSchema *out) {
        static ArrowSchema half, *children[] = {&half};
        half = {};
        half.format = "g";
        half.name = "half";
        half.release = release_schema;
        *out = {};
        out->format = "+s";
        out->name = "";
        out->n_children = 1;
        out->children = children;
        out->release = release_schema;
        return 0;
    };
    stream->get_next = [](ArrowArrayStream *, ArrowArray *out) {
        *out = {};
        return 0;
    };
    stream->get_last_error = [](ArrowArrayStream *) -> const char * { return nullptr; };
    stream->release = [](ArrowArrayStream *self) { self->release = nullptr; };
    return stream;
}

int main(int argc, char **argv) {
    CHECK(argc == 2);
    bowstring::store store(argv[1]);
    bowstring::stream given = empty();
    uint64_t version = store.put("cpp-empty", given.get());
    CHECK(version > 0 && !given);
    bowstring::stored_table table = store.get("cpp-empty");
    CHECK(table.stream && table.info.version == version && table.info.end_row == 0);
    bowstring::schema schema;
    CHECK(table.stream->get_schema(table.stream.get(), schema.get()) == 0);
    CHECK(schema->n_children == 1 && std::string(schema->children[0]->format) == "g");
    try {
        store.create("cpp-empty", empty().get());
        CHECK(!"it must throw");
    } catch (const bowstring::error &e) {
        CHECK(e.code() == BOWSTRING_CONFLICT);
    }
    CHECK(table.metadata.empty());
    const bowstring::pairs pairs{{"made by", "store.cc"}, {"unit", "mm"}};
    version = store.put("cpp-empty", empty().get(), version, pairs);
    bowstring::choice wanted;
    wanted.columns = {"half", "half"};
    wanted.where = "half > 1";
    wanted.limit = 3;
    table = store.get("cpp-empty", wanted);
    CHECK(table.info.version == version && table.metadata == pairs);
    bowstring::schema twice;
    CHECK(table.stream->get_schema(table.stream.get(), twice.get()) == 0 && twice->n_children == 2);
    try {
        wanted.where = "half > 1 and whole > 1";
        store.get("cpp-empty", wanted);
        CHECK(!"it must throw");
    } catch (const bowstring::error &e) {
        CHECK(e.code() == BOWSTRING_CHOICE && e.position() == 14 && std::string(e.what()).find("whole") != std::string::npos);
    }
    bowstring::follower follower = bowstring::store(argv[1]).follow("cpp-empty");
    auto rows = follower.try_next();
    CHECK(rows && !rows->replaced && rows->info.version == version && follower.fd() >= 0);
    CHECK(follower.try_next(bowstring::now).code() == BOWSTRING_AGAIN);
    follower.choose({{"half", "half"}, "whole > 1", 0});
    version = store.put("cpp-empty", empty().get());
    CHECK(follower.try_next().code() == BOWSTRING_CHOICE);
    follower.choose({{"half", "half"}, "half > 1", 0});
    rows = follower.try_next();
    CHECK(rows && rows->replaced && rows->info.version == version);
    bowstring::schema followed;
    CHECK(rows->stream->get_schema(rows->stream.get(), followed.get()) == 0 && followed->n_children == 2);
    store.remove("cpp-empty", version);
    CHECK(follower.try_next().code() == BOWSTRING_CLOSED);
    std::puts("store: put, got, followed, removed, in C++");
    return 0;
}
