// A receiver that takes nothing: what was sent is finished later, once and in order; what has no room is waited for, by
// deadline and in poll; a copy stands in for the next until it is released.
#define _GNU_SOURCE
#include <bowstring.h>
#include <poll.h>
#include <signal.h>

#include "test.h"

static bowstring_error error;

static bowstring_sender *open_sender(uint32_t slots) {
    bowstring_sender_options options = {.size = sizeof options, .slots = slots, .slot_size = 4096};
    bowstring_sender *sender = NULL;
    MUST(bowstring_sender_open(&options, &sender, &error), error);
    return sender;
}

static bowstring_receiver *meet(int fd, uint32_t deliveries) {
    bowstring_handshake_options options = {.size = sizeof options, .deliveries = deliveries};
    bowstring_receiver *receiver = NULL;
    MUST(bowstring_receiver_meet(fd, &options, &receiver, &error), error);
    return receiver;
}

static int32_t send_number(bowstring_sender *sender, uint64_t number, int64_t timeout) {
    return bowstring_send(sender, (const uint8_t *)&number, sizeof number, timeout, &error);
}

// Receives numbers from 0 on to the end; answers how many.
static uint64_t receive_all(bowstring_receiver *receiver) {
    bowstring_message message = {0};
    for (uint64_t next = 0;; next++) {
        int32_t code = bowstring_receive(receiver, BOWSTRING_FOREVER, &message, &error);
        if (code == BOWSTRING_CLOSED) return next;
        MUST(code, error);
        CHECK(message.len == sizeof next && memcmp(message.data, &next, sizeof next) == 0);
        MUST(bowstring_message_release(&message, &error), error);
    }
}

// Files that do not fit into the receiver's socket: the last is sent and not yet handed over.
static void unfinished(void) {
    enum { MORE = 10 };
    int fds[2], go[2];
    CHECK(pipe(go) == 0);
    MUST(bowstring_socket_pair(fds, &error), error);
    pid_t child = fork();
    CHECK(child >= 0);
    if (child == 0) {
        close(fds[0]);
        close(go[1]);
        bowstring_receiver *receiver = meet(fds[1], BOWSTRING_SEALED);
        uint64_t sent;
        CHECK(read(go[0], &sent, sizeof sent) == sizeof sent);
        CHECK(receive_all(receiver) == sent);
        MUST(bowstring_receiver_close(&receiver, &error), error);
        exit(0);
    }
    close(fds[1]);
    bowstring_sender *sender = open_sender(4);
    MUST(bowstring_sender_meet(sender, fds[0], NULL, NULL, &error), error);
    uint64_t sent = 0;
    int32_t code;
    while ((code = send_number(sender, sent, 5 * 1000 * 1000)) == BOWSTRING_OK) sent++;
    CHECK(code == BOWSTRING_UNFINISHED);
    // It is sent: it counts, and it must not be sent again.
    sent++;
    CHECK(bowstring_finish(sender, BOWSTRING_NOW, &error) == BOWSTRING_UNFINISHED);
    CHECK(bowstring_finish(sender, 1000 * 1000, &error) == BOWSTRING_UNFINISHED && error.message[0]);
    bowstring_sender_stats stats;
    MUST(bowstring_sender_get_stats(sender, &stats, sizeof stats, &error), error);
    CHECK(stats.messages == sent);
    uint64_t all = sent + MORE;
    CHECK(write(go[1], &all, sizeof all) == sizeof all);
    MUST(bowstring_finish(sender, BOWSTRING_FOREVER, &error), error);
    MUST(bowstring_finish(sender, BOWSTRING_NOW, &error), error);
    for (int more = 0; more < MORE; more++) MUST(send_number(sender, sent++, BOWSTRING_FOREVER), error);
    MUST(bowstring_sender_close(&sender, &error), error);
    await_child(child);
}

// A pool that is full.
static void full(void) {
    int fds[2], go[2];
    CHECK(pipe(go) == 0);
    MUST(bowstring_socket_pair(fds, &error), error);
    pid_t child = fork();
    CHECK(child >= 0);
    if (child == 0) {
        close(fds[0]);
        close(go[1]);
        bowstring_receiver *receiver = meet(fds[1], BOWSTRING_COPIED);
        char byte;
        CHECK(read(go[0], &byte, 1) == 1);
        CHECK(receive_all(receiver) == 5);
        MUST(bowstring_receiver_close(&receiver, &error), error);
        exit(0);
    }
    close(fds[1]);
    bowstring_sender *sender = open_sender(4);
    MUST(bowstring_sender_meet(sender, fds[0], NULL, NULL, &error), error);
    for (uint64_t n = 0; n < 4; n++) MUST(send_number(sender, n, BOWSTRING_NOW), error);
    uint8_t *data = NULL;
    error.code = 0;
    CHECK(bowstring_loan(sender, 8, BOWSTRING_NOW, &data, &error) == BOWSTRING_AGAIN && error.code == 0 && !data);
    CHECK(bowstring_loan(sender, 8, 1000 * 1000, &data, &error) == BOWSTRING_TIMED_OUT && !data);
    int32_t may_sleep = 0;
    MUST(bowstring_sender_arm(sender, 8, &may_sleep, &error), error);
    CHECK(may_sleep == 1);
    int sockets[4];
    size_t count = 0;
    MUST(bowstring_sender_fds(sender, sockets, 4, &count, &error), error);
    CHECK(count == 1);
    CHECK(write(go[1], "g", 1) == 1);
    struct pollfd one = {.fd = sockets[0], .events = POLLIN};
    CHECK(poll(&one, 1, -1) == 1);
    MUST(bowstring_sender_disarm(sender, &error), error);
    MUST(send_number(sender, 4, BOWSTRING_FOREVER), error);
    MUST(bowstring_sender_close(&sender, &error), error);
    await_child(child);
}

// The receiver's own copy holds one message at a time.
static void one_copy(void) {
    int fds[2];
    MUST(bowstring_socket_pair(fds, &error), error);
    pid_t child = fork();
    CHECK(child >= 0);
    if (child == 0) {
        close(fds[1]);
        bowstring_sender *sender = open_sender(4);
        MUST(bowstring_sender_meet(sender, fds[0], NULL, NULL, &error), error);
        MUST(send_number(sender, 0, BOWSTRING_FOREVER), error);
        MUST(send_number(sender, 1, BOWSTRING_FOREVER), error);
        MUST(bowstring_sender_close(&sender, &error), error);
        exit(0);
    }
    close(fds[0]);
    bowstring_receiver *receiver = meet(fds[1], BOWSTRING_COPIED);
    bowstring_message first = {0}, second = {0};
    MUST(bowstring_receive(receiver, BOWSTRING_FOREVER, &first, &error), error);
    CHECK(bowstring_receive(receiver, BOWSTRING_FOREVER, &second, &error) == BOWSTRING_STATE);
    CHECK(bowstring_message_detach(&first, &error) == BOWSTRING_UNSUPPORTED);
    CHECK(bowstring_receiver_close(&receiver, &error) == BOWSTRING_STATE);
    MUST(bowstring_message_release(&first, &error), error);
    MUST(bowstring_receive(receiver, BOWSTRING_FOREVER, &second, &error), error);
    CHECK(second.data[0] == 1);
    MUST(bowstring_message_release(&second, &error), error);
    MUST(bowstring_receiver_close(&receiver, &error), error);
    await_child(child);
}

int main(void) {
    unfinished();
    full();
    one_copy();
    puts("stalled: finished later, waited for, one copy at a time");
    return 0;
}
