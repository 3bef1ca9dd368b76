// Bowstring for C++17: bytes and Arrow tables between two processes on one Linux host, in shared memory.
//
// Header only, over bowstring.h, which says what each call does and which threads may make it. Types own what they hold and
// can be moved, not copied. A wait is a std::chrono duration, bowstring::forever, or bowstring::now.
//
// Errors. Calls throw bowstring::error. Those named try_… return a bowstring::result instead, for every code that is not
// success; with BOWSTRING_NO_EXCEPTIONS defined, a call that would throw ends the program.
//
// Licence: MIT OR Apache-2.0.
#ifndef BOWSTRING_HPP
#define BOWSTRING_HPP

#include "bowstring.h"

#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <exception>
#include <iterator>
#include <limits>
#include <optional>
#include <string>
#include <utility>
#include <vector>

namespace bowstring {

// What went wrong: a code of bowstring.h, and the reason in words.
class error : public std::exception {
  public:
    explicit error(const bowstring_error &e) noexcept : error_(e) {}
    int code() const noexcept { return error_.code; }
    int os_error() const noexcept { return error_.os_error; }
    unsigned fault() const noexcept { return error_.fault; }
    // For BOWSTRING_CHOICE: the byte of the condition, counted from 1; 0 if there is no such place.
    unsigned position() const noexcept { return error_.position; }
    // "Nothing now" has no words of its own.
    const char *what() const noexcept override {
        return error_.message[0] ? error_.message : bowstring_code_name(error_.code);
    }

  private:
    bowstring_error error_;
};

namespace detail {
[[noreturn]] inline void raise(const bowstring_error &e) {
#ifdef BOWSTRING_NO_EXCEPTIONS
    std::fprintf(stderr, "bowstring: %s\n", error(e).what());
    std::abort();
#else
    throw error(e);
#endif
}
} // namespace detail

// A value, or an error.
template <typename T> class result {
  public:
    result(T value) : value_(std::move(value)), error_{} {}
    result(const bowstring_error &e) : error_(e) {}
    explicit operator bool() const noexcept { return value_.has_value(); }
    bool has_value() const noexcept { return value_.has_value(); }
    T &operator*() noexcept { return *value_; }
    T *operator->() noexcept { return &*value_; }
    // The value; throws the error if there is none.
    T &value() & {
        if (!value_) detail::raise(error_);
        return *value_;
    }
    T value() && { return std::move(value()); }
    int code() const noexcept { return error_.code; }
    bowstring::error error() const noexcept { return bowstring::error(error_); }

  private:
    std::optional<T> value_;
    bowstring_error error_;
};

// How long to wait.
class timeout {
  public:
    constexpr explicit timeout(int64_t raw) noexcept : raw_(raw) {}
    template <typename Rep, typename Period>
    constexpr timeout(std::chrono::duration<Rep, Period> d) noexcept
        : raw_(nanoseconds(d)) {}
    template <typename Clock, typename Duration>
    timeout(std::chrono::time_point<Clock, Duration> until) noexcept : timeout(until - Clock::now()) {}
    constexpr int64_t raw() const noexcept { return raw_; }

