// Adds up the first column, of int64, of the table that is sent at NAME: receive_table NAME
#include <bowstring.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

int main(int argc, char **argv) {
    if (argc != 2) {
        fprintf(stderr, "usage: receive_table NAME\n");
        return 2;
    }
    bowstring_error error;
    bowstring_table_receiver *receiver = NULL;
    struct ArrowSchema schema;
    if (bowstring_table_receiver_connect(argv[1], NULL, &receiver, &error) ||
        bowstring_table_receiver_schema(receiver, &schema, &error)) {
        fprintf(stderr, "receive_table: %s\n", error.message);
        return 1;
    }
    int numbers = schema.n_children > 0 && strcmp(schema.children[0]->format, "l") == 0;
    schema.release(&schema);
    if (!numbers) {
        fprintf(stderr, "receive_table: the first column is not int64\n");
        return 1;
    }
    int32_t code;
    int64_t rows = 0, sum = 0;
    struct ArrowArray batch;
    while ((code = bowstring_table_receiver_next(receiver, BOWSTRING_FOREVER, &batch, &error)) == BOWSTRING_OK) {
        const struct ArrowArray *column = batch.children[0];
        const int64_t *values = (const int64_t *)column->buffers[1] + column->offset;
        for (int64_t row = 0; row < column->length; row++) sum += values[row];
        rows += batch.length;
        // Gives the memory back to the sender.
        batch.release(&batch);
    }
    if (code == BOWSTRING_CLOSED) {
        printf("%" PRId64 " rows, sum %" PRId64 "\n", rows, sum);
    } else {
        fprintf(stderr, "receive_table: %s\n", error.message);
    }
    bowstring_table_receiver_close(&receiver, NULL);
    return code == BOWSTRING_CLOSED ? 0 : 1;
}
