// Both ends of the C contenders of `bench -- c`, which compiles this file and loads it. They do what the Rust contenders
// do, call for call: see `handoff/ours.rs` for messages and `c/tables.rs` for tables.
#define _GNU_SOURCE
#include <bowstring.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static bowstring_error error;

// Ends the process, saying why, if a call failed.
static void must(int32_t code) {
    if (code == BOWSTRING_OK) return;
    fprintf(stderr, "ends.c: %s: %s\n", bowstring_code_name(code), error.message);
    abort();
}

// What a value was read for.
static volatile uint64_t sink;

static void sum(const uint8_t *data, size_t len) {
    // Several sums, so that every compiler makes this as fast as the Rust contender's: the way of a message is compared. What
    // is received begins at a multiple of 8 bytes.
    const uint64_t *words = (const void *)data;
    uint64_t sum = 0, a = 0, b = 0, c = 0, d = 0, e = 0, f = 0, g = 0, h = 0;
    size_t nth = 0, count = len / 8;
    for (; nth + 8 <= count; nth += 8) {
        a += words[nth], b += words[nth + 1], c += words[nth + 2], d += words[nth + 3];
        e += words[nth + 4], f += words[nth + 5], g += words[nth + 6], h += words[nth + 7];
    }
    for (; nth < count; nth++) sum += words[nth];
    sum += a + b + c + d + e + f + g + h;
    sink = sum;
}

// ---- messages ----

struct end {
    bowstring_sender *sender;
    bowstring_receiver *receiver;
    bowstring_message message;
    size_t len;
    uint8_t round;
};

void *messages_open(int asks, const char *name, size_t len, uint32_t slots) {
    struct end *end = calloc(1, sizeof *end);
    end->len = len;
    bowstring_sender_options room = {.size = sizeof room, .slots = slots, .slot_size = (len + 4095) / 4096 * 4096};
    must(bowstring_sender_open(&room, &end->sender, &error));
    bowstring_handshake_options options = {.size = sizeof options, .deliveries = BOWSTRING_POOLED};
    if (asks) {
        int32_t code;
        do {
            code = bowstring_sender_connect_both(end->sender, name, &options, &end->receiver, NULL, &error);
        } while (code == BOWSTRING_NOT_FOUND && usleep(1000) == 0);
        must(code);
    } else {
        bowstring_listener *listener = NULL;
        must(bowstring_listener_open(name, &listener, &error));
        must(bowstring_sender_accept_both(end->sender, listener, &options, BOWSTRING_FOREVER, &end->receiver, NULL,
                                          &error));
        must(bowstring_listener_close(&listener, &error));
    }
    must(bowstring_receiver_set_wait(end->receiver, 0, 1, &error));
    return end;
}

void messages_ping(void *at) {
    struct end *end = at;
    bowstring_message *message = &end->message;
    uint8_t *data;
    end->round++;
    must(bowstring_loan(end->sender, end->len, BOWSTRING_FOREVER, &data, &error));
    memset(data, end->round, end->len);
    must(bowstring_commit(end->sender, end->len, NULL, NULL, &error));
    must(bowstring_receive(end->receiver, BOWSTRING_FOREVER, message, &error));
    sum(message->data, message->len);
    must(bowstring_message_release(message, &error));
}

void messages_pong(void *at) {
    struct end *end = at;
    bowstring_message *message = &end->message;
    uint8_t *data;
    end->round++;
    must(bowstring_loan(end->sender, end->len, BOWSTRING_FOREVER, &data, &error));
    must(bowstring_receive(end->receiver, BOWSTRING_FOREVER, message, &error));
    sum(message->data, message->len);
    memset(data, end->round, end->len);
    must(bowstring_commit(end->sender, end->len, NULL, NULL, &error));
    must(bowstring_message_release(message, &error));
}

void messages_close(void *at) {
    struct end *end = at;
    bowstring_receiver_close(&end->receiver, NULL);
    bowstring_sender_close(&end->sender, NULL);
    free(end);
}

// ---- tables: a column of int64 there, and one row of it back ----

struct table_end {
    bowstring_table_sender *sender;
    bowstring_table_receiver *receiver;
    size_t rows;
    int64_t *values;
};

static void keep_schema(struct ArrowSchema *schema) { schema->release = NULL; }
static void keep_array(struct ArrowArray *array) { array->release = NULL; }

void *tables_open(int asks, const char *own, const char *others, size_t rows, uint32_t slots, size_t slot_size) {
    struct table_end *end = calloc(1, sizeof *end);
    end->rows = rows;
    // As Arrow recommends and as Rust's arrays are: loads that cross cache lines would make the copy slower.
    end->values = aligned_alloc(64, (rows * sizeof *end->values + 63) / 64 * 64);
    for (size_t row = 0; row < rows; row++) end->values[row] = (int64_t)row;
    struct ArrowSchema n = {.format = "l", .name = "n", .release = keep_schema}, *children[] = {&n};
    struct ArrowSchema schema = {
        .format = "+s", .name = "", .n_children = 1, .children = children, .release = keep_schema};
    bowstring_sender_options room = {
        .size = sizeof room, .slots = slots, .slot_size = slot_size, .deliveries = BOWSTRING_POOLED};
    must(bowstring_table_sender_open(&schema, &room, &end->sender, &error));
    must(bowstring_table_sender_listen(end->sender, own, &error));
    if (asks) must(bowstring_table_sender_wait(end->sender, 1, BOWSTRING_FOREVER, &error));
    bowstring_handshake_options options = {.size = sizeof options, .deliveries = BOWSTRING_POOLED};
    int32_t code;
    do {
        code = bowstring_table_receiver_connect(others, &options, &end->receiver, &error);
    } while (code == BOWSTRING_NOT_FOUND && usleep(1000) == 0);
    must(code);
    if (!asks) must(bowstring_table_sender_wait(end->sender, 1, BOWSTRING_FOREVER, &error));
    return end;
}

static void give(struct table_end *end, size_t rows) {
    const void *buffers[] = {NULL, end->values}, *none[] = {NULL};
    struct ArrowArray n = {.length = (int64_t)rows, .n_buffers = 2, .buffers = buffers, .release = keep_array};
    struct ArrowArray *children[] = {&n};
    struct ArrowArray batch = {.length = (int64_t)rows,
                               .n_buffers = 1,
                               .buffers = none,
                               .n_children = 1,
                               .children = children,
                               .release = keep_array};
    must(bowstring_table_sender_send(end->sender, &batch, &error));
}

static void take(struct table_end *end) {
    struct ArrowArray batch;
    must(bowstring_table_receiver_next(end->receiver, BOWSTRING_FOREVER, &batch, &error));
    sum(batch.children[0]->buffers[1], (size_t)batch.length * 8);
    batch.release(&batch);
}

void tables_ping(void *at) {
    struct table_end *end = at;
    give(end, end->rows);
    take(end);
}

void tables_pong(void *at) {
    struct table_end *end = at;
    take(end);
    give(end, 1);
}

void tables_close(void *at) {
    struct table_end *end = at;
    bowstring_table_receiver_close(&end->receiver, NULL);
    bowstring_table_sender_close(&end->sender, NULL);
    free(end->values);
    free(end);
}
