// Puts a table into the store, and adds up its column where it was put: store_table NAME, while `bowstring serve` runs
#include <bowstring.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { ROWS = 1000 };

static bowstring_error error;

// Ends the program with the reason if a call failed.
static void must(int32_t code) {
    if (code != BOWSTRING_OK) {
        fprintf(stderr, "store_table: %s\n", error.message);
        exit(1);
    }
}

// ---- the program's own table, as a stream of one batch: its memory is static, so releasing only marks ----

static int64_t values[ROWS];
static int sent;

static void release_schema(struct ArrowSchema *schema) { schema->release = NULL; }
static void release_array(struct ArrowArray *array) { array->release = NULL; }
static void release_stream(struct ArrowArrayStream *stream) { stream->release = NULL; }

static int get_schema(struct ArrowArrayStream *stream, struct ArrowSchema *out) {
    static struct ArrowSchema square, *children[] = {&square};
    (void)stream;
    square = (struct ArrowSchema){.format = "l", .name = "square", .release = release_schema};
    *out = (struct ArrowSchema){
        .format = "+s", .name = "", .n_children = 1, .children = children, .release = release_schema};
    return 0;
}

static int get_next(struct ArrowArrayStream *stream, struct ArrowArray *out) {
    static const void *buffers[] = {NULL, values}, *none[] = {NULL};
    static struct ArrowArray square, *children[] = {&square};
    (void)stream;
    memset(out, 0, sizeof *out);
    if (sent++) return 0;
    square = (struct ArrowArray){.length = ROWS, .n_buffers = 2, .buffers = buffers, .release = release_array};
    *out = (struct ArrowArray){.length = ROWS,
                               .n_buffers = 1,
                               .buffers = none,
                               .n_children = 1,
                               .children = children,
                               .release = release_array};
    return 0;
}

static const char *last_error(struct ArrowArrayStream *stream) {
    (void)stream;
    return NULL;
}

int main(int argc, char **argv) {
    if (argc < 2 || argc > 3) {
        fprintf(stderr, "usage: store_table NAME [STORE]\n");
        return 2;
    }
    for (int64_t row = 0; row < ROWS; row++) values[row] = row * row;
    struct ArrowArrayStream stream = {.get_schema = get_schema,
                                      .get_next = get_next,
                                      .get_last_error = last_error,
                                      .release = release_stream};
    bowstring_store *store = NULL;
    uint64_t version;
    must(bowstring_store_connect(argc == 3 ? argv[2] : NULL, &store, &error));
    must(bowstring_store_put(store, argv[1], &stream, NULL, &version, &error));

    // From here on as any other process would. What is got stays, whatever becomes of the table.
    bowstring_table_info info;
    must(bowstring_store_get(store, argv[1], NULL, &stream, &info, sizeof info, &error));
    must(bowstring_store_remove(store, argv[1], version, &error));
    must(bowstring_store_close(&store, &error));
    int64_t sum = 0;
    struct ArrowArray batch;
    while (stream.get_next(&stream, &batch) == 0 && batch.release) {
        const struct ArrowArray *column = batch.children[0];
        const int64_t *squares = (const int64_t *)column->buffers[1] + column->offset;
        for (int64_t row = 0; row < column->length; row++) sum += squares[row];
        batch.release(&batch);
    }
    stream.release(&stream);
    printf("%" PRIu64 " rows, sum %" PRId64 "\n", info.end_row, sum);
    return 0;
}
