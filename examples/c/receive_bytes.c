// Prints the messages that are sent at NAME: receive_bytes NAME
#include <bowstring.h>
#include <stdio.h>

int main(int argc, char **argv) {
    if (argc != 2) {
        fprintf(stderr, "usage: receive_bytes NAME\n");
        return 2;
    }
    bowstring_error error;
    bowstring_receiver *receiver = NULL;
    // Without options messages come copied or sealed, which is safe with any sender. A receiver that knows its sender to be
    // honest asks for BOWSTRING_POOLED and reads them in place.
    if (bowstring_receiver_connect(argv[1], NULL, &receiver, &error)) {
        fprintf(stderr, "receive_bytes: %s\n", error.message);
        return 1;
    }
    int32_t code;
    bowstring_message message = {0};
    while ((code = bowstring_receive(receiver, BOWSTRING_FOREVER, &message, &error)) == BOWSTRING_OK) {
        printf("%.*s\n", (int)message.len, (const char *)message.data);
        bowstring_message_release(&message, NULL);
    }
    if (code != BOWSTRING_CLOSED) fprintf(stderr, "receive_bytes: %s\n", error.message);
    bowstring_receiver_close(&receiver, NULL);
    return code == BOWSTRING_CLOSED ? 0 : 1;
}
