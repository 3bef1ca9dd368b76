// Streams of Arrow's C interface, in and out: sent whole, received as one, released once whatever happens; a sender that
// waits in vain for room is interrupted by its own timeout and goes on; a builder's partner that is killed is noticed.
#define _GNU_SOURCE
#include <bowstring.h>
#include <errno.h>
#include <poll.h>
#include <signal.h>

#include "test.h"

static bowstring_error error;

enum { ROWS = 1000 };

static int schemas_open, arrays_open, streams_open;

static void release_schema(struct ArrowSchema *schema) {
    for (int64_t i = 0; i < schema->n_children; i++) schema->children[i]->release(schema->children[i]);
    free(schema->private_data);
    schemas_open--;
    schema->release = NULL;
}

static void describe(struct ArrowSchema *out, const char *format) {
    struct own {
        struct ArrowSchema n, *children[1];
    } *own = calloc(1, sizeof *own);
    own->n = (struct ArrowSchema){.format = format, .name = "n", .release = release_schema};
    own->children[0] = &own->n;
    *out = (struct ArrowSchema){.format = "+s",
                                .name = "",
                                .n_children = 1,
                                .children = own->children,
                                .release = release_schema,
                                .private_data = own};
    schemas_open += 2;
}

static void release_array(struct ArrowArray *array) {
    for (int64_t i = 0; i < array->n_children; i++) array->children[i]->release(array->children[i]);
    free(array->private_data);
    arrays_open--;
    array->release = NULL;
}

static void fill(struct ArrowArray *out, int64_t first) {
    struct own {
        struct ArrowArray n, *children[1];
        const void *buffers[2], *none[1];
        int64_t values[ROWS];
    } *own = calloc(1, sizeof *own);
    for (int64_t row = 0; row < ROWS; row++) own->values[row] = first + row;
    own->buffers[1] = own->values;
    own->n = (struct ArrowArray){.length = ROWS, .n_buffers = 2, .buffers = own->buffers, .release = release_array};
    own->children[0] = &own->n;
    *out = (struct ArrowArray){.length = ROWS,
                               .n_buffers = 1,
                               .buffers = own->none,
                               .n_children = 1,
                               .children = own->children,
                               .release = release_array,
                               .private_data = own};
    arrays_open += 2;
}

struct source {
    int batches, fails_at;
    const char *format;
};

static int get_schema(struct ArrowArrayStream *stream, struct ArrowSchema *out) {
    struct source *source = stream->private_data;
    if (!source->format) return EPERM;
    describe(out, source->format);
    return 0;
}

static int get_next(struct ArrowArrayStream *stream, struct ArrowArray *out) {
    struct source *source = stream->private_data;
    memset(out, 0, sizeof *out);
    if (source->batches == source->fails_at) return EIO;
    if (source->batches > 0) fill(out, --source->batches * ROWS);
    return 0;
}

static const char *last_error(struct ArrowArrayStream *stream) {
    (void)stream;
    return "no more";
}

static void release_stream(struct ArrowArrayStream *stream) {
    streams_open--;
    stream->release = NULL;
}

static struct ArrowArrayStream stream_of(struct source *source) {
    streams_open++;
    return (struct ArrowArrayStream){.get_schema = get_schema,
                                     .get_next = get_next,
                                     .get_last_error = last_error,
                                     .release = release_stream,
                                     .private_data = source};
}

static bowstring_table_sender *open_sender(uint32_t slots, uint32_t deliveries) {
    struct ArrowSchema schema;
    describe(&schema, "l");
    bowstring_sender_options options = {
        .size = sizeof options, .slots = slots, .slot_size = 16 << 10, .deliveries = deliveries};
    bowstring_table_sender *sender = NULL;
    MUST(bowstring_table_sender_open(&schema, &options, &sender, &error), error);
    return sender;
}

static bowstring_table_receiver *meet(int fd, uint32_t delivery) {
    bowstring_handshake_options options = {.size = sizeof options, .deliveries = delivery};
    bowstring_table_receiver *receiver = NULL;
    MUST(bowstring_table_receiver_meet(fd, &options, &receiver, &error), error);
    return receiver;
}