  private:
    // What is over already does not wait, and what is beyond 292 years waits so long.
    template <typename Rep, typename Period>
    static constexpr int64_t nanoseconds(std::chrono::duration<Rep, Period> d) noexcept {
        const long double count = std::chrono::duration<long double, std::nano>(d).count();
        if (!(count > 0)) return 0;
        if (count >= 9.2e18L) return std::numeric_limits<int64_t>::max();
        return std::chrono::duration_cast<std::chrono::nanoseconds>(d).count();
    }
    int64_t raw_;
};
inline constexpr timeout forever{int64_t{-1}};
inline constexpr timeout now{int64_t{0}};

namespace detail {
// Runs a call that is handed an error object, and throws if it failed.
template <typename Call> void must(Call &&call) {
    bowstring_error e{};
    int32_t code = call(&e);
    if (code == BOWSTRING_OK) return;
    e.code = code;
    raise(e);
}

// A handle of the C interface, closed by Close.
template <typename T, int32_t (*Close)(T **, bowstring_error *)> class handle {
  public:
    handle() noexcept = default;
    handle(handle &&other) noexcept : raw_(std::exchange(other.raw_, nullptr)) {}
    // Closes what this held.
    handle &operator=(handle &&other) noexcept {
        handle old(std::move(*this));
        raw_ = std::exchange(other.raw_, nullptr);
        return *this;
    }
    ~handle() {
        if (raw_) Close(&raw_, nullptr);
    }
    T *get() const noexcept { return raw_; }
    T **place() noexcept { return &raw_; }
    explicit operator bool() const noexcept { return raw_ != nullptr; }

  private:
    T *raw_ = nullptr;
};

// What From::Next returns, one after the other, up to BOWSTRING_CLOSED; any other error is thrown.
template <typename From, typename Item, result<Item> (From::*Next)(timeout)> class iterator {
  public:
    using iterator_category = std::input_iterator_tag;
    using value_type = Item;
    using difference_type = std::ptrdiff_t;
    using pointer = Item *;
    using reference = Item &;

    explicit iterator(From *from) : from_(from) { ++*this; }
    iterator &operator++() {
        auto next = (from_->*Next)(forever);
        if (next.code() == BOWSTRING_CLOSED) {
            from_ = nullptr;
        } else {
            current_ = std::move(next).value();
        }
        return *this;
    }
    void operator++(int) { ++*this; }
    Item &operator*() noexcept { return current_; }
    Item *operator->() noexcept { return &current_; }
    bool operator==(std::nullptr_t) const noexcept { return from_ == nullptr; }
    bool operator!=(std::nullptr_t) const noexcept { return from_ != nullptr; }

  private:
    From *from_;
    Item current_;
};
} // namespace detail

// Bytes that somebody else owns.
template <typename T> class span {
  public:
    constexpr span() noexcept = default;
    constexpr span(T *data, std::size_t size) noexcept : data_(data), size_(size) {}
    constexpr T *data() const noexcept { return data_; }
    constexpr std::size_t size() const noexcept { return size_; }
    constexpr bool empty() const noexcept { return size_ == 0; }
    constexpr T *begin() const noexcept { return data_; }
    constexpr T *end() const noexcept { return data_ + size_; }
    constexpr T &operator[](std::size_t at) const noexcept { return data_[at]; }

  private:
    T *data_ = nullptr;
    std::size_t size_ = 0;
};

// ---- bytes ----

// A socket that others can connect to.
class listener {
  public:
    explicit listener(const char *address) {
        detail::must([&](auto *e) { return bowstring_listener_open(address, raw_.place(), e); });
    }
    bowstring_listener *get() const noexcept { return raw_.get(); }

  private:
    detail::handle<bowstring_listener, bowstring_listener_close> raw_;
};

inline bowstring_handshake_options accepting(uint32_t deliveries) {
    bowstring_handshake_options options{};
    options.size = sizeof options;
    options.deliveries = deliveries;
    return options;
}

// A received message. It is given back to its sender when this goes; before its receiver, unless it was detached.
class message {
  public:
    message() noexcept = default;
    message(message &&other) noexcept : raw_(std::exchange(other.raw_, bowstring_message{})) {}
    // Gives back what this held.
    message &operator=(message &&other) noexcept {
        message old(std::move(*this));
        raw_ = std::exchange(other.raw_, bowstring_message{});
        return *this;
    }
    ~message() { bowstring_message_release(&raw_, nullptr); }
    span<const uint8_t> bytes() const noexcept { return {raw_.data, raw_.len}; }
    uint64_t number() const noexcept { return raw_.number; }
    uint64_t reply_to() const noexcept { return raw_.reply_to; }
    uint32_t tag() const noexcept { return raw_.tag; }
    void detach() {
        detail::must([&](auto *e) { return bowstring_message_detach(&raw_, e); });
    }
    bowstring_message *get() noexcept { return &raw_; }

