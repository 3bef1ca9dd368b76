// Bowstring for C: bytes and Arrow tables between two processes on one Linux host, in shared memory.
//
// Made by capi/header from the library's source; do not edit. C++ programs include bowstring.hpp.
//
// Errors. Functions return a code, BOWSTRING_OK (0) on success, and take as their last argument an error object of the
//   caller's, or NULL. A function that fails fills it in, unless it returns BOWSTRING_AGAIN; one that succeeds leaves it
//   alone.
// Pointers. A pointer that is null where it must not be, or misaligned, is refused with BOWSTRING_ARGUMENT, and so is a
//   length that no memory has. Beyond that a pointer must point to what its type says.
// Structs that begin with `size` hold options: write {.size = sizeof options} and leave what you do not need at zero.
// Threads. A handle is used by one thread at a time, any thread; different handles are independent. Calls that overlap
//   are refused with BOWSTRING_BUSY where that is noticed. A function's own line "Threads" says the same, or more.
// Forks. Handles do not survive fork(): use them in the process that made them.
// Closing sets the caller's pointer to NULL. A NULL handle is refused with BOWSTRING_ARGUMENT; closing it does nothing.
//
// Licence: MIT OR Apache-2.0.

#ifndef BOWSTRING_H
#define BOWSTRING_H

#include <stddef.h>
#include <stdint.h>

// Arrow's C data and stream interfaces, as https://arrow.apache.org/docs/format/CDataInterface.html has them.
#ifndef ARROW_C_DATA_INTERFACE
#define ARROW_C_DATA_INTERFACE

#define ARROW_FLAG_DICTIONARY_ORDERED 1
#define ARROW_FLAG_NULLABLE 2
#define ARROW_FLAG_MAP_KEYS_SORTED 4

struct ArrowSchema {
  const char *format;
  const char *name;
  const char *metadata;
  int64_t flags;
  int64_t n_children;
  struct ArrowSchema **children;
  struct ArrowSchema *dictionary;
  void (*release)(struct ArrowSchema *);
  void *private_data;
};

struct ArrowArray {
  int64_t length;
  int64_t null_count;
  int64_t offset;
  int64_t n_buffers;
  int64_t n_children;
  const void **buffers;
  struct ArrowArray **children;
  struct ArrowArray *dictionary;
  void (*release)(struct ArrowArray *);
  void *private_data;
};

#endif

#ifndef ARROW_C_STREAM_INTERFACE
#define ARROW_C_STREAM_INTERFACE

struct ArrowArrayStream {
  int (*get_schema)(struct ArrowArrayStream *, struct ArrowSchema *out);
  int (*get_next)(struct ArrowArrayStream *, struct ArrowArray *out);
  const char *(*get_last_error)(struct ArrowArrayStream *);
  void (*release)(struct ArrowArrayStream *);
  void *private_data;
};

#endif


// Rows came behind those before.
#define BOWSTRING_EVENT_ROWS 1

// The table was replaced: the rows are all of the new one.
#define BOWSTRING_EVENT_REPLACED 2

// A table of that name is replaced.
#define BOWSTRING_PUT_REPLACE 0

// There must be no table of that name.
#define BOWSTRING_PUT_CREATE 1

// The rows are added to the table, which must have the same schema.
#define BOWSTRING_PUT_APPEND 2

// Bytes of an error's message, its terminating zero included.
#define BOWSTRING_MESSAGE_BYTES 496

// Success.
#define BOWSTRING_OK 0

// Nothing is there now, or there is no room now: a call with timeout 0 returns it. The error object is not touched.
#define BOWSTRING_AGAIN 1

// The time is over.
#define BOWSTRING_TIMED_OUT 2

// The other side has closed, and everything it sent has been received.
#define BOWSTRING_CLOSED 3

// The other side died without closing. Everything it had committed has been received.
#define BOWSTRING_CRASHED 4

// The sender disconnected this receiver for being slow.
#define BOWSTRING_CUT_OFF 5

// There is no receiver.
#define BOWSTRING_NO_RECEIVER 6

// The message, or the batch, is longer than can be sent.
#define BOWSTRING_TOO_LONG 7

// An argument is null, out of range, or not one of the constants.
#define BOWSTRING_ARGUMENT 8

// The call comes out of order: a message released twice, a commit without a loan, a receiver closed before its messages.
#define BOWSTRING_STATE 9

// Another thread is using the same handle at this moment.
#define BOWSTRING_BUSY 10

// The peer broke the protocol.
#define BOWSTRING_PROTOCOL 11

// The peer refused, or this side refused the peer.
#define BOWSTRING_REFUSED 12

// The peer hung up during the handshake.
#define BOWSTRING_HUNG_UP 13

// The operating system returned an error: see `os_error`.
#define BOWSTRING_OS 14

// Somebody listens at that address already.
#define BOWSTRING_IN_USE 15

// Nobody listens at that address.
#define BOWSTRING_NOT_FOUND 16

// The name or path is invalid, or is not that of a socket.
#define BOWSTRING_ADDRESS 17

// This library, or this delivery, does not support the call.
#define BOWSTRING_UNSUPPORTED 18

// The schema cannot be sent or read.
#define BOWSTRING_SCHEMA 19

// Arrow data is malformed, or does not have the schema.
#define BOWSTRING_DATA 20

// The wait was interrupted.
#define BOWSTRING_INTERRUPTED 21

// A bug in this library. The handle it happened on must only be closed.
#define BOWSTRING_PANIC 22

// The message is sent, and some receiver lacks it still: it gets it before anything else is sent. Do not send it again.
#define BOWSTRING_UNFINISHED 23

// The store has another version of the table, or a table where there must be none.
#define BOWSTRING_CONFLICT 24

// The columns or the condition that were chosen do not fit the table: see the message, and `position`.
#define BOWSTRING_CHOICE 25

// Nobody's fault in particular.
#define BOWSTRING_FAULT_NONE 0

// This program asked for something impossible.
#define BOWSTRING_FAULT_OURS 1

// The peer broke the protocol, refused, or went away.
#define BOWSTRING_FAULT_PEER 2

// The host could not or would not do it.
#define BOWSTRING_FAULT_HOST 3

// Messages are read in the sender's slots, in place. The sender is declared honest: not to write to a message that has
// not been released. Everything else about it is checked.
#define BOWSTRING_POOLED 1

// Messages are copied out of the sender's slots before they are read. Safe with any sender.
#define BOWSTRING_COPIED 2

// Each message is an immutable file. Safe with any sender.
#define BOWSTRING_SEALED 4

// A receiver that is slow is waited for.
#define BOWSTRING_BLOCK 0

// A receiver that is slow misses messages.
#define BOWSTRING_SKIP 1

// A receiver that is slow is disconnected.
#define BOWSTRING_DISCONNECT 2

// The page size of the machine.
#define BOWSTRING_PAGES_NORMAL 0

// Transparent huge pages, if the host grants them.
#define BOWSTRING_PAGES_HUGE 1

// Pages of 2 MiB from the host's reserve.
#define BOWSTRING_PAGES_HUGETLB 2

// Waits without end.
#define BOWSTRING_FOREVER -1

// Does not wait.
#define BOWSTRING_NOW 0

// The columns of a batch that is being built, numbered from 0, parents before their children.
typedef struct bowstring_columns bowstring_columns;

// A connection that follows a table of a store.
typedef struct bowstring_follower bowstring_follower;

// A socket that others can connect to.
typedef struct bowstring_listener bowstring_listener;

// A view of a sender's statistics. The sender waits for nothing of it.
typedef struct bowstring_observer bowstring_observer;

