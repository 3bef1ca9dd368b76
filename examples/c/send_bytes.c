// Sends ten messages to whoever receives at NAME: send_bytes NAME
#include <bowstring.h>
#include <stdio.h>
#include <stdlib.h>

static bowstring_error error;

// Ends the program with the reason if a call failed.
static void must(int32_t code) {
    if (code != BOWSTRING_OK) {
        fprintf(stderr, "send_bytes: %s\n", error.message);
        exit(1);
    }
}

int main(int argc, char **argv) {
    if (argc != 2) {
        fprintf(stderr, "usage: send_bytes NAME\n");
        return 2;
    }
    bowstring_listener *listener = NULL;
    bowstring_sender *sender = NULL;
    must(bowstring_listener_open(argv[1], &listener, &error));
    must(bowstring_sender_open(NULL, &sender, &error));
    must(bowstring_sender_accept(sender, listener, NULL, BOWSTRING_FOREVER, NULL, &error));
    for (int n = 0; n < 10; n++) {
        // The message is written where the receiver will read it.
        enum { ROOM = 64 };
        uint8_t *data;
        must(bowstring_loan(sender, ROOM, BOWSTRING_FOREVER, &data, &error));
        int len = snprintf((char *)data, ROOM, "message %d", n);
        must(bowstring_commit(sender, (size_t)len, NULL, NULL, &error));
    }
    // Receivers get what was sent, and then the end.
    must(bowstring_sender_close(&sender, &error));
    must(bowstring_listener_close(&listener, &error));
    return 0;
}