  private:
    bowstring_message raw_{};
};

// The receiving end of a channel: for (bowstring::message &message : receiver) …
class receiver {
  public:
    // Copied or sealed, which is safe with any sender, unless BOWSTRING_POOLED is asked for.
    explicit receiver(const char *address, uint32_t deliveries = 0) {
        auto options = accepting(deliveries);
        detail::must([&](auto *e) { return bowstring_receiver_connect(address, &options, raw_.place(), e); });
    }
    explicit receiver(int fd, uint32_t deliveries = 0) {
        auto options = accepting(deliveries);
        detail::must([&](auto *e) { return bowstring_receiver_meet(fd, &options, raw_.place(), e); });
    }
    // The next message; its code is BOWSTRING_CLOSED at the end, and BOWSTRING_AGAIN or BOWSTRING_TIMED_OUT without one.
    result<message> try_receive(timeout wait = forever) {
        bowstring_error e{};
        message got;
        int32_t code = bowstring_receive(raw_.get(), wait.raw(), got.get(), &e);
        if (code == BOWSTRING_OK) return result<message>(std::move(got));
        e.code = code;
        return e;
    }
    message receive(timeout wait = forever) { return try_receive(wait).value(); }
    bowstring_receiver_stats stats() const {
        bowstring_receiver_stats stats{};
        detail::must([&](auto *e) { return bowstring_receiver_get_stats(raw_.get(), &stats, sizeof stats, e); });
        return stats;
    }
    using iterator = detail::iterator<receiver, message, &receiver::try_receive>;
    iterator begin() { return iterator(this); }
    std::nullptr_t end() const noexcept { return nullptr; }
    bowstring_receiver *get() const noexcept { return raw_.get(); }

  private:
    detail::handle<bowstring_receiver, bowstring_receiver_close> raw_;
};

// Room for a message, which is given back unsent if it is not committed.
class loan {
  public:
    loan(loan &&other) noexcept : sender_(std::exchange(other.sender_, nullptr)), bytes_(other.bytes_) {}
    ~loan() {
        if (sender_) bowstring_discard(sender_, nullptr);
    }
    span<uint8_t> bytes() const noexcept { return bytes_; }
    bowstring_receipt commit(std::size_t used, uint32_t tag = 0, uint64_t reply_to = 0, uint64_t to = 0) {
        bowstring_label label{sizeof label, reply_to, to, tag, 0};
        bowstring_receipt receipt{};
        detail::must([&](auto *e) { return bowstring_commit(sender_, used, &label, &receipt, e); });
        sender_ = nullptr;
        return receipt;
    }

  private:
    friend class sender;
    loan(bowstring_sender *sender, span<uint8_t> bytes) noexcept : sender_(sender), bytes_(bytes) {}
    bowstring_sender *sender_;
    span<uint8_t> bytes_;
};

// The sending end: a pool of slots, and up to 64 receivers.
class sender {
  public:
    explicit sender(const bowstring_sender_options *options = nullptr) {
        detail::must([&](auto *e) { return bowstring_sender_open(options, raw_.place(), e); });
    }
    uint64_t accept(const listener &on, timeout wait = forever) {
        uint64_t number = 0;
        detail::must([&](auto *e) {
            return bowstring_sender_accept(raw_.get(), on.get(), nullptr, wait.raw(), &number, e);
        });
        return number;
    }
    uint64_t meet(int fd) {
        uint64_t number = 0;
        detail::must([&](auto *e) { return bowstring_sender_meet(raw_.get(), fd, nullptr, &number, e); });
        return number;
    }
    bowstring::loan loan(std::size_t len, timeout wait = forever) { return try_loan(len, wait).value(); }
    // Room for a message; its code is BOWSTRING_AGAIN or BOWSTRING_TIMED_OUT if there is none.
    result<bowstring::loan> try_loan(std::size_t len, timeout wait = forever) {
        bowstring_error e{};
        uint8_t *data = nullptr;
        int32_t code = bowstring_loan(raw_.get(), len, wait.raw(), &data, &e);
        if (code == BOWSTRING_OK) return bowstring::loan(raw_.get(), {data, len});
        e.code = code;
        return e;
    }
    // Sends bytes that are there already.
    void send(span<const uint8_t> bytes, timeout wait = forever) {
        detail::must(
            [&](auto *e) { return bowstring_send(raw_.get(), bytes.data(), bytes.size(), wait.raw(), e); });
    }
    // Gives the channel up: receivers see that something is missing.
    void abandon() {
        detail::must([&](auto *e) { return bowstring_sender_abandon(raw_.place(), e); });
    }
    bowstring_sender_stats stats() const {
        bowstring_sender_stats stats{};
        detail::must([&](auto *e) { return bowstring_sender_get_stats(raw_.get(), &stats, sizeof stats, e); });
        return stats;
    }
    bowstring_sender *get() const noexcept { return raw_.get(); }

