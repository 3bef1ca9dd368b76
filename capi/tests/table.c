// The tables layer in C: columns computed in place, received by address, released on another thread and after the receiver.
#define _GNU_SOURCE
#include <bowstring.h>
#include <pthread.h>

#include "test.h"

static bowstring_error error;
static int released;
static bowstring_table_sender *in_use;

static void release_schema(struct ArrowSchema *schema) {
    released++;
    schema->release = NULL;
}

enum { ROWS = 1000 };

// Three columns, of which the last may be null: n: int64, word: utf8, ok: bool.
static int32_t build(void *context, struct bowstring_columns *columns, size_t *rows) {
    int *calls = context;
    void *numbers, *bits;
    uint8_t *valid;
    size_t room;
    // The sender is in use by the call that builds, as it would be by another thread's.
    bowstring_table_sender_stats stats;
    CHECK(bowstring_table_sender_get_stats(in_use, &stats, sizeof stats, &error) == BOWSTRING_BUSY);
    CHECK(bowstring_table_sender_close(&in_use, &error) == BOWSTRING_BUSY && in_use != NULL);
    CHECK(bowstring_column_values(columns, 0, 4, &numbers, &room, &error) == BOWSTRING_ARGUMENT);
    MUST(bowstring_column_values(columns, 0, 8, &numbers, &room, &error), error);
    CHECK(room >= ROWS);
    for (int64_t n = 0; n < ROWS; n++) ((int64_t *)numbers)[n] = n * n;
    CHECK(bowstring_column_push(columns, 1, (const uint8_t *)"\xff", 1, &error) == BOWSTRING_ARGUMENT);
    for (int n = 0; n < ROWS; n++) {
        char word[16];
        int len = snprintf(word, sizeof word, "w%d", n);
        MUST(bowstring_column_push(columns, 1, (const uint8_t *)word, (size_t)len, &error), error);
    }
    MUST(bowstring_column_values(columns, 2, 0, &bits, &room, &error), error);
    MUST(bowstring_column_validity(columns, 2, &valid, &error), error);
    CHECK(bowstring_column_validity(columns, 0, &valid, &error) == BOWSTRING_DATA);
    MUST(bowstring_column_validity(columns, 2, &valid, &error), error);
    ((uint8_t *)bits)[0] = 0x05;
    valid[0] = 0xfe;
    CHECK(bowstring_column_values(columns, 3, 8, &numbers, &room, &error) != BOWSTRING_OK);
    *rows = ROWS;
    return (*calls)++ == 1 ? 1 : 0;
}

static void *release(void *batch) {
    struct ArrowArray *array = batch;
    array->release(array);
    CHECK(array->release == NULL);
    return NULL;
}

static int receive(int fd, uint32_t delivery) {
    bowstring_handshake_options options = {.size = sizeof options, .deliveries = delivery};
    bowstring_table_receiver *receiver = NULL;
    MUST(bowstring_table_receiver_meet(fd, &options, &receiver, &error), error);
    struct ArrowSchema schema = {0};
    MUST(bowstring_table_receiver_schema(receiver, &schema, &error), error);
    CHECK(strcmp(schema.format, "+s") == 0 && schema.n_children == 3);
    CHECK(strcmp(schema.children[0]->format, "l") == 0 && strcmp(schema.children[1]->name, "word") == 0);
    schema.release(&schema);
    struct ArrowArray batches[3];
    for (int b = 0; b < 3; b++) {
        MUST(bowstring_table_receiver_next(receiver, BOWSTRING_FOREVER, &batches[b], &error), error);
        CHECK(batches[b].length == ROWS && batches[b].n_children == 3);
        const int64_t *numbers = batches[b].children[0]->buffers[1];
        for (int64_t n = 0; n < ROWS; n++) CHECK(numbers[n] == n * n);
        const int32_t *offsets = batches[b].children[1]->buffers[1];
        const char *words = batches[b].children[1]->buffers[2];
        CHECK(offsets[11] - offsets[10] == 3 && memcmp(words + offsets[10], "w10", 3) == 0);
        CHECK(batches[b].children[2]->null_count == 1);
    }
    struct ArrowArray end;
    CHECK(bowstring_table_receiver_next(receiver, BOWSTRING_FOREVER, &end, &error) == BOWSTRING_CLOSED);
    bowstring_table_receiver_stats stats;
    MUST(bowstring_table_receiver_get_stats(receiver, &stats, sizeof stats, &error), error);
    CHECK(stats.batches == 3 && stats.rows == 3 * ROWS && stats.delivery == delivery);
    // By address: where nothing is copied out of the sender's memory, every buffer lies in it.
    CHECK(delivery == BOWSTRING_COPIED ? stats.buffers_shared == 0 : stats.buffers_copied == 0 && stats.buffers_shared > 0);
    MUST(bowstring_table_receiver_close(&receiver, &error), error);
    for (int b = 0; b < 3; b++) {
        pthread_t thread;
        CHECK(((const int64_t *)batches[b].children[0]->buffers[1])[3] == 9);
        CHECK(pthread_create(&thread, NULL, release, &batches[b]) == 0);
        CHECK(pthread_join(thread, NULL) == 0);
    }
    return 0;
}

static void send_and_receive(uint32_t delivery) {
    int fds[2];
    MUST(bowstring_socket_pair(fds, &error), error);
    pid_t child = fork();
    CHECK(child >= 0);
    if (child == 0) {
        close(fds[0]);
        exit(receive(fds[1], delivery));
    }
    close(fds[1]);
    struct ArrowSchema n = {.format = "l", .name = "n", .release = release_schema};
    struct ArrowSchema word = {.format = "u", .name = "word", .release = release_schema};
    struct ArrowSchema ok = {.format = "b", .name = "ok", .flags = ARROW_FLAG_NULLABLE, .release = release_schema};
    struct ArrowSchema *children[] = {&n, &word, &ok};
    struct ArrowSchema schema = {
        .format = "+s", .name = "", .n_children = 3, .children = children, .release = release_schema};
    bowstring_table_sender *sender = NULL;
    released = 0;
    MUST(bowstring_table_sender_open(&schema, NULL, &sender, &error), error);
    CHECK(released == 1 && schema.release == NULL);
    MUST(bowstring_table_sender_meet(sender, fds[0], &error), error);
    in_use = sender;
    size_t capacities[] = {16 * ROWS};
    int calls = 0;
    CHECK(bowstring_table_sender_build(sender, ROWS, NULL, 0, build, &calls, &error) == BOWSTRING_ARGUMENT);
    // The second gives up, and nothing is sent for it.
    for (int b = 0; b < 4; b++) {
        int32_t code = bowstring_table_sender_build(sender, ROWS, capacities, 1, build, &calls, &error);
        CHECK(code == (b == 1 ? BOWSTRING_INTERRUPTED : BOWSTRING_OK));
    }
    bowstring_table_sender_stats stats;
    MUST(bowstring_table_sender_get_stats(sender, &stats, sizeof stats, &error), error);
    CHECK(stats.batches == 3 && stats.rows == 3 * ROWS);
    MUST(bowstring_table_sender_close(&sender, &error), error);
    await_child(child);
}

int main(void) {
    send_and_receive(BOWSTRING_POOLED);
    send_and_receive(BOWSTRING_COPIED);
    send_and_receive(BOWSTRING_SEALED);
    puts("table: built in place, received in place, released on other threads, every delivery");
    return 0;
}