// In as a stream, out as a stream.
static void whole(uint32_t delivery) {
    int fds[2];
    MUST(bowstring_socket_pair(fds, &error), error);
    pid_t child = fork();
    CHECK(child >= 0);
    if (child == 0) {
        close(fds[0]);
        bowstring_table_receiver *receiver = meet(fds[1], delivery);
        struct ArrowArrayStream stream;
        MUST(bowstring_table_receiver_into_stream(&receiver, &stream, &error), error);
        CHECK(receiver == NULL);
        struct ArrowSchema schema;
        CHECK(stream.get_schema(&stream, &schema) == 0 && strcmp(schema.children[0]->format, "l") == 0);
        schema.release(&schema);
        struct ArrowArray last = {0};
        for (int64_t first = 4 * ROWS; first >= 0; first -= ROWS) {
            if (last.release) last.release(&last);
            CHECK(stream.get_next(&stream, &last) == 0 && last.length == ROWS);
            const int64_t *values = last.children[0]->buffers[1];
            for (int64_t row = 0; row < ROWS; row++) CHECK(values[row] == first + row);
        }
        struct ArrowArray end;
        CHECK(stream.get_next(&stream, &end) == 0 && !end.release);
        stream.release(&stream);
        // The last batch outlives its stream.
        CHECK(((const int64_t *)last.children[0]->buffers[1])[1] == 1);
        last.release(&last);
        CHECK(bowstring_table_receiver_into_stream(&receiver, &stream, &error) == BOWSTRING_ARGUMENT);
        exit(0);
    }
    close(fds[1]);
    bowstring_table_sender *sender = open_sender(64, delivery);
    MUST(bowstring_table_sender_meet(sender, fds[0], &error), error);
    struct source source = {.batches = 3, .fails_at = 2, .format = "l"};
    uint64_t sent = 0;
    // Streams that are refused or fail are released all the same, and what they say is passed on.
    struct source others = {.batches = 1, .fails_at = -1, .format = "g"}, none = {.format = NULL};
    struct ArrowArrayStream stream = stream_of(&others);
    CHECK(bowstring_table_sender_send_stream(sender, &stream, &sent, &error) == BOWSTRING_SCHEMA && !stream.release);
    stream = stream_of(&none);
    CHECK(bowstring_table_sender_send_stream(sender, &stream, &sent, &error) == BOWSTRING_DATA && !stream.release);
    CHECK(strstr(error.message, "no more") && strstr(error.message, "errno 1"));
    CHECK(bowstring_table_sender_send_stream(sender, &stream, &sent, &error) == BOWSTRING_DATA);
    CHECK(bowstring_table_sender_send_stream(sender, NULL, &sent, &error) == BOWSTRING_ARGUMENT);
    stream = stream_of(&none);
    CHECK(bowstring_table_sender_send_stream(NULL, &stream, &sent, &error) != BOWSTRING_OK && !stream.release);
    CHECK(sent == 0 && streams_open == 0);
    source.batches = 5;
    source.fails_at = -1;
    stream = stream_of(&source);
    MUST(bowstring_table_sender_send_stream(sender, &stream, &sent, &error), error);
    CHECK(sent == 5 && !stream.release);
    MUST(bowstring_table_sender_close(&sender, &error), error);
    await_child(child);
    CHECK(schemas_open == 0 && arrays_open == 0 && streams_open == 0);
}