  private:
    detail::handle<bowstring_sender, bowstring_sender_close> raw_;
};

// ---- tables ----

// A struct of Arrow's C interface, released when this goes. get() is what importers take; they leave it released.
template <typename T> class arrow {
  public:
    arrow() noexcept = default;
    arrow(arrow &&other) noexcept : raw_(std::exchange(other.raw_, T{})) {}
    // Releases what this held.
    arrow &operator=(arrow &&other) noexcept {
        arrow old(std::move(*this));
        raw_ = std::exchange(other.raw_, T{});
        return *this;
    }
    ~arrow() {
        if (raw_.release) raw_.release(&raw_);
    }
    T *get() noexcept { return &raw_; }
    T *operator->() noexcept { return &raw_; }
    explicit operator bool() const noexcept { return raw_.release != nullptr; }

  private:
    T raw_{};
};
using schema = arrow<ArrowSchema>;
using batch = arrow<ArrowArray>;
using stream = arrow<ArrowArrayStream>;

// The batches of a stream: for (bowstring::batch &batch : bowstring::batches(stream)) … The stream outlives this.
class batches {
  public:
    explicit batches(bowstring::stream &from) noexcept : from_(from.get()) {}
    // The next batch; its code is BOWSTRING_CLOSED at the stream's end, and BOWSTRING_DATA if the stream fails.
    result<batch> try_next(timeout = forever) {
        bowstring_error e{};
        batch got;
        if (from_->get_next(from_, got.get()) != 0) {
            const char *why = from_->get_last_error(from_);
            e.code = BOWSTRING_DATA;
            e.fault = BOWSTRING_FAULT_NONE;
            std::snprintf(e.message, sizeof e.message, "%s", why ? why : "the stream failed");
            return e;
        }
        if (got) return result<batch>(std::move(got));
        e.code = BOWSTRING_CLOSED;
        return e;
    }
    using iterator = detail::iterator<batches, batch, &batches::try_next>;
    iterator begin() { return iterator(this); }
    std::nullptr_t end() const noexcept { return nullptr; }

  private:
    ArrowArrayStream *from_;
};

// The columns of a batch that is being built.
class columns {
  public:
    explicit columns(bowstring_columns *raw) noexcept : raw_(raw) {}
    // Where the values of a column go, of a type as wide as the column's.
    template <typename T> span<T> values(std::size_t index) {
        void *at = nullptr;
        std::size_t room = 0;
        detail::must([&](auto *e) { return bowstring_column_values(raw_, index, sizeof(T), &at, &room, e); });
        return {static_cast<T *>(at), room};
    }
    uint8_t *validity(std::size_t index) {
        uint8_t *bits = nullptr;
        detail::must([&](auto *e) { return bowstring_column_validity(raw_, index, &bits, e); });
        return bits;
    }
    void push(std::size_t index, const std::string &value) {
        auto *data = reinterpret_cast<const uint8_t *>(value.data());
        detail::must([&](auto *e) { return bowstring_column_push(raw_, index, data, value.size(), e); });
    }
    void push_null(std::size_t index) {
        detail::must([&](auto *e) { return bowstring_column_push_null(raw_, index, e); });
    }
    void push_rows(std::size_t index, std::size_t count, std::size_t first = 0) {
        detail::must([&](auto *e) { return bowstring_column_push_rows(raw_, index, first, count, e); });
    }
    void set_rows(std::size_t index, std::size_t rows) {
        detail::must([&](auto *e) { return bowstring_column_set_rows(raw_, index, rows, e); });
    }

