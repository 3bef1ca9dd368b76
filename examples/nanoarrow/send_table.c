// Sends a table that nanoarrow builds, to whoever receives at NAME: send_table NAME
#include <bowstring.h>
#include <nanoarrow/nanoarrow.h>
#include <stdio.h>
#include <stdlib.h>

enum { BATCHES = 10, ROWS = 1000 };

static bowstring_error error;
static struct ArrowError words;

// Ends the program with the reason if a call of libbowstring's failed.
static void must(int32_t code) {
    if (code != BOWSTRING_OK) {
        fprintf(stderr, "send_table: %s\n", error.message);
        exit(1);
    }
}

// Ends the program with the reason if a call of nanoarrow's failed.
static void built(ArrowErrorCode code) {
    if (code != NANOARROW_OK) {
        fprintf(stderr, "send_table: %s\n", ArrowErrorMessage(&words));
        exit(1);
    }
}

// Two columns: n, of int64, and word, of text that may be null.
static void describe(struct ArrowSchema *schema) {
    ArrowSchemaInit(schema);
    built(ArrowSchemaSetTypeStruct(schema, 2));
    built(ArrowSchemaSetType(schema->children[0], NANOARROW_TYPE_INT64));
    built(ArrowSchemaSetName(schema->children[0], "n"));
    built(ArrowSchemaSetType(schema->children[1], NANOARROW_TYPE_STRING));
    built(ArrowSchemaSetName(schema->children[1], "word"));
}

static void fill(struct ArrowArray *batch, const struct ArrowSchema *schema, int64_t first) {
    built(ArrowArrayInitFromSchema(batch, schema, &words));
    built(ArrowArrayStartAppending(batch));
    for (int64_t n = first; n < first + ROWS; n++) {
        built(ArrowArrayAppendInt(batch->children[0], n));
        if (n % 7 == 0) {
            built(ArrowArrayAppendNull(batch->children[1], 1));
        } else {
            char word[32];
            snprintf(word, sizeof word, "word %lld", (long long)n);
            built(ArrowArrayAppendString(batch->children[1], ArrowCharView(word)));
        }
        built(ArrowArrayFinishElement(batch));
    }
    built(ArrowArrayFinishBuildingDefault(batch, &words));
}

int main(int argc, char **argv) {
    if (argc != 2) {
        fprintf(stderr, "usage: send_table NAME\n");
        return 2;
    }
    struct ArrowSchema schema, copy;
    describe(&schema);
    // The sender takes what it is given, so it is given a copy.
    built(ArrowSchemaDeepCopy(&schema, &copy));
    bowstring_table_sender *sender = NULL;
    must(bowstring_table_sender_open(&copy, NULL, &sender, &error));
    must(bowstring_table_sender_listen(sender, argv[1], &error));
    must(bowstring_table_sender_wait(sender, 1, BOWSTRING_FOREVER, &error));
    for (int64_t number = 0; number < BATCHES; number++) {
        struct ArrowArray batch;
        fill(&batch, &schema, number * ROWS);
        // Releases the batch, also if it fails.
        must(bowstring_table_sender_send(sender, &batch, &error));
    }
    must(bowstring_table_sender_close(&sender, &error));
    ArrowSchemaRelease(&schema);
    return 0;
}
