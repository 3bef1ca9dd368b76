// Misuse gives an error where it can be known, and nothing else happens.
#define _GNU_SOURCE
#include <bowstring.h>
#include <pthread.h>

#include "test.h"

static bowstring_error error;

static void *greets(void *fd) {
    static bowstring_receiver *receiver;
    bowstring_handshake_options options = {.size = sizeof options, .deliveries = BOWSTRING_POOLED};
    MUST(bowstring_receiver_meet((int)(intptr_t)fd, &options, &receiver, &error), error);
    return receiver;
}

static void *waits(void *receiver) {
    static bowstring_message message;
    CHECK(bowstring_receive(receiver, BOWSTRING_FOREVER, &message, NULL) == BOWSTRING_OK);
    return &message;
}

int main(void) {
    // Null, unknown and impossible arguments.
    bowstring_sender *sender = NULL;
    bowstring_receiver *receiver = NULL;
    bowstring_message message = {0};
    uint8_t *data = NULL;
    int fds[2];
    CHECK(bowstring_sender_open(NULL, NULL, &error) == BOWSTRING_ARGUMENT && error.fault == BOWSTRING_FAULT_OURS);
    CHECK(bowstring_sender_open(NULL, NULL, NULL) == BOWSTRING_ARGUMENT);
    CHECK(bowstring_loan(NULL, 1, BOWSTRING_NOW, &data, &error) == BOWSTRING_ARGUMENT);
    CHECK(bowstring_receive(NULL, BOWSTRING_NOW, &message, &error) == BOWSTRING_ARGUMENT);
    CHECK(bowstring_receiver_connect(NULL, NULL, &receiver, &error) == BOWSTRING_ARGUMENT);
    CHECK(bowstring_receiver_connect("", NULL, &receiver, &error) == BOWSTRING_ADDRESS);
    CHECK(bowstring_receiver_connect("two words", NULL, &receiver, &error) == BOWSTRING_ADDRESS);
    CHECK(bowstring_receiver_connect("/nowhere/at/all.sock", NULL, &receiver, &error) == BOWSTRING_NOT_FOUND);
    CHECK(bowstring_receiver_meet(-1, NULL, &receiver, &error) == BOWSTRING_ARGUMENT);
    CHECK(bowstring_receiver_meet(dup(0), NULL, &receiver, &error) == BOWSTRING_ADDRESS || error.code == BOWSTRING_OS);
    bowstring_sender_options options = {0};
    CHECK(bowstring_sender_open(&options, &sender, &error) == BOWSTRING_ARGUMENT);
    options.size = sizeof options;
    options.slot_size = 100;
    CHECK(bowstring_sender_open(&options, &sender, &error) == BOWSTRING_ARGUMENT);
    options.slot_size = 4096;
    options.on_slow = 9;
    CHECK(bowstring_sender_open(&options, &sender, &error) == BOWSTRING_ARGUMENT);
    options.on_slow = BOWSTRING_SKIP;
    CHECK(bowstring_sender_open(&options, &sender, &error) == BOWSTRING_ARGUMENT);
    options.on_slow = BOWSTRING_BLOCK;
    CHECK(sender == NULL);
    // A newer program's options: unknown ones that are zero are fine, others are refused.
    struct {
        bowstring_sender_options known;
        uint64_t unknown;
    } newer = {options, 0};
    newer.known.size = sizeof newer;
    MUST(bowstring_sender_open(&newer.known, &sender, &error), error);
    MUST(bowstring_sender_close(&sender, &error), error);
    newer.unknown = 1;
    CHECK(bowstring_sender_open(&newer.known, &sender, &error) == BOWSTRING_UNSUPPORTED);

    // Out of order.
    MUST(bowstring_sender_open(&options, &sender, &error), error);
    CHECK(bowstring_loan(sender, 1, BOWSTRING_NOW, &data, &error) == BOWSTRING_NO_RECEIVER);
    MUST(bowstring_socket_pair(fds, &error), error);
    pthread_t thread;
    void *met;
    CHECK(pthread_create(&thread, NULL, greets, (void *)(intptr_t)fds[1]) == 0);
    uint64_t number;
    MUST(bowstring_sender_meet(sender, fds[0], NULL, &number, &error), error);
    CHECK(pthread_join(thread, &met) == 0);
    receiver = met;
    CHECK(bowstring_commit(sender, 1, NULL, NULL, &error) == BOWSTRING_STATE);
    CHECK(bowstring_discard(sender, &error) == BOWSTRING_STATE);
    CHECK(bowstring_loan(sender, SIZE_MAX, BOWSTRING_NOW, &data, &error) == BOWSTRING_TOO_LONG);
    MUST(bowstring_loan(sender, 8, BOWSTRING_NOW, &data, &error), error);
    CHECK(bowstring_loan(sender, 8, BOWSTRING_NOW, &data, &error) == BOWSTRING_STATE);
    CHECK(bowstring_commit(sender, 9, NULL, NULL, &error) == BOWSTRING_TOO_LONG);
    uint8_t *again;
    size_t len;
    MUST(bowstring_loaned(sender, &again, &len, &error), error);
    CHECK(again == data && len == 8);
    memcpy(data, "12345678", 8);
    MUST(bowstring_commit(sender, 8, NULL, NULL, &error), error);
    CHECK(bowstring_commit(sender, 8, NULL, NULL, &error) == BOWSTRING_STATE);

    // Released twice, received over, closed before its messages.
    CHECK(bowstring_message_release(&message, &error) == BOWSTRING_STATE);
    MUST(bowstring_receive(receiver, BOWSTRING_FOREVER, &message, &error), error);
    CHECK(bowstring_receive(receiver, BOWSTRING_NOW, &message, &error) == BOWSTRING_STATE);
    CHECK(bowstring_receiver_close(&receiver, &error) == BOWSTRING_STATE && receiver != NULL);
    CHECK(memcmp(message.data, "12345678", 8) == 0);
    int fd;
    CHECK(bowstring_message_fd(&message, &fd, &error) == BOWSTRING_UNSUPPORTED);
    MUST(bowstring_message_release(&message, &error), error);
    CHECK(bowstring_message_release(&message, &error) == BOWSTRING_STATE);

    // Used by another thread while one is in it.
    CHECK(pthread_create(&thread, NULL, waits, receiver) == 0);
    bowstring_receiver_stats stats;
    int32_t code;
    while ((code = bowstring_receiver_get_stats(receiver, &stats, sizeof stats, &error)) == BOWSTRING_OK) usleep(100);
    CHECK(code == BOWSTRING_BUSY && error.code == BOWSTRING_BUSY);
    CHECK(bowstring_receiver_close(&receiver, &error) == BOWSTRING_BUSY && receiver != NULL);
    MUST(bowstring_send(sender, (const uint8_t *)"x", 1, BOWSTRING_FOREVER, &error), error);
    CHECK(pthread_join(thread, &met) == 0);
    MUST(bowstring_message_release(met, &error), error);
    CHECK(bowstring_message_release(met, &error) == BOWSTRING_STATE);

    // Used after it was closed: the pointer is NULL then, and closing that does nothing.
    MUST(bowstring_receiver_close(&receiver, &error), error);
    CHECK(receiver == NULL && bowstring_receive(receiver, BOWSTRING_NOW, &message, &error) == BOWSTRING_ARGUMENT);
    MUST(bowstring_receiver_close(&receiver, &error), error);
    MUST(bowstring_sender_close(&sender, &error), error);

    // Arrow structs that were never filled.
    struct ArrowSchema schema = {0};
    bowstring_table_sender *table = NULL;
    CHECK(bowstring_table_sender_open(NULL, NULL, &table, &error) == BOWSTRING_ARGUMENT);
    CHECK(bowstring_table_sender_open(&schema, NULL, &table, &error) == BOWSTRING_SCHEMA && table == NULL);
    puts("misuse: null, unknown, out of order, twice, after the end");
    return 0;
}