// A receiver that takes nothing: the sender gives up after its timeout, and nothing is lost or sent twice.
static void timeout_and_death(uint32_t delivery) {
    int fds[2], go[2];
    CHECK(pipe(go) == 0);
    MUST(bowstring_socket_pair(fds, &error), error);
    pid_t child = fork();
    CHECK(child >= 0);
    if (child == 0) {
        close(fds[0]);
        close(go[1]);
        bowstring_table_receiver *receiver = meet(fds[1], delivery);
        char byte;
        CHECK(read(go[0], &byte, 1) == 1);
        int64_t rows = 0, next = 0;
        struct ArrowArray batch;
        while (read(go[0], &byte, 1) == 1 || next >= 0) {
            int32_t code = bowstring_table_receiver_next(receiver, BOWSTRING_FOREVER, &batch, &error);
            if (code == BOWSTRING_CLOSED) break;
            MUST(code, error);
            // In order, each once.
            CHECK(((const int64_t *)batch.children[0]->buffers[1])[0] == next);
            next += ROWS;
            rows += batch.length;
            batch.release(&batch);
        }
        CHECK(rows == next && rows > 0);
        bowstring_table_receiver_close(&receiver, NULL);
        exit(0);
    }
    close(fds[1]);
    close(go[0]);
    bowstring_table_sender *sender = open_sender(4, delivery);
    MUST(bowstring_table_sender_meet(sender, fds[0], &error), error);
    MUST(bowstring_table_sender_set_timeout(sender, 20 * 1000 * 1000, &error), error);
    int64_t first = 0;
    int32_t code;
    do {
        struct ArrowArray batch;
        fill(&batch, first);
        code = bowstring_table_sender_send(sender, &batch, &error);
        CHECK(!batch.release);
        // Unfinished: sent, and not to be sent again.
        if (code == BOWSTRING_OK || code == BOWSTRING_UNFINISHED) first += ROWS;
    } while (code == BOWSTRING_OK);
    CHECK(code == (delivery == BOWSTRING_SEALED ? BOWSTRING_UNFINISHED : BOWSTRING_TIMED_OUT));
    if (code == BOWSTRING_UNFINISHED) {
        CHECK(bowstring_table_sender_resume(sender, &error) == BOWSTRING_UNFINISHED);
    }
    CHECK(write(go[1], "go", 2) == 2);
    close(go[1]);
    MUST(bowstring_table_sender_set_timeout(sender, BOWSTRING_FOREVER, &error), error);
    MUST(bowstring_table_sender_resume(sender, &error), error);
    for (int more = 0; more < 20; more++, first += ROWS) {
        struct ArrowArray batch;
        fill(&batch, first);
        MUST(bowstring_table_sender_send(sender, &batch, &error), error);
    }
    MUST(bowstring_table_sender_close(&sender, &error), error);
    await_child(child);
    CHECK(arrays_open == 0);
}

// Either side is killed: the other is told, and what was received stays.
static void death(uint32_t delivery) {
    int fds[2];
    MUST(bowstring_socket_pair(fds, &error), error);
    pid_t child = fork();
    CHECK(child >= 0);
    if (child == 0) {
        close(fds[1]);
        bowstring_table_sender *sender = open_sender(16, delivery);
        MUST(bowstring_table_sender_meet(sender, fds[0], &error), error);
        struct ArrowArray batch;
        fill(&batch, 7);
        MUST(bowstring_table_sender_send(sender, &batch, &error), error);
        raise(SIGKILL);
    }
    close(fds[0]);
    bowstring_table_receiver *receiver = meet(fds[1], delivery);
    struct ArrowArray batch, none;
    MUST(bowstring_table_receiver_next(receiver, BOWSTRING_FOREVER, &batch, &error), error);
    CHECK(waitpid(child, NULL, 0) == child);
    CHECK(bowstring_table_receiver_next(receiver, BOWSTRING_FOREVER, &none, &error) == BOWSTRING_CRASHED);
    CHECK(error.fault == BOWSTRING_FAULT_PEER);
    MUST(bowstring_table_receiver_close(&receiver, &error), error);
    const int64_t *values = batch.children[0]->buffers[1];
    for (int64_t row = 0; row < ROWS; row++) CHECK(values[row] == 7 + row);
    batch.release(&batch);

    MUST(bowstring_socket_pair(fds, &error), error);
    child = fork();
    CHECK(child >= 0);
    if (child == 0) {
        close(fds[0]);
        receiver = meet(fds[1], delivery);
        MUST(bowstring_table_receiver_next(receiver, BOWSTRING_FOREVER, &batch, &error), error);
        raise(SIGKILL);
    }
    close(fds[1]);
    bowstring_table_sender *sender = open_sender(16, delivery);
    MUST(bowstring_table_sender_meet(sender, fds[0], &error), error);
    int32_t code = BOWSTRING_OK;
    while (code == BOWSTRING_OK) {
        fill(&batch, 0);
        code = bowstring_table_sender_send(sender, &batch, &error);
    }
    CHECK(code == BOWSTRING_NO_RECEIVER);
    CHECK(waitpid(child, NULL, 0) == child);
    int32_t how = 0;
    MUST(bowstring_table_sender_next_ended(sender, &how, &error), error);
    CHECK(how == BOWSTRING_CRASHED);
    MUST(bowstring_table_sender_close(&sender, &error), error);
}

