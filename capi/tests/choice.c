// Columns, a condition and a number of rows in C: what is chosen comes, what is not is passed over, and what cannot be
// chosen is refused with the place of the mistake.
#define _GNU_SOURCE
#include <bowstring.h>
#include <poll.h>

#include "test.h"

static bowstring_error error;

static void release_schema(struct ArrowSchema *schema) { schema->release = NULL; }

enum { ROWS = 1000, BATCHES = 3 };

// n counts on over the batches, half is its half, word is "even" or null.
static int32_t build(void *context, struct bowstring_columns *columns, size_t *rows) {
    int64_t *n = context;
    void *numbers, *halves;
    size_t room;
    MUST(bowstring_column_values(columns, 0, 8, &numbers, &room, &error), error);
    MUST(bowstring_column_values(columns, 1, 8, &halves, &room, &error), error);
    for (int row = 0; row < ROWS; row++, ++*n) {
        ((int64_t *)numbers)[row] = *n;
        ((double *)halves)[row] = 0.5 * (double)*n;
        if (*n % 2) {
            MUST(bowstring_column_push_null(columns, 2, &error), error);
        } else {
            MUST(bowstring_column_push(columns, 2, (const uint8_t *)"even", 4, &error), error);
        }
    }
    *rows = ROWS;
    return 0;
}

// Sends the table over `fd`. Unless `go` is -1, its first batch comes again and again until there is a byte from there, and
// then its last.
static void send_table(int fd, int go) {
    struct ArrowSchema n = {.format = "l", .name = "n", .release = release_schema};
    struct ArrowSchema half = {.format = "g", .name = "half", .release = release_schema};
    struct ArrowSchema word = {.format = "u", .name = "word", .flags = ARROW_FLAG_NULLABLE, .release = release_schema};
    struct ArrowSchema *children[] = {&n, &half, &word};
    struct ArrowSchema schema = {
        .format = "+s", .name = "", .n_children = 3, .children = children, .release = release_schema};
    bowstring_table_sender *sender = NULL;
    MUST(bowstring_table_sender_open(&schema, NULL, &sender, &error), error);
    MUST(bowstring_table_sender_meet(sender, fd, &error), error);
    int64_t next = 0;
    size_t capacities[] = {4 * ROWS};
    int batch = 0;
    if (go >= 0) {
        struct pollfd told = {.fd = go, .events = POLLIN};
        do {
            next = 0;
            MUST(bowstring_table_sender_build(sender, ROWS, capacities, 1, build, &next, &error), error);
        } while (poll(&told, 1, 5) == 0);
        batch = BATCHES - 1;
        next = batch * ROWS;
    }
    for (; batch < BATCHES; batch++) {
        MUST(bowstring_table_sender_build(sender, ROWS, capacities, 1, build, &next, &error), error);
    }
    MUST(bowstring_table_sender_close(&sender, &error), error);
}

