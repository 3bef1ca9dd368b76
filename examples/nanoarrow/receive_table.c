// Receives a table and looks at it through nanoarrow, where it lies: receive_table NAME
#include <bowstring.h>
#include <inttypes.h>
#include <nanoarrow/nanoarrow.h>
#include <stdio.h>
#include <stdlib.h>

static bowstring_error error;
static struct ArrowError words;

// Ends the program with the reason.
static void fail(const char *why) {
    fprintf(stderr, "receive_table: %s\n", why);
    exit(1);
}

int main(int argc, char **argv) {
    if (argc != 2) {
        fprintf(stderr, "usage: receive_table NAME\n");
        return 2;
    }
    bowstring_table_receiver *receiver = NULL;
    struct ArrowSchema schema;
    if (bowstring_table_receiver_connect(argv[1], NULL, &receiver, &error) ||
        bowstring_table_receiver_schema(receiver, &schema, &error)) {
        fail(error.message);
    }
    struct ArrowArrayView view;
    if (ArrowArrayViewInitFromSchema(&view, &schema, &words)) fail(ArrowErrorMessage(&words));
    if (view.n_children < 2 || view.children[0]->storage_type != NANOARROW_TYPE_INT64 ||
        view.children[1]->storage_type != NANOARROW_TYPE_STRING) {
        fail("the columns are not an int64 and a text");
    }
    int64_t rows = 0, sum = 0, nulls = 0, letters = 0;
    int32_t code;
    struct ArrowArray batch;
    while ((code = bowstring_table_receiver_next(receiver, BOWSTRING_FOREVER, &batch, &error)) == BOWSTRING_OK) {
        // Checks the array against the schema; copies nothing.
        if (ArrowArrayViewSetArray(&view, &batch, &words)) fail(ArrowErrorMessage(&words));
        for (int64_t row = 0; row < view.length; row++) {
            sum += ArrowArrayViewGetIntUnsafe(view.children[0], row);
            if (ArrowArrayViewIsNull(view.children[1], row)) {
                nulls++;
            } else {
                letters += ArrowArrayViewGetStringUnsafe(view.children[1], row).size_bytes;
            }
        }
        rows += view.length;
        // Gives the memory back to the sender.
        ArrowArrayRelease(&batch);
    }
    if (code != BOWSTRING_CLOSED) fail(error.message);
    printf("%" PRId64 " rows, sum %" PRId64 ", %" PRId64 " nulls, %" PRId64 " letters\n", rows, sum, nulls, letters);
    ArrowArrayViewReset(&view);
    ArrowSchemaRelease(&schema);
    bowstring_table_receiver_close(&receiver, NULL);
    return 0;
}