static int stop_soon(void *asked) { return ++*(int *)asked >= 3; }

// A wait ends when the program says so, and so does each after it.
static void interrupted(void) {
    bowstring_table_sender *sender = open_sender(16, BOWSTRING_POOLED);
    int asked = 0;
    CHECK(bowstring_table_sender_interrupt_by(sender, NULL, NULL, &error) == BOWSTRING_ARGUMENT);
    MUST(bowstring_table_sender_interrupt_by(sender, stop_soon, &asked, &error), error);
    char address[64];
    snprintf(address, sizeof address, "@bowstring-stream-%d", (int)getpid());
    MUST(bowstring_table_sender_listen(sender, address, &error), error);
    CHECK(bowstring_table_sender_wait(sender, 1, BOWSTRING_FOREVER, &error) == BOWSTRING_INTERRUPTED);
    CHECK(asked >= 3);
    CHECK(bowstring_table_sender_wait(sender, 1, BOWSTRING_FOREVER, &error) == BOWSTRING_INTERRUPTED);
    MUST(bowstring_table_sender_close(&sender, &error), error);
}

// A receiver sleeps in poll, and is woken by each batch and by the end.
static void polled(uint32_t delivery) {
    int fds[2], went[2];
    CHECK(pipe(went) == 0);
    MUST(bowstring_socket_pair(fds, &error), error);
    pid_t child = fork();
    CHECK(child >= 0);
    if (child == 0) {
        close(fds[0]);
        bowstring_table_receiver *receiver = meet(fds[1], delivery);
        int fd = -1, slept = 0;
        MUST(bowstring_table_receiver_pollable(receiver, &fd, &error), error);
        struct ArrowArray batch;
        int32_t code;
        int64_t rows = 0;
        while ((code = bowstring_table_receiver_next(receiver, BOWSTRING_NOW, &batch, &error)) != BOWSTRING_CLOSED) {
            if (code == BOWSTRING_OK) {
                rows += batch.length;
                batch.release(&batch);
                continue;
            }
            CHECK(code == BOWSTRING_AGAIN);
            int32_t may_sleep = 0;
            MUST(bowstring_table_receiver_arm(receiver, &may_sleep, &error), error);
            if (may_sleep) {
                // The other side sends, or ends, only after this.
                CHECK(write(went[1], "s", 1) == 1);
                struct pollfd one = {.fd = fd, .events = POLLIN};
                CHECK(poll(&one, 1, -1) == 1);
                slept++;
            }
            MUST(bowstring_table_receiver_disarm(receiver, &error), error);
        }
        CHECK(rows == 3 * ROWS && slept >= 4);
        close(fd);
        MUST(bowstring_table_receiver_close(&receiver, &error), error);
        exit(0);
    }
    close(fds[1]);
    close(went[1]);
    bowstring_table_sender *sender = open_sender(16, delivery);
    MUST(bowstring_table_sender_meet(sender, fds[0], &error), error);
    char byte;
    for (int n = 0; n < 3; n++) {
        CHECK(read(went[0], &byte, 1) == 1);
        struct ArrowArray batch;
        fill(&batch, 0);
        MUST(bowstring_table_sender_send(sender, &batch, &error), error);
    }
    CHECK(read(went[0], &byte, 1) == 1);
    MUST(bowstring_table_sender_close(&sender, &error), error);
    await_child(child);
}

int main(void) {
    interrupted();
    const uint32_t deliveries[] = {BOWSTRING_POOLED, BOWSTRING_COPIED, BOWSTRING_SEALED};
    for (int i = 0; i < 3; i++) {
        whole(deliveries[i]);
        polled(deliveries[i]);
        timeout_and_death(deliveries[i]);
        death(deliveries[i]);
    }
    puts("stream: whole, refused, failing; polled, interrupted; timeout and going on; death of either side, every delivery");
    return 0;
}
