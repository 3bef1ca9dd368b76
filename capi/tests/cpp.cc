// The C++ header: a table and messages through it, exceptions and results, moves, and what a builder throws.
#include <bowstring.hpp>

#include <stdexcept>
#include <csignal>
#include <type_traits>
#include <vector>

#include "test.h"

static_assert(!std::is_copy_constructible_v<bowstring::message> && std::is_move_constructible_v<bowstring::message>);
static_assert(!std::is_copy_constructible_v<bowstring::table_sender>);

// A wait is as long as it says; what is too long for nanoseconds is as long as can be.
static_assert(bowstring::timeout(std::chrono::milliseconds(3)).raw() == 3000000);
static_assert(bowstring::timeout(std::chrono::seconds(-3)).raw() == 0);
static_assert(bowstring::timeout(std::chrono::hours::max()).raw() == INT64_MAX);
static_assert(bowstring::timeout(std::chrono::duration<double>(0.5)).raw() == 500000000);

static void release_schema(ArrowSchema *schema) { schema->release = nullptr; }

static void messages() {
    int fds[2];
    CHECK(bowstring_socket_pair(fds, nullptr) == BOWSTRING_OK);
    pid_t child = fork();
    if (child == 0) {
        close(fds[0]);
        bowstring::receiver receiver(fds[1], BOWSTRING_POOLED);
        CHECK(receiver.try_receive(bowstring::now).code() == BOWSTRING_AGAIN);
        CHECK(std::string(receiver.try_receive(bowstring::now).error().what()) == "nothing is there now");
        CHECK(receiver.try_receive(std::chrono::microseconds(100)).code() == BOWSTRING_TIMED_OUT);
        CHECK(kill(getppid(), SIGCONT) == 0);
        bowstring::message kept;
        for (uint32_t n = 0; n < 100; n++) {
            bowstring::message message = receiver.receive();
            CHECK(message.tag() == n && message.bytes().size() == n);
            for (uint8_t byte : message.bytes()) CHECK(byte == n);
            if (n == 50) {
                message.detach();
                kept = std::move(message);
            }
        }
        uint64_t number = 100;
        for (bowstring::message &message : receiver) {
            CHECK(message.number() == ++number && message.bytes().size() == 3 && message.bytes()[0] == 1);
        }
        CHECK(number == 102);
        CHECK(receiver.stats().messages == 102);
        CHECK(receiver.try_receive().code() == BOWSTRING_CLOSED);
        try {
            receiver.receive();
            CHECK(!"it must throw");
        } catch (const bowstring::error &e) {
            CHECK(e.code() == BOWSTRING_CLOSED && e.what()[0] != 0);
        }
        CHECK(kept.bytes()[0] == 50);
        _exit(0);
    }
    close(fds[1]);
    {
        bowstring::sender sender;
        sender.meet(fds[0]);
        sigset_t set;
        int got;
        sigemptyset(&set);
        sigaddset(&set, SIGCONT);
        CHECK(sigwait(&set, &got) == 0);
        for (uint32_t n = 0; n < 100; n++) {
            { bowstring::loan unused = sender.loan(10); }
            bowstring::loan loan = sender.loan(n);
            for (uint8_t &byte : loan.bytes()) byte = static_cast<uint8_t>(n);
            CHECK(loan.commit(n, n).receivers == 1);
        }
        bowstring::loan room = sender.try_loan(3).value();
        for (uint8_t &byte : room.bytes()) byte = 1;
        room.commit(3);
        const uint8_t ready[] = {1, 2, 3};
        sender.send({ready, sizeof ready});
        CHECK(sender.try_loan(std::size_t{1} << 60).code() == BOWSTRING_TOO_LONG);
        CHECK(sender.stats().messages == 102);
        // What is assigned to closes at once what it held: the receiver gets its end.
        sender = bowstring::sender();
    }
    await_child(child);
}