// The receiving end of a channel.
typedef struct bowstring_receiver bowstring_receiver;

// The sending end: a pool of slots in shared memory, and up to 64 receivers.
typedef struct bowstring_sender bowstring_sender;

// A connection to a store of named tables.
typedef struct bowstring_store bowstring_store;

// Receives the batches of one Arrow table.
typedef struct bowstring_table_receiver bowstring_table_receiver;

// Sends the batches of one Arrow table to up to 64 receivers.
typedef struct bowstring_table_sender bowstring_table_sender;

// An error, in memory of the caller. Functions fill it when they fail, and only then; each takes NULL for a caller that
// looks at the code alone.
typedef struct bowstring_error {
  // The code, which the function also returned.
  int32_t code;
  // The value of `errno`, for `BOWSTRING_OS`; otherwise 0.
  int32_t os_error;
  // Whose fault it was: one of `BOWSTRING_FAULT_…`.
  uint32_t fault;
  // For `BOWSTRING_CHOICE`: the byte of the condition at which the wrong part begins, counted from 1; 0 if there is no
  // such place. For every other code: 0.
  uint32_t position;
  // The reason, in words: UTF-8, cut to fit, terminated by a zero.
  char message[BOWSTRING_MESSAGE_BYTES];
} bowstring_error;

// A process that asks to connect.
typedef struct bowstring_connect_request {
  // Its process; 0 if this process cannot see it.
  int32_t pid;
  // Its user.
  uint32_t uid;
  // Its greeting: bytes that belong to the application.
  const uint8_t *greeting;
  // Bytes of that.
  size_t greeting_len;
  // 1 if it only wants to see the statistics.
  uint32_t observer;
  // 0.
  uint32_t reserved;
} bowstring_connect_request;

// Options for a handshake. Zero in a field means its default; NULL in place of the struct means all defaults.
typedef struct bowstring_handshake_options {
  // `sizeof(bowstring_handshake_options)`.
  size_t size;
  // A greeting for the other application.
  const uint8_t *greeting;
  // Bytes of that.
  size_t greeting_len;
  // The users to talk to; none means processes of the same user.
  const uint32_t *users;
  // Their number.
  size_t users_len;
  // The time that the handshake may take, in nanoseconds; 0 means two seconds.
  uint64_t patience;
  // Receivers: a set of `BOWSTRING_POOLED`, `BOWSTRING_COPIED` and `BOWSTRING_SEALED`; the first that the sender offers
  // too is chosen. 0 means copied or sealed, which are safe with any sender.
  uint32_t deliveries;
  // Receivers: 1 accepts a pool of reserved huge pages.
  uint32_t huge_tlb;
  // Receivers: the largest pool to map, in bytes; 0 means 64 GiB.
  uint64_t max_pool;
  // Listeners: returns 0 to let a connector in, anything else to refuse it; NULL lets everybody in who is of an allowed
  // user. Must return: no `longjmp`, no C++ exception. It must not use the handle it is called for.
  int32_t (*decide)(void *context, const struct bowstring_connect_request *request);
  // Handed to `decide`.
  void *context;
} bowstring_handshake_options;

// The counts of a receiver of tables, and its sender.
typedef struct bowstring_table_receiver_stats {
  // The sender's process; 0 if this process cannot see it.
  int32_t pid;
  // The sender's user.
  uint32_t uid;
  // `BOWSTRING_POOLED`, `BOWSTRING_COPIED` or `BOWSTRING_SEALED`.
  uint32_t delivery;
  // 1 if the sender said how many rows will come in all.
  uint32_t has_rows_hint;
  // That number.
  uint64_t rows_hint;
  // Batches received.
  uint64_t batches;
  // Rows of these.
  uint64_t rows;
  // Bytes of these.
  uint64_t bytes;
  // Bytes of batches that were copied out of the sender's memory before they were looked at.
  uint64_t bytes_copied;
  // Dictionaries, and additions to dictionaries.
  uint64_t dictionaries;
  // Buffers that lay in the memory shared with the sender.
  uint64_t buffers_shared;
  // Buffers that lay anywhere else: copies.
  uint64_t buffers_copied;
  // Batches that the sender did not give to this receiver because it was slow.
  uint64_t missed;
  // Times it went to sleep, each a system call.
  uint64_t sleeps;
} bowstring_table_receiver_stats;

// The columns and rows that are wanted of a table. Zero in a field means all. The library reads the struct, and what it
// points to, only during the call.
typedef struct bowstring_choice {
  // `sizeof(bowstring_choice)`.
  size_t size;
  // The names of the columns, in the order in which they are wanted; NULL for all columns.
  const char *const *columns;
  // The number of names.
  size_t columns_len;
  // A condition in SQL on the rows, such as `size > 1e6 and backend in ('s3', 'ipfs')`; NULL for all rows. It may use
  // columns that are not wanted.
  const char *where;
  // The most rows; 0 for all.
  uint64_t limit;
} bowstring_choice;

// The parts of a table that a receiver was not given. All zero once the table has ended: it is whole.
typedef struct bowstring_table_missing {
  // Batches sent before the receiver came, and not kept for it. A sender in another language may not say so.
  uint64_t batches_before;
  // Rows of these.
  uint64_t rows_before;
  // Batches that the sender left out because this receiver was slow.
  uint64_t batches_skipped;
  // Times at which the receiver went on with another sender although the one before had not ended its table.
  uint64_t interruptions;
} bowstring_table_missing;

// Options for making a sender. Zero in a field means its default; NULL in place of the struct means all defaults.
typedef struct bowstring_sender_options {
  // `sizeof(bowstring_sender_options)`.
  size_t size;
  // Slots of the pool; 0 means 64.
  uint32_t slots;
  // `BOWSTRING_PAGES_…`.
  uint32_t pages;
  // Bytes of a slot, a multiple of 64; 0 means 64 KiB. A message may take several slots, and be as long as the pool.
  uint64_t slot_size;
  // A set of `BOWSTRING_POOLED`, `BOWSTRING_COPIED` and `BOWSTRING_SEALED` to offer; 0 means all.
  uint32_t deliveries;
  // The policy for slow receivers: `BOWSTRING_BLOCK`, `BOWSTRING_SKIP`, or `BOWSTRING_DISCONNECT`.
  uint32_t on_slow;
  // The slots that a receiver may hold before it is skipped or disconnected.
  uint32_t quota;
  // 0.
  uint32_t reserved;
} bowstring_sender_options;

// The counts of a sender.
typedef struct bowstring_sender_stats {
  // The sender's process.
  uint32_t pid;
  // 1 once it has closed.
  uint32_t closed;
  // The time at which it was made, in nanoseconds of `CLOCK_MONOTONIC`.
  uint64_t started;
  // Slots of its pool; 0 if it has none.
  uint64_t slots;
  // Bytes of a slot.
  uint64_t slot_size;
  // Messages committed.
  uint64_t messages;
  // Bytes committed.
  uint64_t bytes;
  // Wake-ups sent to sleeping receivers, each a system call.
  uint64_t wake_ups;
  // Times the sender waited for room.
  uint64_t stalls;
  // Messages not given to a receiver because it was slow, added up over the receivers.
  uint64_t skips;
  // Slots not yet seen released.
  uint64_t slots_in_use;
  // The most slots in use at once.
  uint64_t high_water;
  // Receivers connected.
  uint64_t receivers;
} bowstring_sender_stats;

