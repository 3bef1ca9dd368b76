// What a receiver lacks: one that comes late knows how much went before it and does not take the rest for the whole, and
// one that goes on with another sender knows whether the one before had ended.
#define _GNU_SOURCE
#include <bowstring.h>

#include "test.h"

static bowstring_error error;

enum { ROWS = 10 };

static void release_schema(struct ArrowSchema *schema) { schema->release = NULL; }

static int32_t build(void *context, struct bowstring_columns *columns, size_t *rows) {
    void *values;
    size_t room;
    MUST(bowstring_column_values(columns, 0, 8, &values, &room, &error), error);
    for (int row = 0; row < ROWS; row++) ((int64_t *)values)[row] = (*(int64_t *)context)++;
    *rows = ROWS;
    return 0;
}

// A sender of one column, int64 unless the format says otherwise, with a receiver at `fd`.
static bowstring_table_sender *sender_of(const char *format, int fd) {
    struct ArrowSchema n = {.format = format, .name = "n", .release = release_schema}, *children[] = {&n};
    struct ArrowSchema schema = {
        .format = "+s", .name = "", .n_children = 1, .children = children, .release = release_schema};
    bowstring_table_sender *sender = NULL;
    MUST(bowstring_table_sender_open(&schema, NULL, &sender, &error), error);
    MUST(bowstring_table_sender_meet(sender, fd, &error), error);
    return sender;
}

static void send(bowstring_table_sender *sender, int batches) {
    static int64_t next = 0;
    while (batches-- > 0) MUST(bowstring_table_sender_build(sender, ROWS, NULL, 0, build, &next, &error), error);
}

static bowstring_table_receiver *receiver_at(int fd, uint32_t delivery) {
    bowstring_handshake_options options = {.size = sizeof options, .deliveries = delivery};
    bowstring_table_receiver *receiver = NULL;
    MUST(bowstring_table_receiver_meet(fd, &options, &receiver, &error), error);
    return receiver;
}

// Receives to the end, which has this code, and returns the number of rows.
static int64_t drain(bowstring_table_receiver *receiver, int32_t end) {
    int64_t rows = 0;
    for (;;) {
        struct ArrowArray batch;
        int32_t code = bowstring_table_receiver_next(receiver, BOWSTRING_FOREVER, &batch, &error);
        if (code != BOWSTRING_OK) {
            CHECK(code == end);
            return rows;
        }
        rows += batch.length;
        batch.release(&batch);
    }
}

static void lacks(bowstring_table_receiver *receiver, uint64_t batches, uint64_t rows, uint64_t interruptions) {
    bowstring_table_missing missing;
    MUST(bowstring_table_receiver_get_missing(receiver, &missing, sizeof missing, &error), error);
    CHECK(missing.batches_before == batches && missing.rows_before == rows);
    CHECK(missing.batches_skipped == 0 && missing.interruptions == interruptions);
}

static void early(int fd, uint32_t delivery) {
    bowstring_table_receiver *receiver = receiver_at(fd, delivery);
    CHECK(drain(receiver, BOWSTRING_CLOSED) == 5 * ROWS);
    lacks(receiver, 0, 0, 0);
    MUST(bowstring_table_receiver_close(&receiver, &error), error);
}

static void late(const int *fds, uint32_t delivery) {
    bowstring_table_receiver *receiver = receiver_at(fds[0], delivery);
    lacks(receiver, 3, 3 * ROWS, 0);
    CHECK(drain(receiver, BOWSTRING_CLOSED) == 2 * ROWS);
    lacks(receiver, 3, 3 * ROWS, 0);

    // On to another sender: after a table's end nothing is interrupted, after a sender that gave up something is.
    bowstring_table_receiver *next = receiver_at(fds[1], delivery);
    MUST(bowstring_table_receiver_continue(receiver, &next, &error), error);
    CHECK(next == NULL);
    CHECK(drain(receiver, BOWSTRING_CRASHED) == ROWS);
    lacks(receiver, 3, 3 * ROWS, 0);
    next = receiver_at(fds[2], delivery);
    CHECK(bowstring_table_receiver_continue(receiver, &next, &error) == BOWSTRING_SCHEMA && next == NULL);
    CHECK(drain(receiver, BOWSTRING_CRASHED) == 0);
    lacks(receiver, 3, 3 * ROWS, 0);
    next = receiver_at(fds[3], delivery);
    MUST(bowstring_table_receiver_continue(receiver, &next, &error), error);
    CHECK(drain(receiver, BOWSTRING_CLOSED) == 2 * ROWS);
    lacks(receiver, 3, 3 * ROWS, 1);
    bowstring_table_receiver_stats stats;
    MUST(bowstring_table_receiver_get_stats(receiver, &stats, sizeof stats, &error), error);
    CHECK(stats.rows == 5 * ROWS);

    // Misuse.
    bowstring_table_missing missing;
    CHECK(bowstring_table_receiver_continue(receiver, &next, &error) == BOWSTRING_ARGUMENT);
    CHECK(bowstring_table_receiver_continue(receiver, NULL, &error) == BOWSTRING_ARGUMENT);
    bowstring_table_receiver *same = receiver;
    CHECK(bowstring_table_receiver_continue(receiver, &same, &error) == BOWSTRING_BUSY && same == receiver);
    CHECK(bowstring_table_receiver_get_missing(receiver, NULL, sizeof missing, &error) == BOWSTRING_ARGUMENT);
    CHECK(bowstring_table_receiver_get_missing(NULL, &missing, sizeof missing, &error) == BOWSTRING_ARGUMENT);
    MUST(bowstring_table_receiver_close(&receiver, &error), error);
}

static void both(uint32_t delivery) {
    enum { PAIRS = 5 };
    int ours[PAIRS], theirs[PAIRS];
    for (int pair = 0; pair < PAIRS; pair++) {
        int fds[2];
        MUST(bowstring_socket_pair(fds, &error), error);
        ours[pair] = fds[0];
        theirs[pair] = fds[1];
    }
    pid_t children[2];
    for (int child = 0; child < 2; child++) {
        children[child] = fork();
        CHECK(children[child] >= 0);
        if (children[child] == 0) {
            for (int pair = 0; pair < PAIRS; pair++) {
                close(ours[pair]);
                if ((pair > 0) != (child > 0)) close(theirs[pair]);
            }
            if (child == 0) early(theirs[0], delivery);
            if (child == 1) late(theirs + 1, delivery);
            _exit(0);
        }
    }
    for (int pair = 0; pair < PAIRS; pair++) close(theirs[pair]);
    bowstring_table_sender *sender = sender_of("l", ours[0]);
    send(sender, 3);
    MUST(bowstring_table_sender_meet(sender, ours[1], &error), error);
    send(sender, 2);
    MUST(bowstring_table_sender_close(&sender, &error), error);
    sender = sender_of("l", ours[2]);
    send(sender, 1);
    MUST(bowstring_table_sender_abandon(&sender, &error), error);
    sender = sender_of("g", ours[3]);
    MUST(bowstring_table_sender_close(&sender, &error), error);
    sender = sender_of("l", ours[4]);
    send(sender, 2);
    MUST(bowstring_table_sender_close(&sender, &error), error);
    await_child(children[0]);
    await_child(children[1]);
}

int main(void) {
    both(BOWSTRING_POOLED);
    both(BOWSTRING_COPIED);
    both(BOWSTRING_SEALED);
    puts("late: what went before, what was interrupted, going on with another sender, every delivery");
    return 0;
}