  private:
    bowstring_columns *raw_;
};

// Sends the batches of one table. The structs it is handed are released, also if the call fails.
class table_sender {
  public:
    explicit table_sender(ArrowSchema *schema, const bowstring_sender_options *options = nullptr) {
        detail::must([&](auto *e) { return bowstring_table_sender_open(schema, options, raw_.place(), e); });
    }
    void listen(const char *address) {
        detail::must([&](auto *e) { return bowstring_table_sender_listen(raw_.get(), address, e); });
    }
    void meet(int fd) {
        detail::must([&](auto *e) { return bowstring_table_sender_meet(raw_.get(), fd, e); });
    }
    void wait_for_receivers(uint32_t count, timeout wait = forever) {
        detail::must([&](auto *e) { return bowstring_table_sender_wait(raw_.get(), count, wait.raw(), e); });
    }
    void send(ArrowArray *batch) {
        detail::must([&](auto *e) { return bowstring_table_sender_send(raw_.get(), batch, e); });
    }
    uint64_t send(ArrowArrayStream *stream) {
        uint64_t batches = 0;
        detail::must([&](auto *e) {
            return bowstring_table_sender_send_stream(raw_.get(), stream, &batches, e);
        });
        return batches;
    }
    // Sends a batch of up to `rows` rows that `build(columns &)` computes in place; it returns the rows there are. What it
    // throws is thrown here, and nothing is sent.
    template <typename Build>
    void build(std::size_t rows, span<const std::size_t> capacities, Build &&build) {
        struct context {
            Build &build;
            std::exception_ptr thrown;
        } own{build, nullptr};
        auto call = [](void *at, bowstring_columns *raw, std::size_t *built) -> int32_t {
            auto &own = *static_cast<context *>(at);
            columns columns(raw);
#ifdef BOWSTRING_NO_EXCEPTIONS
            *built = own.build(columns);
            return 0;
#else
            try {
                *built = own.build(columns);
                return 0;
            } catch (...) {
                own.thrown = std::current_exception();
                return 1;
            }
#endif
        };
        bowstring_error e{};
        int32_t code = bowstring_table_sender_build(raw_.get(), rows, capacities.data(), capacities.size(), call,
                                                    &own, &e);
        if (own.thrown) std::rethrow_exception(own.thrown);
        if (code != BOWSTRING_OK) {
            e.code = code;
            detail::raise(e);
        }
    }
    // Gives the table up: receivers see that it is not whole.
    void abandon() {
        detail::must([&](auto *e) { return bowstring_table_sender_abandon(raw_.place(), e); });
    }
    bowstring_table_sender *get() const noexcept { return raw_.get(); }

  private:
    detail::handle<bowstring_table_sender, bowstring_table_sender_close> raw_;
};

// What is wanted of a table.
struct choice {
    // The names of the columns, in the order in which they are wanted; empty for all columns.
    std::vector<std::string> columns;
    // A condition in SQL on the rows; empty for all rows.
    std::string where;
    // The most rows; 0 for all.
    uint64_t limit = 0;
};

namespace detail {
// A choice as the C interface reads it. It points into the one that it was made of.
class raw_choice {
  public:
    explicit raw_choice(const choice &from) {
        for (const std::string &name : from.columns) names_.push_back(name.c_str());
        raw_.size = sizeof raw_;
        raw_.columns = names_.data();
        raw_.columns_len = names_.size();
        raw_.where = from.where.empty() ? nullptr : from.where.c_str();
        raw_.limit = from.limit;
    }
    raw_choice(const raw_choice &) = delete;
    raw_choice &operator=(const raw_choice &) = delete;
    const bowstring_choice *get() const noexcept { return &raw_; }