static void tables(uint32_t delivery) {
    int fds[2];
    CHECK(bowstring_socket_pair(fds, nullptr) == BOWSTRING_OK);
    pid_t child = fork();
    if (child == 0) {
        close(fds[0]);
        bowstring::table_receiver receiver(fds[1], delivery);
        CHECK(receiver.schema()->n_children == 1);
        int64_t rows = 0;
        std::vector<bowstring::batch> kept;
        for (bowstring::batch &batch : receiver) {
            auto *values = static_cast<const double *>(batch->children[0]->buffers[1]);
            for (int64_t row = 0; row < batch->length; row++) CHECK(values[row] == 0.5 * double(row));
            rows += batch->length;
            kept.push_back(std::move(batch));
        }
        CHECK(rows == 300 && receiver.stats().batches == 3 && kept.size() == 3);
        CHECK(receiver.missing().rows_before == 0 && receiver.missing().interruptions == 0);
        CHECK(delivery == BOWSTRING_COPIED || receiver.stats().buffers_copied == 0);
        _exit(0);
    }
    close(fds[1]);
    {
        ArrowSchema half{}, *children[] = {&half}, schema{};
        half.format = "g";
        half.name = "half";
        half.release = schema.release = release_schema;
        schema.format = "+s";
        schema.name = "";
        schema.n_children = 1;
        schema.children = children;
        bowstring::table_sender sender(&schema);
        sender.meet(fds[0]);
        for (int n = 0; n < 3; n++) {
            sender.build(100, {}, [](bowstring::columns &columns) {
                auto values = columns.values<double>(0);
                for (std::size_t row = 0; row < 100; row++) values[row] = 0.5 * double(row);
                return std::size_t{100};
            });
        }
        try {
            sender.build(100, {}, [](bowstring::columns &) -> std::size_t { throw std::runtime_error("mine"); });
            CHECK(!"it must throw");
        } catch (const std::runtime_error &e) {
            CHECK(std::string(e.what()) == "mine");
        }
    }
    await_child(child);
}

// Half of the columns and a tenth of the rows, in order.
static void chosen() {
    int fds[2];
    CHECK(bowstring_socket_pair(fds, nullptr) == BOWSTRING_OK);
    pid_t child = fork();
    if (child == 0) {
        close(fds[0]);
        bowstring::table_receiver receiver(fds[1]);
        try {
            receiver.choose({{}, "half >", 0});
            CHECK(!"it must throw");
        } catch (const bowstring::error &e) {
            CHECK(e.code() == BOWSTRING_CHOICE && e.position() == 7);
        }
        receiver.choose({{"half"}, "whole % 10 = 0", 9});
        CHECK(receiver.schema()->n_children == 1);
        double expected = 0;
        bowstring::stream stream = receiver.into_stream();
        for (bowstring::batch &batch : bowstring::batches(stream)) {
            auto *values = static_cast<const double *>(batch->children[0]->buffers[1]) + batch->children[0]->offset;
            for (int64_t row = 0; row < batch->length; row++, expected += 5) CHECK(values[row] == expected);
        }
        CHECK(expected == 9 * 5);
        _exit(0);
    }
    close(fds[1]);
    {
        ArrowSchema half{}, whole{}, *children[] = {&half, &whole}, schema{};
        half.format = "g";
        half.name = "half";
        whole.format = "i";
        whole.name = "whole";
        half.release = whole.release = schema.release = release_schema;
        schema.format = "+s";
        schema.name = "";
        schema.n_children = 2;
        schema.children = children;
        bowstring::table_sender sender(&schema);
        sender.meet(fds[0]);
        sender.build(100, {}, [](bowstring::columns &columns) {
            auto halves = columns.values<double>(0);
            auto wholes = columns.values<int32_t>(1);
            for (std::size_t row = 0; row < 100; row++) {
                halves[row] = 0.5 * double(row);
                wholes[row] = int32_t(row);
            }
            return std::size_t{100};
        });
    }
    await_child(child);
}

int main() {
    sigset_t set;
    sigemptyset(&set);
    sigaddset(&set, SIGCONT);
    CHECK(sigprocmask(SIG_BLOCK, &set, nullptr) == 0);
    messages();
    tables(BOWSTRING_POOLED);
    tables(BOWSTRING_COPIED);
    tables(BOWSTRING_SEALED);
    chosen();
    std::puts("cpp: messages and tables, choices, exceptions and results");
    return 0;
}
