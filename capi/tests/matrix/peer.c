// The C peer of the matrix: sends an Arrow stream from a file, or receives one into a file. Files are files.cc's affair.
//
//     peer send FILE ADDRESS        peer receive ADDRESS FILE pooled|copied|sealed
#define _GNU_SOURCE
#include <bowstring.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "files.h"

static bowstring_error error;

static void must(int32_t code) {
    if (code != BOWSTRING_OK) {
        fprintf(stderr, "peer: %s: %s\n", bowstring_code_name(code), error.message);
        exit(1);
    }
}

static void send(const char *file, const char *address) {
    struct ArrowArrayStream stream;
    struct ArrowSchema schema;
    open_stream(file, &stream);
    if (stream.get_schema(&stream, &schema)) exit(1);
    bowstring_table_sender *sender = NULL;
    must(bowstring_table_sender_open(&schema, NULL, &sender, &error));
    must(bowstring_table_sender_listen(sender, address, &error));
    must(bowstring_table_sender_wait(sender, 1, BOWSTRING_FOREVER, &error));
    must(bowstring_table_sender_send_stream(sender, &stream, NULL, &error));
    must(bowstring_table_sender_close(&sender, &error));
}

// Whether memory that is shared with the sender is mapped at an address.
static int is_shared(const void *at) {
    FILE *maps = fopen("/proc/self/maps", "r");
    char line[512];
    int found = 0;
    if (!maps) exit(1);
    while (!found && fgets(line, sizeof line, maps)) {
        uintptr_t first, end;
        found = strstr(line, "/memfd:") && sscanf(line, "%" SCNxPTR "-%" SCNxPTR, &first, &end) == 2 &&
                (uintptr_t)at >= first && (uintptr_t)at < end;
    }
    fclose(maps);
    return found;
}

// Counts the buffers of an array and of those below it, without dictionaries, which outlive their messages. The lengths
// of buffers are not told, so those of arrays without rows, which may be empty and anywhere, are left out; so is the list
// of lengths that the interface adds to views, and the bytes of texts that are all empty.
static void count(const struct ArrowArray *array, const struct ArrowSchema *schema, int *buffers, int *shared) {
    int64_t end = array->n_buffers - (schema->format[0] == 'v'), rows = array->offset + array->length;
    int narrow = strchr("uz", schema->format[0]) != NULL, wide = strchr("UZ", schema->format[0]) != NULL;
    if (narrow && ((const int32_t *)array->buffers[1])[rows] == 0) end = 2;
    if (wide && ((const int64_t *)array->buffers[1])[rows] == 0) end = 2;
    for (int64_t i = 0; array->length > 0 && i < end; i++) {
        if (!array->buffers[i]) continue;
        *buffers += 1;
        *shared += is_shared(array->buffers[i]);
    }
    for (int64_t i = 0; i < array->n_children; i++) count(array->children[i], schema->children[i], buffers, shared);
}

static void receive(const char *address, const char *file, uint32_t delivery) {
    bowstring_handshake_options options = {.size = sizeof options, .deliveries = delivery};
    bowstring_table_receiver *receiver = NULL;
    must(bowstring_table_receiver_connect(address, &options, &receiver, &error));
    struct ArrowSchema schema;
    must(bowstring_table_receiver_schema(receiver, &schema, &error));
    struct ArrowSchema given;
    must(bowstring_table_receiver_schema(receiver, &given, &error));
    void *writer = open_writer(file, &given);
    struct ArrowArray batch;
    int32_t code;
    int buffers = 0, shared = 0;
    while ((code = bowstring_table_receiver_next(receiver, BOWSTRING_FOREVER, &batch, &error)) == BOWSTRING_OK) {
        count(&batch, &schema, &buffers, &shared);
        write_batch(writer, &batch);
    }
    if (code != BOWSTRING_CLOSED) must(code);
    close_writer(writer);
    schema.release(&schema);
    bowstring_table_receiver_stats stats;
    must(bowstring_table_receiver_get_stats(receiver, &stats, sizeof stats, &error));
    if (stats.delivery != delivery) exit(1);
    must(bowstring_table_receiver_close(&receiver, &error));
    fprintf(stderr, "%d of %d buffers in shared memory\n", shared, buffers);
}

int main(int argc, char **argv) {
    if (argc == 4 && strcmp(argv[1], "send") == 0) {
        send(argv[2], argv[3]);
        return 0;
    }
    if (argc == 5 && strcmp(argv[1], "receive") == 0) {
        uint32_t delivery = strcmp(argv[4], "pooled") == 0   ? BOWSTRING_POOLED
                            : strcmp(argv[4], "copied") == 0 ? BOWSTRING_COPIED
                                                             : BOWSTRING_SEALED;
        receive(argv[2], argv[3], delivery);
        return 0;
    }
    return 2;
}