  private:
    std::vector<const char *> names_;
    bowstring_choice raw_{};
};
} // namespace detail

// Receives the batches of one table: for (bowstring::batch &batch : receiver) …
class table_receiver {
  public:
    explicit table_receiver(const char *address, uint32_t deliveries = 0) {
        auto options = accepting(deliveries);
        detail::must(
            [&](auto *e) { return bowstring_table_receiver_connect(address, &options, raw_.place(), e); });
    }
    explicit table_receiver(int fd, uint32_t deliveries = 0) {
        auto options = accepting(deliveries);
        detail::must([&](auto *e) { return bowstring_table_receiver_meet(fd, &options, raw_.place(), e); });
    }
    // Chooses the columns and rows of all batches that come from now on, and of the schema.
    void choose(const choice &wanted) {
        detail::raw_choice raw(wanted);
        detail::must([&](auto *e) { return bowstring_table_receiver_choose(raw_.get(), raw.get(), e); });
    }
    bowstring::schema schema() const {
        bowstring::schema schema;
        detail::must([&](auto *e) { return bowstring_table_receiver_schema(raw_.get(), schema.get(), e); });
        return schema;
    }
    // The next batch; its code is BOWSTRING_CLOSED at the table's end.
    result<batch> try_next(timeout wait = forever) {
        bowstring_error e{};
        batch got;
        int32_t code = bowstring_table_receiver_next(raw_.get(), wait.raw(), got.get(), &e);
        if (code == BOWSTRING_OK) return result<batch>(std::move(got));
        e.code = code;
        return e;
    }
    bowstring_table_receiver_stats stats() const {
        bowstring_table_receiver_stats stats{};
        detail::must(
            [&](auto *e) { return bowstring_table_receiver_get_stats(raw_.get(), &stats, sizeof stats, e); });
        return stats;
    }
    // What this receiver was not given. All zero after the table's end: the table is whole.
    bowstring_table_missing missing() const {
        bowstring_table_missing missing{};
        detail::must([&](auto *e) {
            return bowstring_table_receiver_get_missing(raw_.get(), &missing, sizeof missing, e);
        });
        return missing;
    }
    // Goes on with the channel of another receiver, such as one that connected again.
    void continue_with(table_receiver next) {
        detail::must(
            [&](auto *e) { return bowstring_table_receiver_continue(raw_.get(), next.raw_.place(), e); });
    }
    // The rest of the table as a stream, which takes the receiver's place.
    bowstring::stream into_stream() {
        bowstring::stream stream;
        detail::must(
            [&](auto *e) { return bowstring_table_receiver_into_stream(raw_.place(), stream.get(), e); });
        return stream;
    }

    using iterator = detail::iterator<table_receiver, batch, &table_receiver::try_next>;
    iterator begin() { return iterator(this); }
    std::nullptr_t end() const noexcept { return nullptr; }
    bowstring_table_receiver *get() const noexcept { return raw_.get(); }

  private:
    detail::handle<bowstring_table_receiver, bowstring_table_receiver_close> raw_;
};

// ---- the store ----

// Keys and values that are kept with a table.
using pairs = std::vector<std::pair<std::string, std::string>>;

// A version of a table: a stream of its batches, and what is known of it. A follower does not fill `metadata`.
struct stored_table {
    bowstring::stream stream;
    bowstring_table_info info{};
    pairs metadata;
};

// Rows that a follower was given: those that came, or all of a table that took the old one's place.
struct stored_rows : stored_table {
    bool replaced = false;
};

// Follows a table of a store.
class follower {
  public:
    // The next rows; its code is BOWSTRING_CLOSED once the table was removed.
    result<stored_rows> try_next(timeout wait = forever) {
        bowstring_error e{};
        stored_rows rows;
        uint32_t event = 0;
        int32_t code = bowstring_follower_next(raw_.get(), wait.raw(), &event, rows.stream.get(), &rows.info,
                                               sizeof rows.info, &e);
        rows.replaced = event == BOWSTRING_EVENT_REPLACED;
        if (code == BOWSTRING_OK) return result<stored_rows>(std::move(rows));
        e.code = code;
        return e;
    }
    // Chooses the columns and rows of what comes from now on. Rows that the choice does not fit are not lost: their code is
    // BOWSTRING_CHOICE until another choice is made.
    void choose(const choice &wanted) {
        detail::raw_choice raw(wanted);
        detail::must([&](auto *e) { return bowstring_follower_choose(raw_.get(), raw.get(), e); });
    }
    // Readable when something has come.
    int fd() const {
        int fd = -1;
        detail::must([&](auto *e) { return bowstring_follower_fd(raw_.get(), &fd, e); });
        return fd;
    }
    bowstring_follower *get() const noexcept { return raw_.get(); }

