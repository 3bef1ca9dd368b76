// The bytes layer, between two processes: every delivery, timeouts, polling, statistics, death, requests and replies.
#define _GNU_SOURCE
#include <bowstring.h>
#include <poll.h>
#include <signal.h>
#include <stdint.h>
#include <sys/syscall.h>

#include "test.h"

static bowstring_error error;

static size_t length(unsigned n) { return (n * 97) % 6000; }

static bowstring_sender *open_sender(void) {
    bowstring_sender_options options = {.size = sizeof options, .slots = 8, .slot_size = 4096};
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

// Sends 2000 messages and receives them in a child, which checks each byte, number and tag.
static void every_byte_arrives(uint32_t delivery) {
    int fds[2];
    MUST(bowstring_socket_pair(fds, &error), error);
    pid_t child = fork();
    CHECK(child >= 0);
    if (child == 0) {
        close(fds[0]);
        bowstring_receiver *receiver = meet(fds[1], delivery);
        bowstring_channel_info info;
        MUST(bowstring_receiver_get_info(receiver, &info, sizeof info, &error), error);
        CHECK(info.delivery == delivery && info.greeting_len == 2 && memcmp(info.greeting, "hi", 2) == 0);
        CHECK(info.pid == getppid());
        bowstring_message message = {0};
        for (unsigned n = 0; n < 2000; n++) {
            MUST(bowstring_receive(receiver, BOWSTRING_FOREVER, &message, &error), error);
            CHECK(message.len == length(n) && message.tag == n && message.number == n + 1);
            CHECK(message.delivery == delivery);
            for (size_t i = 0; i < message.len; i++) CHECK(message.data[i] == (uint8_t)n);
            if (delivery == BOWSTRING_POOLED && message.len > 0) {
                CHECK(message.data >= info.pool && message.data + message.len <= info.pool + info.pool_len);
            }
            MUST(bowstring_message_release(&message, &error), error);
        }
        CHECK(bowstring_receive(receiver, BOWSTRING_FOREVER, &message, &error) == BOWSTRING_CLOSED);
        CHECK(error.code == BOWSTRING_CLOSED && error.message[0] != 0);
        bowstring_receiver_stats stats;
        MUST(bowstring_receiver_get_stats(receiver, &stats, sizeof stats, &error), error);
        CHECK(stats.messages == 2000);
        MUST(bowstring_receiver_close(&receiver, &error), error);
        CHECK(receiver == NULL);
        exit(0);
    }
    close(fds[1]);
    bowstring_sender *sender = open_sender();
    bowstring_handshake_options options = {.size = sizeof options, .greeting = (const uint8_t *)"hi", .greeting_len = 2};
    uint64_t number = 0;
    MUST(bowstring_sender_meet(sender, fds[0], &options, &number, &error), error);
    for (unsigned n = 0; n < 2000; n++) {
        uint8_t *data = NULL;
        MUST(bowstring_loan(sender, length(n), BOWSTRING_FOREVER, &data, &error), error);
        memset(data, (int)(uint8_t)n, length(n));
        bowstring_label label = {.size = sizeof label, .tag = n, .to = n % 2 ? number : 0};
        bowstring_receipt receipt;
        MUST(bowstring_commit(sender, length(n), &label, &receipt, &error), error);
        CHECK(receipt.number == n + 1 && receipt.receivers == 1 && receipt.skipped == 0);
    }
    bowstring_sender_stats stats;
    MUST(bowstring_sender_get_stats(sender, &stats, sizeof stats, &error), error);
    CHECK(stats.messages == 2000 && stats.slots == 8 && stats.slot_size == 4096 && stats.receivers == 1);
    MUST(bowstring_sender_close(&sender, &error), error);
    CHECK(sender == NULL);
    await_child(child);
}

// A call that does not wait says so, one with a deadline gives up, and a sleeper wakes on its descriptor.
static void waiting(void) {
    int fds[2];
    MUST(bowstring_socket_pair(fds, &error), error);
    pid_t child = fork();
    CHECK(child >= 0);
    if (child == 0) {
        close(fds[0]);
        bowstring_receiver *receiver = meet(fds[1], BOWSTRING_POOLED);
        bowstring_message message = {0};
        CHECK(bowstring_receive(receiver, BOWSTRING_NOW, &message, &error) == BOWSTRING_AGAIN);
        CHECK(error.code == 0);
        CHECK(bowstring_receive(receiver, 5 * 1000 * 1000, &message, &error) == BOWSTRING_TIMED_OUT);
        int fd = -1, may_sleep = 0;
        MUST(bowstring_receiver_pollable(receiver, &fd, &error), error);
        MUST(bowstring_receiver_arm(receiver, &may_sleep, &error), error);
        CHECK(kill(getppid(), SIGCONT) == 0);
        if (may_sleep) {
            struct pollfd one = {.fd = fd, .events = POLLIN};
            CHECK(poll(&one, 1, -1) == 1);
        }
        MUST(bowstring_receiver_disarm(receiver, &error), error);
        MUST(bowstring_receive(receiver, BOWSTRING_FOREVER, &message, &error), error);
        CHECK(message.len == 3);
        // A detached message outlives its receiver.
        MUST(bowstring_message_detach(&message, &error), error);
        MUST(bowstring_receiver_close(&receiver, &error), error);
        CHECK(memcmp(message.data, "abc", 3) == 0);
        MUST(bowstring_message_release(&message, &error), error);
        close(fd);
        exit(0);
    }
    close(fds[1]);
    bowstring_sender *sender = open_sender();
    MUST(bowstring_sender_meet(sender, fds[0], NULL, NULL, &error), error);
    sigset_t set;
    int got;
    sigemptyset(&set);
    sigaddset(&set, SIGCONT);
    CHECK(sigwait(&set, &got) == 0);
    MUST(bowstring_send(sender, (const uint8_t *)"abc", 3, BOWSTRING_FOREVER, &error), error);
    await_child(child);
    // It has said good-bye.
    int32_t how = 0;
    uint64_t who = 0;
    int32_t code;
    while ((code = bowstring_sender_next_ended(sender, &who, &how, &error)) == BOWSTRING_AGAIN) usleep(1000);
    MUST(code, error);
    CHECK(how == BOWSTRING_CLOSED && who != 0);
    CHECK(bowstring_send(sender, (const uint8_t *)"abc", 3, BOWSTRING_NOW, &error) == BOWSTRING_NO_RECEIVER);
    MUST(bowstring_sender_close(&sender, &error), error);
}

// Either side is killed; the other is told.
static void death(void) {
    int fds[2];
    MUST(bowstring_socket_pair(fds, &error), error);
    pid_t child = fork();
    CHECK(child >= 0);
    if (child == 0) {
        close(fds[0]);
        bowstring_receiver *receiver = meet(fds[1], BOWSTRING_POOLED);
        bowstring_message message = {0};
        for (;;) bowstring_receive(receiver, BOWSTRING_FOREVER, &message, &error);
    }
    close(fds[1]);
    bowstring_sender *sender = open_sender();
    MUST(bowstring_sender_meet(sender, fds[0], NULL, NULL, &error), error);
    // It holds the first message for ever, so the eighth slot is the last that there is.
    for (int n = 0; n < 8; n++) MUST(bowstring_send(sender, (const uint8_t *)"x", 1, BOWSTRING_FOREVER, &error), error);
    CHECK(kill(child, SIGKILL) == 0);
    CHECK(bowstring_send(sender, (const uint8_t *)"x", 1, BOWSTRING_FOREVER, &error) == BOWSTRING_NO_RECEIVER);
    int32_t how = 0;
    MUST(bowstring_sender_next_ended(sender, NULL, &how, &error), error);
    CHECK(how == BOWSTRING_CRASHED);
    CHECK(waitpid(child, NULL, 0) == child);
    MUST(bowstring_sender_close(&sender, &error), error);

    MUST(bowstring_socket_pair(fds, &error), error);
    child = fork();
    CHECK(child >= 0);
    if (child == 0) {
        close(fds[1]);
        sender = open_sender();
        MUST(bowstring_sender_meet(sender, fds[0], NULL, NULL, &error), error);
        MUST(bowstring_send(sender, (const uint8_t *)"last", 4, BOWSTRING_FOREVER, &error), error);
        raise(SIGKILL);
    }
    close(fds[0]);
    bowstring_receiver *receiver = meet(fds[1], BOWSTRING_POOLED);
    bowstring_message message = {0};
    MUST(bowstring_receive(receiver, BOWSTRING_FOREVER, &message, &error), error);
    CHECK(message.len == 4);
    MUST(bowstring_message_release(&message, &error), error);
    CHECK(bowstring_receive(receiver, BOWSTRING_FOREVER, &message, &error) == BOWSTRING_CRASHED);
    CHECK(error.fault == BOWSTRING_FAULT_PEER);
    CHECK(waitpid(child, NULL, 0) == child);
    MUST(bowstring_receiver_close(&receiver, &error), error);
}

static int32_t only_the_polite(void *context, const bowstring_connect_request *request) {
    *(int *)context += 1;
    return request->greeting_len == 6 && memcmp(request->greeting, "please", 6) == 0 ? 0 : 1;
}

// Requests go one way and replies the other; who is not polite is not let in; an observer sees the statistics.
static void requests(const char *address) {
    bowstring_listener *listener = NULL;
    MUST(bowstring_listener_open(address, &listener, &error), error);
    bowstring_listener *second = NULL;
    CHECK(bowstring_listener_open(address, &second, &error) == BOWSTRING_IN_USE && second == NULL);
    pid_t child = fork();
    CHECK(child >= 0);
    if (child == 0) {
        bowstring_receiver *replies = NULL;
        bowstring_sender *sender = open_sender();
        CHECK(bowstring_sender_connect_both(sender, address, NULL, &replies, NULL, &error) == BOWSTRING_REFUSED);
        bowstring_handshake_options options = {
            .size = sizeof options, .greeting = (const uint8_t *)"please", .greeting_len = 6};
        MUST(bowstring_sender_connect_both(sender, address, &options, &replies, NULL, &error), error);
        bowstring_calls calls = {{0}};
        uint64_t asked[3], request = 0;
        for (uint8_t n = 0; n < 3; n++) {
            uint8_t *data;
            bowstring_receipt receipt;
            MUST(bowstring_loan(sender, 1, BOWSTRING_FOREVER, &data, &error), error);
            *data = n;
            MUST(bowstring_commit(sender, 1, NULL, &receipt, &error), error);
            MUST(bowstring_calls_sent(&calls, asked[n] = receipt.number, &error), error);
        }
        for (uint8_t n = 0; n < 3; n++) {
            bowstring_message message = {0};
            MUST(bowstring_receive(replies, BOWSTRING_FOREVER, &message, &error), error);
            MUST(bowstring_calls_answered(&calls, message.reply_to, &request, &error), error);
            CHECK(request == asked[n] && message.len == 1 && message.data[0] == n + 100);
            MUST(bowstring_calls_answered(&calls, message.reply_to, &request, &error), error);
            CHECK(request == 0);
            MUST(bowstring_message_release(&message, &error), error);
        }
        MUST(bowstring_receiver_close(&replies, &error), error);
        MUST(bowstring_sender_close(&sender, &error), error);
        exit(0);
    }
    int asked = 0;
    bowstring_handshake_options options = {
        .size = sizeof options, .deliveries = BOWSTRING_POOLED, .decide = only_the_polite, .context = &asked};
    bowstring_sender *sender = open_sender();
    bowstring_receiver *questions = NULL;
    MUST(bowstring_sender_accept_both(sender, listener, &options, BOWSTRING_FOREVER, &questions, NULL, &error), error);
    CHECK(asked == 2);
    for (;;) {
        bowstring_message message = {0};
        int32_t code = bowstring_receive(questions, BOWSTRING_FOREVER, &message, &error);
        if (code == BOWSTRING_CLOSED) break;
        MUST(code, error);
        uint8_t *data;
        MUST(bowstring_loan(sender, 1, BOWSTRING_FOREVER, &data, &error), error);
        *data = (uint8_t)(message.data[0] + 100);
        bowstring_label label = {.size = sizeof label, .reply_to = message.number};
        MUST(bowstring_commit(sender, 1, &label, NULL, &error), error);
        MUST(bowstring_message_release(&message, &error), error);
    }
    await_child(child);
    MUST(bowstring_receiver_close(&questions, &error), error);
    MUST(bowstring_sender_close(&sender, &error), error);
    MUST(bowstring_listener_close(&listener, &error), error);
    bowstring_observer *observer = NULL;
    CHECK(bowstring_observer_open(address, NULL, &observer, &error) == BOWSTRING_NOT_FOUND);
}

// An observer sees a sender's statistics, which its receiver's are part of.
static void statistics(const char *address) {
    int ready[2];
    CHECK(pipe(ready) == 0);
    pid_t child = fork();
    CHECK(child >= 0);
    if (child == 0) {
        bowstring_listener *listener = NULL;
        MUST(bowstring_listener_open(address, &listener, &error), error);
        CHECK(write(ready[1], "r", 1) == 1);
        bowstring_sender *sender = open_sender();
        MUST(bowstring_sender_accept(sender, listener, NULL, BOWSTRING_FOREVER, NULL, &error), error);
        MUST(bowstring_send(sender, (const uint8_t *)"one", 3, BOWSTRING_FOREVER, &error), error);
        for (;;) {
            // Lets observers in until the receiver has gone.
            int32_t how;
            bowstring_sender_accept(sender, listener, NULL, 1000 * 1000, NULL, NULL);
            if (bowstring_sender_next_ended(sender, NULL, &how, &error) == BOWSTRING_OK) break;
        }
        MUST(bowstring_sender_close(&sender, &error), error);
        MUST(bowstring_listener_close(&listener, &error), error);
        exit(0);
    }
    char byte;
    CHECK(read(ready[0], &byte, 1) == 1);
    bowstring_receiver *receiver = NULL;
    MUST(bowstring_receiver_connect(address, NULL, &receiver, &error), error);
    bowstring_message message = {0};
    MUST(bowstring_receive(receiver, BOWSTRING_FOREVER, &message, &error), error);
    MUST(bowstring_message_release(&message, &error), error);
    bowstring_observer *observer = NULL;
    MUST(bowstring_observer_open(address, NULL, &observer, &error), error);
    bowstring_sender_stats stats;
    MUST(bowstring_observer_get_stats(observer, &stats, sizeof stats, &error), error);
    CHECK(stats.pid == (uint32_t)child && stats.messages == 1 && stats.bytes == 3 && stats.closed == 0);
    bowstring_subscriber_stats own;
    MUST(bowstring_observer_get_subscriber(observer, 0, &own, sizeof own, &error), error);
    CHECK(own.pid == (uint32_t)getpid() && own.messages == 1);
    CHECK(bowstring_observer_get_subscriber(observer, 1, &own, sizeof own, &error) == BOWSTRING_ARGUMENT);
    int alive = 0;
    MUST(bowstring_observer_is_alive(observer, &alive, &error), error);
    CHECK(alive == 1);
    MUST(bowstring_receiver_close(&receiver, &error), error);
    await_child(child);
    MUST(bowstring_observer_is_alive(observer, &alive, &error), error);
    // Where the kernel, or valgrind in its place, has no such descriptors, nobody can tell.
    int self = (int)syscall(SYS_pidfd_open, getpid(), 0);
    CHECK(alive == 0 || self < 0);
    close(self);
    MUST(bowstring_observer_close(&observer, &error), error);
}

int main(void) {
    sigset_t set;
    sigemptyset(&set);
    sigaddset(&set, SIGCONT);
    CHECK(sigprocmask(SIG_BLOCK, &set, NULL) == 0);
    every_byte_arrives(BOWSTRING_POOLED);
    every_byte_arrives(BOWSTRING_COPIED);
    every_byte_arrives(BOWSTRING_SEALED);
    waiting();
    death();
    char address[64];
    snprintf(address, sizeof address, "@bowstring-test-%d", (int)getpid());
    requests(address);
    snprintf(address, sizeof address, "/tmp/bowstring-test-%d.sock", (int)getpid());
    requests(address);
    statistics(address);
    puts("bytes: every delivery, waiting, death, requests, statistics");
    return 0;
}