// The counts of a sender of tables.
typedef struct bowstring_table_sender_stats {
  // Batches, as messages: one that was sent in slices counts as that many.
  uint64_t batches;
  // Rows of these.
  uint64_t rows;
  // Bytes of these.
  uint64_t bytes;
  // Dictionaries, and additions to dictionaries.
  uint64_t dictionaries;
  // Bytes of these.
  uint64_t dictionary_bytes;
  // Batches that were larger than a message may be and were sent in slices.
  uint64_t split;
  // Batches not given to a receiver because it was slow, added up over the receivers.
  uint64_t skipped;
  // The counts of the channel below.
  struct bowstring_sender_stats transport;
} bowstring_table_sender_stats;

// A version of a table.
typedef struct bowstring_table_info {
  // The version.
  uint64_t version;
  // The line of versions that it belongs to. It changes when the table is replaced, and not when rows are added.
  uint64_t base;
  // The number of the first row that was got.
  uint64_t first_row;
  // The number of the last row, plus one.
  uint64_t end_row;
  // Bytes of the whole version.
  uint64_t bytes;
  // The time at which the version was made, in nanoseconds since 1970.
  uint64_t made;
} bowstring_table_info;

// A key and its value: UTF-8, each of which ends with a zero.
typedef struct bowstring_pair {
  // The key.
  const char *key;
  // The value.
  const char *value;
} bowstring_pair;

// Options for getting a table. Zero in a field means its default; NULL in place of the struct means the newest version, whole.
typedef struct bowstring_get_options {
  // `sizeof(bowstring_get_options)`.
  size_t size;
  // The version; 0 means the newest.
  uint64_t version;
  // Unless 0, the `base` of a table that was got before: only rows from `row` on, if it was not replaced since.
  uint64_t base;
  // The first of these rows: the `end_row` of that table.
  uint64_t row;
  // The columns and rows that are wanted; NULL for all. Columns that are not needed are neither read nor checked.
  const struct bowstring_choice *choice;
  // Called for each key and value that the table was put with, until it returns anything but 0; NULL if they are
  // not wanted. What it is handed is good until it returns. It must return: no `longjmp`, no C++ exception. It must
  // not use `store`.
  int32_t (*each_pair)(void *context, const struct bowstring_pair *pair);
  // Handed to `each_pair`.
  void *context;
} bowstring_get_options;

// A table that a store has.
typedef struct bowstring_store_entry {
  // Its name.
  const char *name;
  // The source of its rows; empty if a program put them.
  const char *source;
  // The error of the source when it was read last; empty if there was none.
  const char *trouble;
  // Its version.
  uint64_t version;
  // Its rows.
  uint64_t rows;
  // Bytes of its segments.
  uint64_t bytes;
  // The time at which the version was made, in nanoseconds since 1970.
  uint64_t made;
  // The number of requests for it.
  uint64_t requests;
  // Its columns.
  uint32_t columns;
  // Connections that follow it.
  uint32_t followers;
} bowstring_store_entry;

// Options for putting a table. Zero in a field means its default; NULL in place of the struct means all defaults.
typedef struct bowstring_put_options {
  // `sizeof(bowstring_put_options)`.
  size_t size;
  // `BOWSTRING_PUT_…`.
  uint32_t mode;
  // 0.
  uint32_t reserved;
  // The version that must be there; 0 means any.
  uint64_t expected;
  // Keys and values to keep with the table, 16 KiB of them at most; NULL for none. They take the place of those of a
  // table that is replaced. When rows are added they change those that are there: an empty value removes its key.
  const struct bowstring_pair *metadata;
  // Their number.
  size_t metadata_len;
} bowstring_put_options;

// The requests that wait for their replies, up to 64. All zero is none.
typedef struct bowstring_calls {
  // Their numbers; 0 marks a free place.
  uint64_t open[64];
} bowstring_calls;

// A message that was received. All zero before its first use; after that it is the library's to fill, until it is
// released. It may be moved in memory, but there must be one copy of it.
typedef struct bowstring_message {
  // The bytes: read-only.
  const uint8_t *data;
  // Their number.
  size_t len;
  // The sender's number of the message; a gap means messages that this receiver was not given.
  uint64_t number;
  // The number of the request that this replies to, or 0.
  uint64_t reply_to;
  // A word that belongs to the application.
  uint32_t tag;
  // The delivery by which it came: `BOWSTRING_POOLED`, `BOWSTRING_COPIED` or `BOWSTRING_SEALED`.
  uint32_t delivery;
  // The library's.
  uint64_t state;
  // The library's.
  uint64_t held[10];
} bowstring_message;

// The counts that a sender keeps for one receiver.
typedef struct bowstring_subscriber_stats {
  // The receiver's process; `UINT32_MAX` if the sender cannot see it.
  uint32_t pid;
  // 1 if there is a latency.
  uint32_t has_latency;
  // Messages given to it.
  uint64_t messages;
  // Bytes given to it.
  uint64_t bytes;
  // Messages it missed because it was slow.
  uint64_t skipped;
  // Slots it holds.
  uint64_t slots;
  // Messages that it says it has taken.
  uint64_t taken;
  // The latest measurement of the time from sending to taking, in nanoseconds: at least this,
  uint64_t latency_least;
  // and at most this; 0 while the message is on its way.
  uint64_t latency_most;
} bowstring_subscriber_stats;

// A channel's sender, its delivery and its memory.
typedef struct bowstring_channel_info {
  // The sender's process; 0 if this process cannot see it.
  int32_t pid;
  // The sender's user.
  uint32_t uid;
  // `BOWSTRING_POOLED`, `BOWSTRING_COPIED` or `BOWSTRING_SEALED`.
  uint32_t delivery;
  // 0.
  uint32_t reserved;
  // The greeting of the sender's application. It stays there as long as the receiver does.
  const uint8_t *greeting;
  // Bytes of that.
  size_t greeting_len;
  // The address at which the sender's pool is mapped; NULL for a sealed channel. For showing that nothing was copied.
  const uint8_t *pool;
  // Bytes of that.
  size_t pool_len;
} bowstring_channel_info;

// The counts of a receiver.
typedef struct bowstring_receiver_stats {
  // Messages received.
  uint64_t messages;
  // Bytes received.
  uint64_t bytes;
  // Messages that the sender did not give to this receiver because it was slow.
  uint64_t missed;
  // Times it went to sleep, each a system call.
  uint64_t sleeps;
  // Bytes that it copied out of the pool.
  uint64_t copied;
} bowstring_receiver_stats;

// Options for committing a message. Zero in a field means none; NULL in place of the struct means all zero.
typedef struct bowstring_label {
  // `sizeof(bowstring_label)`.
  size_t size;
  // The number of the request that this replies to.
  uint64_t reply_to;
  // The only receiver that is to have it, as `bowstring_sender_accept` returned it; 0 means all.
  uint64_t to;
  // A word that belongs to the application.
  uint32_t tag;
  // 1 if no receiver may be skipped for being slow: one that would be is disconnected.
  uint32_t required;
} bowstring_label;

// The outcome of a commit.
typedef struct bowstring_receipt {
  // Its number, which a reply names.
  uint64_t number;
  // The receivers that were given it.
  uint32_t receivers;
  // The receivers that were passed over because they are slow.
  uint32_t skipped;
} bowstring_receipt;

