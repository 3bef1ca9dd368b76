// Sends a table of ten batches to whoever receives at NAME, its columns computed where they will be read: send_table NAME
#include <bowstring.h>
#include <stdio.h>
#include <stdlib.h>

enum { ROWS = 1000 };

static bowstring_error error;

// Ends the program with the reason if a call failed.
static void must(int32_t code) {
    if (code != BOWSTRING_OK) {
        fprintf(stderr, "send_table: %s\n", error.message);
        exit(1);
    }
}

// The structs below are the program's own memory: releasing one only marks it.
static void release(struct ArrowSchema *schema) { schema->release = NULL; }

static int32_t squares(void *context, bowstring_columns *columns, size_t *rows) {
    int first = *(int *)context;
    void *at;
    size_t room;
    if (bowstring_column_values(columns, 0, sizeof(int64_t), &at, &room, &error)) return 1;
    int64_t *values = at;
    for (size_t row = 0; row < ROWS; row++) values[row] = (first + (int64_t)row) * (first + (int64_t)row);
    *rows = ROWS;
    return 0;
}

int main(int argc, char **argv) {
    if (argc != 2) {
        fprintf(stderr, "usage: send_table NAME\n");
        return 2;
    }
    struct ArrowSchema square = {.format = "l", .name = "square", .release = release};
    struct ArrowSchema *children[] = {&square};
    struct ArrowSchema schema = {.format = "+s", .name = "", .n_children = 1, .children = children, .release = release};
    bowstring_table_sender *sender = NULL;
    must(bowstring_table_sender_open(&schema, NULL, &sender, &error));
    must(bowstring_table_sender_listen(sender, argv[1], &error));
    must(bowstring_table_sender_wait(sender, 1, BOWSTRING_FOREVER, &error));
    for (int batch = 0; batch < 10; batch++) {
        int first = batch * ROWS;
        must(bowstring_table_sender_build(sender, ROWS, NULL, 0, squares, &first, &error));
    }
    must(bowstring_table_sender_close(&sender, &error));
    return 0;
}