// What does not fit the table, and where.
static void refused(bowstring_table_receiver *receiver) {
    static const struct {
        const char *where;
        uint32_t position;
        const char *words;
    } wrong[] = {
        {"n >", 4, "no SQL"},
        {"n = 1 n", 7, "unexpected n"},
        {"half > 1 and nn = 2", 14, "\"nn\""},
        {"n > 1\n  and 'x", 13, "Line: 2"},
        {"n > 0 or half like 'x%'", 10, "like needs text"},
        {"n + 1", 0, "true or false"},
    };
    bowstring_choice choice = {.size = sizeof choice};
    for (size_t w = 0; w < sizeof wrong / sizeof *wrong; w++) {
        choice.where = wrong[w].where;
        CHECK(bowstring_table_receiver_choose(receiver, &choice, &error) == BOWSTRING_CHOICE);
        CHECK(error.code == BOWSTRING_CHOICE && error.fault == BOWSTRING_FAULT_OURS);
        CHECK(error.position == wrong[w].position && strstr(error.message, wrong[w].words));
    }
    const char *absent[] = {"n", "colour"};
    choice = (bowstring_choice){.size = sizeof choice, .columns = absent, .columns_len = 2};
    CHECK(bowstring_table_receiver_choose(receiver, &choice, &error) == BOWSTRING_CHOICE && error.position == 0);
    CHECK(strstr(error.message, "\"colour\"") && strstr(error.message, "word"));
    // The next error of another kind has no place.
    const char *holes[] = {"n", NULL};
    choice.columns = holes;
    error.position = 99;
    CHECK(bowstring_table_receiver_choose(receiver, &choice, &error) == BOWSTRING_ARGUMENT && error.position == 0);
    choice = (bowstring_choice){.size = sizeof choice, .where = "n > \xff"};
    CHECK(bowstring_table_receiver_choose(receiver, &choice, &error) == BOWSTRING_ARGUMENT);
    choice = (bowstring_choice){.size = sizeof choice, .columns_len = 1};
    CHECK(bowstring_table_receiver_choose(receiver, &choice, &error) == BOWSTRING_ARGUMENT);
    choice = (bowstring_choice){.limit = 1};
    CHECK(bowstring_table_receiver_choose(receiver, &choice, &error) == BOWSTRING_ARGUMENT);
    choice.size = sizeof choice;
    CHECK(bowstring_table_receiver_choose(NULL, &choice, &error) == BOWSTRING_ARGUMENT);
}

static void receive_some(bowstring_table_receiver *receiver, uint32_t delivery) {
    const char *names[] = {"half", "n"};
    bowstring_choice choice = {.size = sizeof choice,
                               .columns = names,
                               .columns_len = 2,
                               .where = "word = 'even' and n not between 900 and 2099",
                               .limit = 600};
    MUST(bowstring_table_receiver_choose(receiver, &choice, &error), error);
    struct ArrowSchema schema;
    MUST(bowstring_table_receiver_schema(receiver, &schema, &error), error);
    CHECK(schema.n_children == 2 && strcmp(schema.children[0]->name, "half") == 0);
    CHECK(strcmp(schema.children[1]->format, "l") == 0);
    schema.release(&schema);
    int64_t expected = 0, rows = 0;
    for (int batches = 0;; batches++) {
        struct ArrowArray batch;
        int32_t code = bowstring_table_receiver_next(receiver, BOWSTRING_FOREVER, &batch, &error);
        if (code == BOWSTRING_CLOSED) {
            // 450 rows of the first batch, none of the second, 150 of the third.
            CHECK(batches == 2 && rows == 600);
            break;
        }
        CHECK(code == BOWSTRING_OK && batch.n_children == 2 && batch.length == (batches == 0 ? 450 : 150));
        const struct ArrowArray *halves = batch.children[0], *numbers = batch.children[1];
        for (int64_t row = 0; row < batch.length; row++, expected += 2, rows++) {
            if (expected == 900) expected = 2100;
            CHECK(((const int64_t *)numbers->buffers[1])[numbers->offset + row] == expected);
            CHECK(((const double *)halves->buffers[1])[halves->offset + row] == 0.5 * (double)expected);
        }
        batch.release(&batch);
    }
    bowstring_table_receiver_stats stats;
    MUST(bowstring_table_receiver_get_stats(receiver, &stats, sizeof stats, &error), error);
    CHECK(stats.rows == BATCHES * ROWS && stats.delivery == delivery);
    MUST(bowstring_table_receiver_close(&receiver, &error), error);
}