  private:
    friend class store;
    follower() noexcept = default;
    detail::handle<bowstring_follower, bowstring_follower_close> raw_;
};

// A connection to a store of named tables. The structs it is handed are released, also if a call fails.
class store {
  public:
    // The user's own store, unless there is an address.
    explicit store(const char *address = nullptr) {
        detail::must([&](auto *e) { return bowstring_store_connect(address, raw_.place(), e); });
    }
    // Puts a table in the place of what has that name, if that is of the expected version or 0; returns its version.
    uint64_t put(const char *name, ArrowArrayStream *stream, uint64_t expected = 0, const pairs &metadata = {}) {
        return put(name, stream, BOWSTRING_PUT_REPLACE, expected, metadata);
    }
    // Puts a table where there is none of that name.
    uint64_t create(const char *name, ArrowArrayStream *stream, const pairs &metadata = {}) {
        return put(name, stream, BOWSTRING_PUT_CREATE, 0, metadata);
    }
    // Adds rows to a table. Keys and values are changed; an empty value removes its key.
    uint64_t append(const char *name, ArrowArrayStream *stream, uint64_t expected = 0, const pairs &metadata = {}) {
        return put(name, stream, BOWSTRING_PUT_APPEND, expected, metadata);
    }
    // Opens a version of a table, the newest if it is 0. Its batches lie where they were put.
    stored_table get(const char *name, uint64_t version = 0) { return get(name, version, nullptr); }
    // Opens what is wanted of a table.
    stored_table get(const char *name, const choice &wanted, uint64_t version = 0) {
        return get(name, version, detail::raw_choice(wanted).get());
    }
    void remove(const char *name, uint64_t expected = 0) {
        detail::must([&](auto *e) { return bowstring_store_remove(raw_.get(), name, expected, e); });
    }
    void rename(const char *name, const char *to) {
        detail::must([&](auto *e) { return bowstring_store_rename(raw_.get(), name, to, e); });
    }
    // Follows a table. The connection becomes the follower.
    bowstring::follower follow(const char *name) && {
        bowstring::follower follower;
        detail::must([&](auto *e) {
            return bowstring_store_follow(raw_.place(), name, 0, 0, follower.raw_.place(), e);
        });
        return follower;
    }
    bowstring_store *get() const noexcept { return raw_.get(); }

  private:
    uint64_t put(const char *name, ArrowArrayStream *stream, uint32_t mode, uint64_t expected, const pairs &metadata) {
        std::vector<bowstring_pair> raw;
        for (const auto &[key, value] : metadata) raw.push_back({key.c_str(), value.c_str()});
        bowstring_put_options options{sizeof options, mode, 0, expected, raw.data(), raw.size()};
        uint64_t version = 0;
        detail::must([&](auto *e) { return bowstring_store_put(raw_.get(), name, stream, &options, &version, e); });
        return version;
    }
    stored_table get(const char *name, uint64_t version, const bowstring_choice *wanted) {
        stored_table table;
        std::exception_ptr thrown;
        auto each = [&](const bowstring_pair &pair) -> int32_t {
#ifdef BOWSTRING_NO_EXCEPTIONS
            table.metadata.emplace_back(pair.key, pair.value);
#else
            try {
                table.metadata.emplace_back(pair.key, pair.value);
            } catch (...) {
                thrown = std::current_exception();
                return 1;
            }
#endif
            return 0;
        };
        auto call = [](void *at, const bowstring_pair *pair) { return (*static_cast<decltype(each) *>(at))(*pair); };
        bowstring_get_options options{sizeof options, version, 0, 0, wanted, call, &each};
        detail::must([&](auto *e) {
            return bowstring_store_get(raw_.get(), name, &options, table.stream.get(), &table.info,
                                       sizeof table.info, e);
        });
        if (thrown) std::rethrow_exception(thrown);
        return table;
    }
    detail::handle<bowstring_store, bowstring_store_close> raw_;
};

} // namespace bowstring

#endif