#ifdef __cplusplus
extern "C" {
#endif // __cplusplus

// Returns where the values of column `index` go, as zeroes, and how many there is room for. `width` must be the bytes of
// one value: those of its integer, float, decimal, date, time or key of a dictionary; 0 for booleans, which are bits,
// lowest first. The pointer is good until `build` returns.
//
// Threads: that of `build`.
int32_t bowstring_column_values(struct bowstring_columns *at,
                                size_t index,
                                size_t width,
                                void **values,
                                size_t *room,
                                struct bowstring_error *error);

// Returns where the validity bitmap of column `index` is: a bit per row, lowest first, set for valid rows, as all are to
// begin with. The pointer is good until `build` returns. `BOWSTRING_DATA` if the column has no nulls by its schema.
//
// Threads: that of `build`.
int32_t bowstring_column_validity(struct bowstring_columns *at,
                                  size_t index,
                                  uint8_t **bits,
                                  struct bowstring_error *error);

// Adds a value of text, binary or fixed-size binary to column `index`. Text must be UTF-8.
//
// Threads: that of `build`.
int32_t bowstring_column_push(struct bowstring_columns *at,
                              size_t index,
                              const uint8_t *data,
                              size_t len,
                              struct bowstring_error *error);

// Adds a null to column `index`, of text, binary, lists or structs. Nulls of values are cleared bits of their validity.
//
// Threads: that of `build`.
int32_t bowstring_column_push_null(struct bowstring_columns *at,
                                   size_t index,
                                   struct bowstring_error *error);

// Adds to column `index`, by its type: a list or map of the next `count` rows of its child; a run of `count` rows;
// `count` structs or fixed-size lists; a row of the union's child with type id `count`. A list view has `count` rows from
// the child's row `first` on; for all others `first` is 0.
//
// Threads: that of `build`.
int32_t bowstring_column_push_rows(struct bowstring_columns *at,
                                   size_t index,
                                   size_t first,
                                   size_t count,
                                   struct bowstring_error *error);

// Sets how many rows column `index` has that is filled in place, where that is not the number of the batch: below a list,
// a run or a union.
//
// Threads: that of `build`.
int32_t bowstring_column_set_rows(struct bowstring_columns *at,
                                  size_t index,
                                  size_t rows,
                                  struct bowstring_error *error);

// Connects to the sender of a table that listens at `address`. `BOWSTRING_NOT_FOUND` if nobody does.
//
// If `options` ask for `BOWSTRING_POOLED`, the caller declares the sender honest: it does not write to a batch between
// sending it and seeing it released. Everything else about the sender is checked, and every value that others rely on.
//
// Threads: any; the receiver is then used by one thread at a time.
int32_t bowstring_table_receiver_connect(const char *address,
                                         const struct bowstring_handshake_options *options,
                                         struct bowstring_table_receiver **receiver,
                                         struct bowstring_error *error);

// Meets the sender of a table over a connected socket, such as one end of a pair whose other end a child has. `fd` belongs
// to the library from now on, also if this fails.
//
// Threads: any.
int32_t bowstring_table_receiver_meet(int32_t fd,
                                      const struct bowstring_handshake_options *options,
                                      struct bowstring_table_receiver **receiver,
                                      struct bowstring_error *error);

// Returns the table's schema, or that of the columns that were chosen, as that of a struct. The caller releases it.
//
// Threads: one at a time for each receiver.
int32_t bowstring_table_receiver_schema(struct bowstring_table_receiver *receiver,
                                        struct ArrowSchema *schema,
                                        struct bowstring_error *error);

// Receives the next batch, as a struct array whose buffers are the memory it came in. `timeout` is in nanoseconds: 0
// returns `BOWSTRING_AGAIN` if nothing is there, a negative one waits without end. `BOWSTRING_CLOSED` is the table's end.
//
// After `bowstring_table_receiver_choose` only what was chosen comes: batches without wanted rows are passed over, and
// the end comes once there are as many rows as were wanted.
//
// The caller releases the batch, on any thread, before or after the receiver is closed. Until then it is taken out of the
// sender's pool: release batches soon, or copy what is to be kept.
//
// Threads: one at a time for each receiver.
int32_t bowstring_table_receiver_next(struct bowstring_table_receiver *receiver,
                                      int64_t timeout,
                                      struct ArrowArray *batch,
                                      struct bowstring_error *error);

// Makes a stream of a receiver, which waits for each batch without end, and sets `*receiver` to NULL. The caller releases
// the stream; batches may outlive it.
//
// The stream of one that joined late ends like any other: ask `bowstring_table_receiver_get_missing` before.
//
// Threads: any; the stream is then used by one thread at a time.
int32_t bowstring_table_receiver_into_stream(struct bowstring_table_receiver **receiver,
                                             struct ArrowArrayStream *stream,
                                             struct bowstring_error *error);

// Reads the receiver's statistics, and what it knows of its sender; `size` is `sizeof *stats`.
//
// Threads: one at a time for each receiver.
int32_t bowstring_table_receiver_get_stats(struct bowstring_table_receiver *receiver,
                                           struct bowstring_table_receiver_stats *stats,
                                           size_t size,
                                           struct bowstring_error *error);

// Says good-bye to the sender and sets `*receiver` to NULL. Batches that were received stay until they are released.
//
// Threads: the one that uses the receiver.
int32_t bowstring_table_receiver_close(struct bowstring_table_receiver **receiver,
                                       struct bowstring_error *error);

// Chooses the columns and rows of all batches that come from now on, and of the schema: call it before the first batch.
// NULL in place of the choice wants everything again. `BOWSTRING_CHOICE` if there is no such column, or if the condition
// is not one or does not fit the table: the message says why and `position` where. The choice from before then stays.
//
// Columns are not copied. A condition copies the rows that it keeps, unless it keeps all rows of a batch.
//
// Threads: one at a time for each receiver.
int32_t bowstring_table_receiver_choose(struct bowstring_table_receiver *receiver,
                                        const struct bowstring_choice *choice,
                                        struct bowstring_error *error);

// Returns what the receiver was not given; `size` is `sizeof *missing`. Ask after the table's end before you take what
// came for the whole table: one that joined late gets `BOWSTRING_CLOSED` too.
//
// Threads: one at a time for each receiver.
int32_t bowstring_table_receiver_get_missing(struct bowstring_table_receiver *receiver,
                                             struct bowstring_table_missing *missing,
                                             size_t size,
                                             struct bowstring_error *error);

// Goes on with the channel of another receiver, such as one that connected again after `BOWSTRING_CRASHED`, and sets
// `*next` to NULL, also if this fails. Counts and the choice stay those of `receiver`; batches of the old channel stay
// valid. `BOWSTRING_SCHEMA`, and `receiver` is as it was, if the schemas differ in more than metadata.
//
// Nobody knows how two senders' rows relate. The old one's were received up to where it ended; the new one may repeat or
// leave out some of them: see `bowstring_table_receiver_get_missing`.
//
// Threads: one at a time for each receiver.
int32_t bowstring_table_receiver_continue(struct bowstring_table_receiver *receiver,
                                          struct bowstring_table_receiver **next,
                                          struct bowstring_error *error);

// Returns in `fd` a new descriptor for `poll` or `epoll`. After `bowstring_table_receiver_arm` it is readable when a
// message comes or the sender is gone. It belongs to the caller; make it once.
//
// Threads: one at a time for each receiver.
int32_t bowstring_table_receiver_pollable(struct bowstring_table_receiver *receiver,
                                          int32_t *fd,
                                          struct bowstring_error *error);

// Announces that the caller will sleep on the pollable descriptor, and returns 1 in `may_sleep`; 0 if it should receive
// at once, because a message or the end is there. After the sleep call `bowstring_table_receiver_disarm`, and then receive
// with timeout 0 until that returns `BOWSTRING_AGAIN`: a message may be a dictionary, which is no batch.
//
// Threads: one at a time for each receiver.
int32_t bowstring_table_receiver_arm(struct bowstring_table_receiver *receiver,
                                     int32_t *may_sleep,
                                     struct bowstring_error *error);

// Ends the sleep that `bowstring_table_receiver_arm` announced.
//
// Threads: one at a time for each receiver.
int32_t bowstring_table_receiver_disarm(struct bowstring_table_receiver *receiver,
                                        struct bowstring_error *error);

// Makes a sender of batches of this schema, which is that of a struct: its children are the columns. `schema` is the
// library's from the call on, also if this fails.
//
// Threads: any; the sender is then used by one thread at a time.
int32_t bowstring_table_sender_open(struct ArrowSchema *schema,
                                    const struct bowstring_sender_options *options,
                                    struct bowstring_table_sender **sender,
                                    struct bowstring_error *error);

// Listens at `address`. Newcomers are let in while batches are sent, by `bowstring_table_sender_wait`, and by
// `bowstring_table_sender_serve`.
//
// Threads: one at a time for each sender.
int32_t bowstring_table_sender_listen(struct bowstring_table_sender *sender,
                                      const char *address,
                                      struct bowstring_error *error);

// Meets a receiver over a connected socket, such as one end of a pair whose other end a child has. `fd` belongs to the
// library from now on, also if this fails.
//
// Threads: one at a time for each sender.
int32_t bowstring_table_sender_meet(struct bowstring_table_sender *sender,
                                    int32_t fd,
                                    struct bowstring_error *error);

// Waits up to `timeout` nanoseconds until `count` receivers are there; a negative one waits without end.
//
// Threads: one at a time for each sender.
int32_t bowstring_table_sender_wait(struct bowstring_table_sender *sender,
                                    uint32_t count,
                                    int64_t timeout,
                                    struct bowstring_error *error);

// Lets in whoever connects, without waiting. A program that pauses between batches calls it meanwhile. `came` and
// `connected`, unless NULL, get how many came now and how many are there.
//
// Threads: one at a time for each sender.
int32_t bowstring_table_sender_serve(struct bowstring_table_sender *sender,
                                     uint32_t *came,
                                     uint32_t *connected,
                                     struct bowstring_error *error);

// Tells receivers that come from now on what the table is called, unless `name` is NULL, and how many rows will come in
// all, unless `rows` is negative.
//
// Threads: one at a time for each sender.
int32_t bowstring_table_sender_set_hints(struct bowstring_table_sender *sender,
                                         const char *name,
                                         int64_t rows,
                                         struct bowstring_error *error);

// Sets how long sending waits for room, in nanoseconds; negative, as at first, is without end.
//
// Threads: one at a time for each sender.
int32_t bowstring_table_sender_set_timeout(struct bowstring_table_sender *sender,
                                           int64_t timeout,
                                           struct bowstring_error *error);

// Returns in `how` how the next receiver has ended since this was last asked: `BOWSTRING_CLOSED`, `BOWSTRING_CRASHED`,
// `BOWSTRING_CUT_OFF` or `BOWSTRING_PROTOCOL`. `BOWSTRING_AGAIN` if none has.
//
// Threads: one at a time for each sender.
int32_t bowstring_table_sender_next_ended(struct bowstring_table_sender *sender,
                                          int32_t *how,
                                          struct bowstring_error *error);

// Reads the sender's statistics; `size` is `sizeof *stats`.
//
// Threads: one at a time for each sender.
int32_t bowstring_table_sender_get_stats(struct bowstring_table_sender *sender,
                                         struct bowstring_table_sender_stats *stats,
                                         size_t size,
                                         struct bowstring_error *error);

// Closes the table and sets `*sender` to NULL. Receivers get what was sent, and then the end.
//
// Threads: the one that uses the sender.
int32_t bowstring_table_sender_close(struct bowstring_table_sender **sender, struct bowstring_error *error);

// Gives the table up before its end and sets `*sender` to NULL. Receivers get what was sent, and then
// `BOWSTRING_CRASHED`, so that nobody takes a part for the whole.
//
// Threads: the one that uses the sender.
int32_t bowstring_table_sender_abandon(struct bowstring_table_sender **sender, struct bowstring_error *error);

// Sends a batch: a struct array of the sender's schema, copied once into the slots where receivers read it. Before that
// it is checked against the schema, and its values as those of a message are. `batch` is the library's from the call on,
// also if this fails.
//
// Threads: one at a time for each sender. The batch may be released on any thread, during this call or, if it has
// dictionaries, later.
int32_t bowstring_table_sender_send(struct bowstring_table_sender *sender,
                                    struct ArrowArray *batch,
                                    struct bowstring_error *error);

// Sends all batches of a stream, which must have the sender's schema. `stream` is the library's from the call on, also if
// this fails. `batches`, unless NULL, gets how many were sent.
//
// Threads: one at a time for each sender.
int32_t bowstring_table_sender_send_stream(struct bowstring_table_sender *sender,
                                           struct ArrowArrayStream *stream,
                                           uint64_t *batches,
                                           struct bowstring_error *error);

// Goes on with what `BOWSTRING_UNFINISHED` left behind, and waits for it as sending does.
//
// Threads: one at a time for each sender.
int32_t bowstring_table_sender_resume(struct bowstring_table_sender *sender, struct bowstring_error *error);

// Sends a batch whose columns are computed where receivers will read them. There is room for `rows` rows; for each
// field of variable size, parents before their children, `capacities` says how much room it has: bytes of text or binary,
// rows below a list, runs. `build` is called once, during this call. It fills the columns by `bowstring_column_…`, stores
// the number of rows in `rows`, and returns 0; anything else sends nothing, and `BOWSTRING_INTERRUPTED` is returned.
//
// `build` must return: no `longjmp`, no C++ exception. It must not use `sender`.
//
// Threads: one at a time for each sender.
int32_t bowstring_table_sender_build(struct bowstring_table_sender *sender,
                                     size_t rows,
                                     const size_t *capacities,
                                     size_t capacities_len,
                                     int32_t (*build)(void *context,
                                                      struct bowstring_columns *columns,
                                                      size_t *rows),
                                     void *context,
                                     struct bowstring_error *error);

// Calls `question` about twenty times a second whenever the sender waits, for receivers or for room. Once it returns
// anything but 0 the wait, and each one after it, ends with `BOWSTRING_INTERRUPTED`. It may look at a flag that a
// signal handler or another thread sets. It must return: no `longjmp`, no C++ exception. It must not use `sender`.
//
// Threads: one at a time for each sender; `question` is called on the thread that waits.
int32_t bowstring_table_sender_interrupt_by(struct bowstring_table_sender *sender,
                                            int32_t (*question)(void *context),
                                            void *context,
                                            struct bowstring_error *error);

// Connects to the store at `address`: a path, or `@name` in the abstract namespace; NULL means the user's own store.
// `BOWSTRING_NOT_FOUND` if none runs there. It must belong to the same user or to root.
//
// Threads: any; the connection is then used by one thread at a time.
int32_t bowstring_store_connect(const char *address,
                                struct bowstring_store **store,
                                struct bowstring_error *error);

// Sets how long the store may take to answer, in nanoseconds; 30 seconds if never called.
//
// Threads: one at a time for each connection.
int32_t bowstring_store_set_timeout(struct bowstring_store *store,
                                    uint64_t nanoseconds,
                                    struct bowstring_error *error);

// Takes a table away, if its version is `expected` or that is 0. Whoever has opened it keeps it.
//
// Threads: one at a time for each connection.
int32_t bowstring_store_remove(struct bowstring_store *store,
                               const char *name,
                               uint64_t expected,
                               struct bowstring_error *error);

// Gives a table another name, which must be free. Followers go on.
//
// Threads: one at a time for each connection.
int32_t bowstring_store_rename(struct bowstring_store *store,
                               const char *name,
                               const char *to,
                               struct bowstring_error *error);

// Hangs up and sets `*store` to NULL. What was got stays.
//
// Threads: the one that uses the connection.
int32_t bowstring_store_close(struct bowstring_store **store, struct bowstring_error *error);

// Follows a table: what is there now, and then whatever comes, without a gap and without a repetition. With `base` and
// `row` of a table that was got before (its `base` and `end_row`), only what comes behind that; `base` is 0 for all of it.
// The connection becomes the follower: `*store` is set to NULL, also if this fails, unless it is in use.
//
// Threads: the one that uses the connection; the follower is then used by one thread at a time.
int32_t bowstring_store_follow(struct bowstring_store **store,
                               const char *table,
                               uint64_t base,
                               uint64_t row,
                               struct bowstring_follower **follower,
                               struct bowstring_error *error);

// Waits up to `timeout` nanoseconds for the next rows, and returns them as a stream: 0 returns `BOWSTRING_AGAIN` if none
// have come, a negative one waits without end. `event` gets `BOWSTRING_EVENT_ROWS` or `BOWSTRING_EVENT_REPLACED`; `info`,
// unless NULL, what is known of the version, and `info_size` is `sizeof *info`. `BOWSTRING_CLOSED` once the table was
// removed, `BOWSTRING_NOT_FOUND` if there is none. The caller releases the stream.
//
// After `bowstring_follower_choose` the stream has only what was chosen, which may be no row at all. `BOWSTRING_CHOICE`
// if the choice does not fit the table, such as one of other columns that took its place: nothing is lost, and the same
// rows come again once another choice was made.
//
// Threads: one at a time for each follower.
int32_t bowstring_follower_next(struct bowstring_follower *follower,
                                int64_t timeout,
                                uint32_t *event,
                                struct ArrowArrayStream *stream,
                                struct bowstring_table_info *info,
                                size_t info_size,
                                struct bowstring_error *error);

// Chooses the columns and rows of what comes from now on. NULL in place of the choice wants everything again. The limit is
// that of each stream. Columns that are not needed are neither read nor checked.
//
// The choice is fitted to each table when its rows come: see `bowstring_follower_next`.
//
// Threads: one at a time for each follower.
int32_t bowstring_follower_choose(struct bowstring_follower *follower,
                                  const struct bowstring_choice *choice,
                                  struct bowstring_error *error);

// Returns the connection's descriptor in `fd`, for `poll` or `epoll`: it is readable when something has come. It stays the
// follower's.
//
// Threads: one at a time for each follower.
int32_t bowstring_follower_fd(struct bowstring_follower *follower,
                              int32_t *fd,
                              struct bowstring_error *error);

// Hangs up and sets `*follower` to NULL. What was got stays.
//
// Threads: the one that uses the follower.
int32_t bowstring_follower_close(struct bowstring_follower **follower, struct bowstring_error *error);

// Opens a table as a stream of batches whose buffers are the memory that they were put in. Takes as long for a large
// table as for a small one; each batch is checked when its turn comes. `info`, unless NULL, gets what is known of the
// table; `info_size` is `sizeof *info`. `BOWSTRING_NOT_FOUND` if there is no such table, `BOWSTRING_CONFLICT` if the
// version is gone, `BOWSTRING_CHOICE` if the columns or the condition that were chosen do not fit it.
//
// The caller releases the stream and each batch, on any thread. They stay valid, and as they are, whatever happens to the
// name, to the connection and to the store.
//
// Threads: one at a time for each connection.
int32_t bowstring_store_get(struct bowstring_store *store,
                            const char *name,
                            const struct bowstring_get_options *options,
                            struct ArrowArrayStream *stream,
                            struct bowstring_table_info *info,
                            size_t info_size,
                            struct bowstring_error *error);

// Calls `each` for each table of the store, until it returns anything but 0. What it is handed is good until it
// returns. It must return: no `longjmp`, no C++ exception. It must not use `store`.
//
// Threads: one at a time for each connection.
int32_t bowstring_store_list(struct bowstring_store *store,
                             int32_t (*each)(void *context, const struct bowstring_store_entry *entry),
                             void *context,
                             struct bowstring_error *error);

// Puts all batches of a stream under `name`, at once or not at all: readers see the version before or this one. They are
// copied once, into memory that nobody can change. `stream` is the library's from the call on, also if this fails.
// `version`, unless NULL, gets the table's version.
//
// `BOWSTRING_CONFLICT` if another version is there than was expected, or a table that must not be.
//
// Threads: one at a time for each connection.
int32_t bowstring_store_put(struct bowstring_store *store,
                            const char *name,
                            struct ArrowArrayStream *stream,
                            const struct bowstring_put_options *options,
                            uint64_t *version,
                            struct bowstring_error *error);

// Notes the request that a receipt is for. `BOWSTRING_STATE` if 64 are open already.
//
// Threads: one at a time for each `calls`.
int32_t bowstring_calls_sent(struct bowstring_calls *calls, uint64_t request, struct bowstring_error *error);

// Takes back the request that a message with this `reply_to` replies to, and returns its number in `request`; 0 if it
// replies to none of them.
//
// Threads: one at a time for each `calls`.
int32_t bowstring_calls_answered(struct bowstring_calls *calls,
                                 uint64_t reply_to,
                                 uint64_t *request,
                                 struct bowstring_error *error);

// Returns the meaning of a code in a few words. Never NULL; never to be freed.
//
// Threads: any.
const char *bowstring_code_name(int32_t code);

// Listens at `address`: a name, a path (with a slash), or `@name` in the abstract namespace.
//
// A socket that nobody listens on any more is taken over; one that somebody listens on is `BOWSTRING_IN_USE`.
//
// Threads: any; the listener is then used by one thread at a time.
int32_t bowstring_listener_open(const char *address,
                                struct bowstring_listener **listener,
                                struct bowstring_error *error);

// Takes over a socket that listens already, such as one handed down by a service manager. `fd` belongs to the library
// from now on, also if this fails.
//
// Threads: any.
int32_t bowstring_listener_from_fd(int32_t fd,
                                   struct bowstring_listener **listener,
                                   struct bowstring_error *error);

// Returns the listening socket in `fd`: it is readable when somebody wants to connect. It stays the listener's.
//
// Threads: one at a time for each listener.
int32_t bowstring_listener_fd(struct bowstring_listener *listener,
                              int32_t *fd,
                              struct bowstring_error *error);

// Stops listening, removes the path, and sets `*listener` to NULL. Connections that were made stay.
//
// Threads: the one that uses the listener.
int32_t bowstring_listener_close(struct bowstring_listener **listener, struct bowstring_error *error);

// Makes a pair of connected sockets, for a program that starts the other side itself and lets it inherit one end. Both
// are close-on-exec.
//
// Threads: any.
int32_t bowstring_socket_pair(int32_t *fds,
                              struct bowstring_error *error);

// Gives a message back to its sender. `BOWSTRING_STATE` if it was released already.
//
// Threads: that of its receiver, whose messages it counts. A pooled message that was detached, and a sealed one, may be
// released on any thread.
int32_t bowstring_message_release(struct bowstring_message *message,
                                  struct bowstring_error *error);

// Makes a message independent of its receiver: it may be released on any thread, and outlive the receiver. Costs two
// counted references. `BOWSTRING_UNSUPPORTED` for a copied message, whose bytes are the receiver's: copy them.
//
// Threads: that of its receiver.
int32_t bowstring_message_detach(struct bowstring_message *message,
                                 struct bowstring_error *error);

// Returns in `fd` a duplicate of the file that a sealed message is, to pass it on. It belongs to the caller.
// `BOWSTRING_UNSUPPORTED` for any other message.
//
// Threads: one at a time for each message.
int32_t bowstring_message_fd(struct bowstring_message *message, int32_t *fd, struct bowstring_error *error);

// Attaches to the sender at `address`. Of `options`, only the users are used.
//
// Threads: any; the observer is then used by one thread at a time.
int32_t bowstring_observer_open(const char *address,
                                const struct bowstring_handshake_options *options,
                                struct bowstring_observer **observer,
                                struct bowstring_error *error);

// Reads the sender's statistics; `size` is `sizeof *stats`.
//
// Threads: one at a time for each observer.
int32_t bowstring_observer_get_stats(struct bowstring_observer *observer,
                                     struct bowstring_sender_stats *stats,
                                     size_t size,
                                     struct bowstring_error *error);

// Reads the statistics of the sender's receiver number `index`, counted from 0. `BOWSTRING_ARGUMENT` beyond the last.
//
// Threads: one at a time for each observer.
int32_t bowstring_observer_get_subscriber(struct bowstring_observer *observer,
                                          size_t index,
                                          struct bowstring_subscriber_stats *stats,
                                          size_t size,
                                          struct bowstring_error *error);

// Returns in `alive` whether the sender's process lives: 1 or 0.
//
// Threads: one at a time for each observer.
int32_t bowstring_observer_is_alive(struct bowstring_observer *observer,
                                    int32_t *alive,
                                    struct bowstring_error *error);

// Lets go of the sender's statistics and sets `*observer` to NULL.
//
// Threads: the one that uses the observer.
int32_t bowstring_observer_close(struct bowstring_observer **observer, struct bowstring_error *error);

// Receives the next message. `timeout` is in nanoseconds: 0 returns `BOWSTRING_AGAIN` if nothing is there, a negative one
// waits without end. `BOWSTRING_CLOSED` and `BOWSTRING_CRASHED` come after everything that was sent.
//
// `message` is all zero, or was released. Release each message soon: the sender reuses its memory only then.
//
// Threads: one at a time for each receiver.
int32_t bowstring_receive(struct bowstring_receiver *receiver,
                          int64_t timeout,
                          struct bowstring_message *message,
                          struct bowstring_error *error);

// Says good-bye to the sender and sets `*receiver` to NULL. `BOWSTRING_STATE`, and nothing happens, while pooled or
// copied messages are neither released nor detached.
//
// Threads: the one that uses the receiver.
int32_t bowstring_receiver_close(struct bowstring_receiver **receiver,
                                 struct bowstring_error *error);

// Returns what is known of the channel; `size` is `sizeof *info`.
//
// Threads: one at a time for each receiver.
int32_t bowstring_receiver_get_info(struct bowstring_receiver *receiver,
                                    struct bowstring_channel_info *info,
                                    size_t size,
                                    struct bowstring_error *error);

// Reads this receiver's statistics; `size` is `sizeof *stats`.
//
// Threads: one at a time for each receiver.
int32_t bowstring_receiver_get_stats(struct bowstring_receiver *receiver,
                                     struct bowstring_receiver_stats *stats,
                                     size_t size,
                                     struct bowstring_error *error);

// Reads the sender's statistics; `size` is `sizeof *stats`. `BOWSTRING_UNSUPPORTED` on a sealed channel.
//
// Threads: one at a time for each receiver.
int32_t bowstring_receiver_get_sender_stats(struct bowstring_receiver *receiver,
                                            struct bowstring_sender_stats *stats,
                                            size_t size,
                                            struct bowstring_error *error);

// Connects to the sender that listens at `address`. `BOWSTRING_NOT_FOUND` if nobody does.
//
// If `options` ask for `BOWSTRING_POOLED`, the caller declares the sender honest: it does not write to a message between
// sending it and seeing it released. Everything else about the sender is checked.
//
// Threads: any; the receiver is then used by one thread at a time.
int32_t bowstring_receiver_connect(const char *address,
                                   const struct bowstring_handshake_options *options,
                                   struct bowstring_receiver **receiver,
                                   struct bowstring_error *error);

// Waits for a sender to connect to `listener`, as long as the handshake's patience lasts.
//
// Threads: one at a time for each listener.
int32_t bowstring_receiver_accept(struct bowstring_listener *listener,
                                  const struct bowstring_handshake_options *options,
                                  struct bowstring_receiver **receiver,
                                  struct bowstring_error *error);

// Meets a sender over a connected socket, such as one end of a pair whose other end a child has. The sender calls
// `bowstring_sender_meet`. `fd` belongs to the library from now on, also if this fails.
//
// Threads: any.
int32_t bowstring_receiver_meet(int32_t fd,
                                const struct bowstring_handshake_options *options,
                                struct bowstring_receiver **receiver,
                                struct bowstring_error *error);

// Sets how this receiver waits: it looks `spins` times before it sleeps, or never sleeps if `never_sleep` is not 0, for a
// thread that owns its processor.
//
// Threads: one at a time for each receiver.
int32_t bowstring_receiver_set_wait(struct bowstring_receiver *receiver,
                                    uint32_t spins,
                                    int32_t never_sleep,
                                    struct bowstring_error *error);

// Sets how often `bowstring_receive` with timeout 0 looks whether the sender lives; 50 ms if never called.
//
// Threads: one at a time for each receiver.
int32_t bowstring_receiver_watch_every(struct bowstring_receiver *receiver,
                                       uint64_t nanoseconds,
                                       struct bowstring_error *error);

// Returns in `fd` a new descriptor for `poll` or `epoll`. After `bowstring_receiver_arm` it is readable when a message
// comes or the sender is gone. It belongs to the caller; make it once.
//
// Threads: one at a time for each receiver.
int32_t bowstring_receiver_pollable(struct bowstring_receiver *receiver,
                                    int32_t *fd,
                                    struct bowstring_error *error);

// Announces that the caller will sleep on the pollable descriptor, and returns 1 in `may_sleep`; 0 if it should receive
// at once, because a message or the end is there. After the sleep call `bowstring_receiver_disarm`.
//
// Threads: one at a time for each receiver.
int32_t bowstring_receiver_arm(struct bowstring_receiver *receiver,
                               int32_t *may_sleep,
                               struct bowstring_error *error);

// Ends the sleep that `bowstring_receiver_arm` announced.
//
// Threads: one at a time for each receiver.
int32_t bowstring_receiver_disarm(struct bowstring_receiver *receiver, struct bowstring_error *error);

// Makes a sender: its pool is allocated now.
//
// Threads: any; the sender is then used by one thread at a time.
int32_t bowstring_sender_open(const struct bowstring_sender_options *options,
                              struct bowstring_sender **sender,
                              struct bowstring_error *error);

// Closes the sender and sets `*sender` to NULL. Receivers get what was committed, and then `BOWSTRING_CLOSED`. A loan that
// is out is discarded.
//
// Threads: the one that uses the sender.
int32_t bowstring_sender_close(struct bowstring_sender **sender,
                               struct bowstring_error *error);

// Gives the channel up before its end and sets `*sender` to NULL. Receivers get what was committed, and then
// `BOWSTRING_CRASHED`, so that nobody takes a part for the whole.
//
// Threads: the one that uses the sender.
int32_t bowstring_sender_abandon(struct bowstring_sender **sender, struct bowstring_error *error);

// Connects for both directions: what `sender` sends goes there, and what comes back is received by `receiver`. `address`
// is that of a sender which calls `bowstring_sender_accept_both`. `number`, unless NULL, gets the other side's number as a
// receiver of `sender`.
//
// Threads: one at a time for each sender; the receiver may then be used by another thread.
int32_t bowstring_sender_connect_both(struct bowstring_sender *sender,
                                      const char *address,
                                      const struct bowstring_handshake_options *options,
                                      struct bowstring_receiver **receiver,
                                      uint64_t *number,
                                      struct bowstring_error *error);

// Waits up to `timeout` nanoseconds until somebody has connected for both directions; 0 does not wait, a negative one
// waits without end.
//
// Threads: one at a time for each sender and each listener; the receiver may then be used by another thread.
int32_t bowstring_sender_accept_both(struct bowstring_sender *sender,
                                     struct bowstring_listener *listener,
                                     const struct bowstring_handshake_options *options,
                                     int64_t timeout,
                                     struct bowstring_receiver **receiver,
                                     uint64_t *number,
                                     struct bowstring_error *error);

// Waits up to `timeout` nanoseconds for a receiver to connect to `listener`; 0 lets in whoever is there and returns
// `BOWSTRING_AGAIN` if nobody is, a negative one waits without end. Also notices receivers that have died: call it now
// and then with 0. `receiver`, unless NULL, gets the receiver's number.
//
// Threads: one at a time for each sender and each listener.
int32_t bowstring_sender_accept(struct bowstring_sender *sender,
                                struct bowstring_listener *listener,
                                const struct bowstring_handshake_options *options,
                                int64_t timeout,
                                uint64_t *receiver,
                                struct bowstring_error *error);

// Connects to a receiver that listens at `address`. `receiver`, unless NULL, gets its number.
//
// Threads: one at a time for each sender.
int32_t bowstring_sender_connect(struct bowstring_sender *sender,
                                 const char *address,
                                 const struct bowstring_handshake_options *options,
                                 uint64_t *receiver,
                                 struct bowstring_error *error);

// Meets a receiver over a connected socket, such as one end of a pair whose other end a child has. The receiver calls
// `bowstring_receiver_meet`. `fd` belongs to the library from now on, also if this fails. `receiver`, unless NULL, gets
// the receiver's number.
//
// Threads: one at a time for each sender.
int32_t bowstring_sender_meet(struct bowstring_sender *sender,
                              int32_t fd,
                              const struct bowstring_handshake_options *options,
                              uint64_t *receiver,
                              struct bowstring_error *error);

// Lends room for a message of up to `len` bytes, at `*data`. `timeout` is in nanoseconds: 0 returns `BOWSTRING_AGAIN` if
// there is no room now, a negative one waits without end. The bytes are those of some earlier message, or zero: write all
// that you commit. Until `bowstring_commit` or `bowstring_discard` the sender accepts no other call.
//
// Threads: one at a time for each sender.
int32_t bowstring_loan(struct bowstring_sender *sender,
                       size_t len,
                       int64_t timeout,
                       uint8_t **data,
                       struct bowstring_error *error);

// Sends the first `used` bytes of the loan. `label` and `receipt` may be NULL. If it fails with `BOWSTRING_UNFINISHED`,
// the message is sent, and `bowstring_finish` waits until everybody has it. If it fails otherwise, nobody was given
// anything, and the loan is still out: `bowstring_loaned` says where.
//
// Threads: that of the loan.
int32_t bowstring_commit(struct bowstring_sender *sender,
                         size_t used,
                         const struct bowstring_label *label,
                         struct bowstring_receipt *receipt,
                         struct bowstring_error *error);

// Waits up to `timeout` nanoseconds until no receiver lacks what was sent; a negative one waits without end.
//
// Threads: one at a time for each sender.
int32_t bowstring_finish(struct bowstring_sender *sender, int64_t timeout, struct bowstring_error *error);

// Returns where the loan is and how long it is. `BOWSTRING_STATE` if there is none.
//
// Threads: that of the loan.
int32_t bowstring_loaned(struct bowstring_sender *sender,
                         uint8_t **data,
                         size_t *len,
                         struct bowstring_error *error);

// Gives the loan back unsent. `BOWSTRING_STATE` if there is none.
//
// Threads: that of the loan.
int32_t bowstring_discard(struct bowstring_sender *sender, struct bowstring_error *error);

// Sends `len` bytes that are there already: loan, copy, commit.
//
// Threads: one at a time for each sender.
int32_t bowstring_send(struct bowstring_sender *sender,
                       const uint8_t *data,
                       size_t len,
                       int64_t timeout,
                       struct bowstring_error *error);

// Gives one receiver a policy of its own.
//
// Threads: one at a time for each sender.
int32_t bowstring_sender_set_on_slow(struct bowstring_sender *sender,
                                     uint64_t receiver,
                                     uint32_t on_slow,
                                     uint32_t quota,
                                     struct bowstring_error *error);

// Returns the next receiver that has ended since this was last asked: its number, and how it ended (`BOWSTRING_CLOSED`,
// `BOWSTRING_CRASHED`, `BOWSTRING_CUT_OFF` or `BOWSTRING_PROTOCOL`). `BOWSTRING_AGAIN` if none has. Looks at the receivers'
// processes first.
//
// Threads: one at a time for each sender.
int32_t bowstring_sender_next_ended(struct bowstring_sender *sender,
                                    uint64_t *receiver,
                                    int32_t *how,
                                    struct bowstring_error *error);

// Reads the sender's statistics; `size` is `sizeof *stats`.
//
// Threads: one at a time for each sender.
int32_t bowstring_sender_get_stats(struct bowstring_sender *sender,
                                   struct bowstring_sender_stats *stats,
                                   size_t size,
                                   struct bowstring_error *error);

// Reads the statistics of one receiver; `size` is `sizeof *stats`. `BOWSTRING_ARGUMENT` once it has gone.
//
// Threads: one at a time for each sender.
int32_t bowstring_sender_get_subscriber(struct bowstring_sender *sender,
                                        uint64_t receiver,
                                        struct bowstring_subscriber_stats *stats,
                                        size_t size,
                                        struct bowstring_error *error);

// Sets how this sender waits for room: it looks `spins` times before it sleeps, or never sleeps if `never_sleep` is not 0.
//
// Threads: one at a time for each sender.
int32_t bowstring_sender_set_wait(struct bowstring_sender *sender,
                                  uint32_t spins,
                                  int32_t never_sleep,
                                  struct bowstring_error *error);

// Sets how often a busy sender looks whether its receivers live; 50 ms if never called.
//
// Threads: one at a time for each sender.
int32_t bowstring_sender_watch_every(struct bowstring_sender *sender,
                                     uint64_t nanoseconds,
                                     struct bowstring_error *error);

// Writes the descriptors of the receivers' sockets to `fds`, which has room for `room` of them, and their number to
// `count`, which may be larger than `room`. They are readable when a receiver is gone, and after `bowstring_sender_arm`
// when one has given something back. They stay the sender's.
//
// Threads: one at a time for each sender.
int32_t bowstring_sender_fds(struct bowstring_sender *sender,
                             int32_t *fds,
                             size_t room,
                             size_t *count,
                             struct bowstring_error *error);

// Announces that the caller will sleep on `bowstring_sender_fds` until a message of `len` bytes has room, and returns 1
// in `may_sleep`; 0 if there is room already. After the sleep call `bowstring_sender_disarm`.
//
// Threads: one at a time for each sender.
int32_t bowstring_sender_arm(struct bowstring_sender *sender,
                             size_t len,
                             int32_t *may_sleep,
                             struct bowstring_error *error);

// Ends the sleep that `bowstring_sender_arm` announced.
//
// Threads: one at a time for each sender.
int32_t bowstring_sender_disarm(struct bowstring_sender *sender, struct bowstring_error *error);

#ifdef __cplusplus
}  // extern "C"
#endif  // __cplusplus

#endif  /* BOWSTRING_H */