// Some columns lie where the sender wrote them; a limit ends within a batch, and the rest need not be waited for.
static void receive_as_stream(bowstring_table_receiver *receiver, uint32_t delivery) {
    const char *names[] = {"word"};
    bowstring_choice choice = {.size = sizeof choice, .columns = names, .columns_len = 1, .limit = 1500};
    MUST(bowstring_table_receiver_choose(receiver, &choice, &error), error);
    (void)delivery;
    struct ArrowArrayStream stream;
    MUST(bowstring_table_receiver_into_stream(&receiver, &stream, &error), error);
    struct ArrowSchema schema;
    CHECK(stream.get_schema(&stream, &schema) == 0 && schema.n_children == 1);
    schema.release(&schema);
    int64_t lengths[] = {1000, 500, 0};
    for (int b = 0; b < 3; b++) {
        struct ArrowArray batch;
        CHECK(stream.get_next(&stream, &batch) == 0);
        CHECK((batch.release == NULL) == (lengths[b] == 0));
        if (!batch.release) break;
        CHECK(batch.length == lengths[b] && batch.children[0]->length == lengths[b]);
        CHECK(memcmp((const char *)batch.children[0]->buffers[2], "eveneven", 8) == 0);
        batch.release(&batch);
    }
    stream.release(&stream);
}

// A batch without wanted rows is no batch, whatever the wait; what is then chosen anew applies from there on.
static void pass_over(bowstring_table_receiver *receiver, int go) {
    bowstring_choice choice = {.size = sizeof choice, .where = "n = 2999"};
    MUST(bowstring_table_receiver_choose(receiver, &choice, &error), error);
    struct ArrowArray batch;
    // Batches come all the while: each must not make the wait longer.
    CHECK(bowstring_table_receiver_next(receiver, 100 * 1000 * 1000, &batch, &error) == BOWSTRING_TIMED_OUT);
    CHECK(bowstring_table_receiver_next(receiver, BOWSTRING_NOW, &batch, &error) == BOWSTRING_AGAIN);
    CHECK(write(go, "g", 1) == 1);
    MUST(bowstring_table_receiver_next(receiver, BOWSTRING_FOREVER, &batch, &error), error);
    CHECK(batch.length == 1 && ((const int64_t *)batch.children[0]->buffers[1])[batch.children[0]->offset] == 2999);
    batch.release(&batch);
    MUST(bowstring_table_receiver_choose(receiver, NULL, &error), error);
    CHECK(bowstring_table_receiver_next(receiver, BOWSTRING_FOREVER, &batch, &error) == BOWSTRING_CLOSED);
    MUST(bowstring_table_receiver_close(&receiver, &error), error);
}

enum which { SOME, STREAM, PASS };

static void run(enum which which, uint32_t delivery) {
    int fds[2], go[2];
    MUST(bowstring_socket_pair(fds, &error), error);
    CHECK(pipe(go) == 0);
    pid_t child = fork();
    CHECK(child >= 0);
    if (child == 0) {
        close(fds[0]);
        close(go[0]);
        // Valgrind is slow to begin.
        bowstring_handshake_options options = {
            .size = sizeof options, .deliveries = delivery, .patience = UINT64_C(60) * 1000 * 1000 * 1000};
        bowstring_table_receiver *receiver = NULL;
        MUST(bowstring_table_receiver_meet(fds[1], &options, &receiver, &error), error);
        refused(receiver);
        switch (which) {
            case SOME: receive_some(receiver, delivery); break;
            case STREAM: receive_as_stream(receiver, delivery); break;
            case PASS: pass_over(receiver, go[1]); break;
        }
        exit(0);
    }
    close(fds[1]);
    close(go[1]);
    send_table(fds[0], which == PASS ? go[0] : -1);
    close(go[0]);
    await_child(child);
}

int main(void) {
    const uint32_t deliveries[] = {BOWSTRING_POOLED, BOWSTRING_COPIED, BOWSTRING_SEALED};
    for (int d = 0; d < 3; d++) {
        run(SOME, deliveries[d]);
        run(STREAM, deliveries[d]);
        run(PASS, deliveries[d]);
    }
    puts("choice: columns, conditions and limits, every delivery; mistakes with their places");
    return 0;
}
