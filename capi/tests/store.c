// The store in C: a table is put, got by another connection where it was put, followed, added to, replaced, listed and
// removed; versions are minded, and what was got stays. Usage: store SOCKET, where `bowstring serve` listens.
#define _GNU_SOURCE
#include <bowstring.h>
#include <errno.h>

#include "test.h"

static bowstring_error error;

// ---- a stream of the program's own: batches of int64, counting up ----

struct numbers {
    int64_t next, rows;
    int batches, broken;
};

static int streams_released;

static void release_schema(struct ArrowSchema *schema) { schema->release = NULL; }

static int get_schema(struct ArrowArrayStream *stream, struct ArrowSchema *out) {
    (void)stream;
    static struct ArrowSchema n, *children[] = {&n};
    n = (struct ArrowSchema){.format = "l", .name = "n", .release = release_schema};
    *out = (struct ArrowSchema){.format = "+s", .name = "", .n_children = 1, .children = children, .release = release_schema};
    return 0;
}

struct held {
    struct ArrowArray n, *children[1];
    const void *buffers[2], *none[1];
    int64_t values[];
};

static void release_child(struct ArrowArray *array) { array->release = NULL; }

static void release_batch(struct ArrowArray *array) {
    free(array->private_data);
    array->release = NULL;
}

static int get_next(struct ArrowArrayStream *stream, struct ArrowArray *out) {
    struct numbers *numbers = stream->private_data;
    if (numbers->broken) return EIO;
    memset(out, 0, sizeof *out);
    if (numbers->batches-- == 0) return 0;
    struct held *held = calloc(1, sizeof *held + (size_t)numbers->rows * sizeof(int64_t));
    for (int64_t row = 0; row < numbers->rows; row++) held->values[row] = numbers->next++;
    held->buffers[1] = held->values;
    held->n = (struct ArrowArray){
        .length = numbers->rows, .n_buffers = 2, .buffers = held->buffers, .release = release_child};
    held->children[0] = &held->n;
    *out = (struct ArrowArray){.length = numbers->rows,
                               .n_buffers = 1,
                               .buffers = held->none,
                               .n_children = 1,
                               .children = held->children,
                               .release = release_batch,
                               .private_data = held};
    return 0;
}

static const char *last_error(struct ArrowArrayStream *stream) {
    (void)stream;
    return "the disk has gone";
}

static void release_stream(struct ArrowArrayStream *stream) {
    streams_released++;
    stream->release = NULL;
}

static struct ArrowArrayStream stream_of(struct numbers *numbers) {
    return (struct ArrowArrayStream){.get_schema = get_schema,
                                     .get_next = get_next,
                                     .get_last_error = last_error,
                                     .release = release_stream,
                                     .private_data = numbers};
}

// ---- what is got ----

// Reads a stream to its end, checks that it counts up from `first` to `end`, and releases it.
static void counts_up(struct ArrowArrayStream *stream, int64_t first, int64_t end) {
    struct ArrowSchema schema;
    CHECK(stream->get_schema(stream, &schema) == 0);
    CHECK(schema.n_children == 1 && strcmp(schema.children[0]->format, "l") == 0);
    schema.release(&schema);
    for (;;) {
        struct ArrowArray batch;
        CHECK(stream->get_next(stream, &batch) == 0);
        if (!batch.release) break;
        const struct ArrowArray *n = batch.children[0];
        const int64_t *values = (const int64_t *)n->buffers[1] + n->offset;
        for (int64_t row = 0; row < n->length; row++) CHECK(values[row] == first++);
        batch.release(&batch);
    }
    CHECK(first == end);
    stream->release(stream);
    CHECK(!stream->release);
}

static uint64_t put(bowstring_store *store, int64_t first, int batches, int64_t rows, uint32_t mode) {
    struct numbers numbers = {.next = first, .rows = rows, .batches = batches};
    struct ArrowArrayStream stream = stream_of(&numbers);
    bowstring_put_options options = {.size = sizeof options, .mode = mode};
    uint64_t version = 0;
    MUST(bowstring_store_put(store, "c-numbers", &stream, &options, &version, &error), error);
    CHECK(!stream.release);
    return version;
}

// Puts rows with pairs of keys and values.
static int32_t put_with(bowstring_store *store, uint32_t mode, const bowstring_pair *pairs, size_t pairs_len) {
    struct numbers numbers = {.rows = 100, .batches = 2};
    struct ArrowArrayStream stream = stream_of(&numbers);
    bowstring_put_options options = {.size = sizeof options, .mode = mode, .metadata = pairs, .metadata_len = pairs_len};
    return bowstring_store_put(store, "c-chosen", &stream, &options, NULL, &error);
}

// Writes "key=value;" for each pair, until the place is full.
static int32_t note(void *context, const bowstring_pair *pair) {
    char *place = context;
    size_t len = strlen(place);
    snprintf(place + len, 100 - len, "%s=%s;", pair->key, pair->value);
    return strlen(place) > 80;
}

// What is chosen of a table, and the keys and values that it was put with.
static void choose(bowstring_store *store) {
    bowstring_pair pairs[] = {{"made by", "store.c"}, {"unit", "\xc2\xb5m"}};
    MUST(put_with(store, BOWSTRING_PUT_REPLACE, pairs, 2), error);
    bowstring_pair changes[] = {{"unit", "mm"}, {"made by", ""}};
    MUST(put_with(store, BOWSTRING_PUT_APPEND, changes, 2), error);
    char found[100] = "";
    bowstring_choice choice = {.size = sizeof choice, .where = "n >= 50 and n < 150", .limit = 110};
    bowstring_get_options options = {.size = sizeof options, .choice = &choice, .each_pair = note, .context = found};
    struct ArrowArrayStream got;
    bowstring_table_info info;
    MUST(bowstring_store_get(store, "c-chosen", &options, &got, &info, sizeof info, &error), error);
    CHECK(strcmp(found, "unit=mm;") == 0 && info.end_row == 400);
    // 50 to 149 of the first 200 rows, and 50 to 59 of those that were added.
    int64_t rows = 0, sum = 0;
    for (;;) {
        struct ArrowArray batch;
        CHECK(got.get_next(&got, &batch) == 0);
        if (!batch.release) break;
        CHECK(batch.length > 0);
        const struct ArrowArray *n = batch.children[0];
        for (int64_t row = 0; row < n->length; row++) sum += ((const int64_t *)n->buffers[1])[n->offset + row];
        rows += n->length;
        batch.release(&batch);
    }
    got.release(&got);
    CHECK(rows == 110 && sum == 100 * 199 / 2 + 10 * 109 / 2);

    const char *names[] = {"n", "n"};
    choice = (bowstring_choice){.size = sizeof choice, .columns = names, .columns_len = 2};
    MUST(bowstring_store_get(store, "c-chosen", &options, &got, NULL, 0, &error), error);
    struct ArrowSchema schema;
    CHECK(got.get_schema(&got, &schema) == 0 && schema.n_children == 2);
    schema.release(&schema);
    got.release(&got);

    // Mistakes, and that nothing was opened for them.
    memset(&got, 0, sizeof got);
    choice = (bowstring_choice){.size = sizeof choice, .where = "n > 1 and m > 1"};
    CHECK(bowstring_store_get(store, "c-chosen", &options, &got, NULL, 0, &error) == BOWSTRING_CHOICE);
    CHECK(error.position == 11 && strstr(error.message, "\"m\"") && !got.release);
    choice.size = 1;
    CHECK(bowstring_store_get(store, "c-chosen", &options, &got, NULL, 0, &error) == BOWSTRING_ARGUMENT);
    char *large = malloc(17 << 10);
    memset(large, 'x', 17 << 10);
    large[(17 << 10) - 1] = 0;
    CHECK(put_with(store, BOWSTRING_PUT_REPLACE, (bowstring_pair[]){{"large", large}}, 1) == BOWSTRING_TOO_LONG);
    free(large);
    CHECK(put_with(store, BOWSTRING_PUT_REPLACE, (bowstring_pair[]){{"hole", NULL}}, 1) == BOWSTRING_ARGUMENT);
    CHECK(put_with(store, BOWSTRING_PUT_REPLACE, NULL, 1) == BOWSTRING_ARGUMENT);
    // A program that was built before these fields came: it says so by its size.
    bowstring_get_options older = {.size = offsetof(bowstring_get_options, choice), .choice = (void *)1, .each_pair = NULL};
    MUST(bowstring_store_get(store, "c-chosen", &older, &got, NULL, 0, &error), error);
    got.release(&got);
    MUST(bowstring_store_remove(store, "c-chosen", 0, &error), error);
}

// What a follower chose: rows by a condition, none at all, and rows that the choice does not fit, which come again.
static void follow_chosen(bowstring_store *store, const char *socket) {
    put(store, 0, 2, 1000, BOWSTRING_PUT_CREATE);
    bowstring_store *other = NULL;
    bowstring_follower *follower = NULL;
    MUST(bowstring_store_connect(socket, &other, &error), error);
    MUST(bowstring_store_follow(&other, "c-numbers", 0, 0, &follower, &error), error);
    bowstring_choice choice = {.size = sizeof choice, .where = "n >= 990 and n < 1010", .limit = 15};
    MUST(bowstring_follower_choose(follower, &choice, &error), error);
    uint32_t event = 0;
    struct ArrowArrayStream got;
    bowstring_table_info info;
    MUST(bowstring_follower_next(follower, BOWSTRING_FOREVER, &event, &got, &info, sizeof info, &error), error);
    CHECK(event == BOWSTRING_EVENT_ROWS && info.end_row == 2000);
    counts_up(&got, 990, 1005);
    put(store, 2000, 1, 10, BOWSTRING_PUT_APPEND);
    MUST(bowstring_follower_next(follower, BOWSTRING_FOREVER, &event, &got, &info, sizeof info, &error), error);
    CHECK(info.first_row == 2000 && info.end_row == 2010);
    counts_up(&got, 0, 0);

    // The limit is that of each stream; columns come in the order in which they are named.
    const char *names[] = {"n", "n"};
    choice = (bowstring_choice){.size = sizeof choice, .columns = names, .columns_len = 2, .limit = 4};
    MUST(bowstring_follower_choose(follower, &choice, &error), error);
    for (int64_t first = 0; first < 2; first++) {
        put(store, 2010 + 10 * first, 1, 10, BOWSTRING_PUT_APPEND);
        MUST(bowstring_follower_next(follower, BOWSTRING_FOREVER, &event, &got, NULL, 0, &error), error);
        struct ArrowArray batch;
        CHECK(got.get_next(&got, &batch) == 0 && batch.length == 4 && batch.n_children == 2);
        batch.release(&batch);
        CHECK(got.get_next(&got, &batch) == 0 && !batch.release);
        got.release(&got);
    }

    // A choice that does not fit is known when rows come, and loses none of them.
    choice = (bowstring_choice){.size = sizeof choice, .where = "n > 1 and m > 1"};
    MUST(bowstring_follower_choose(follower, &choice, &error), error);
    put(store, 2030, 1, 10, BOWSTRING_PUT_APPEND);
    memset(&got, 0, sizeof got);
    for (int again = 0; again < 2; again++) {
        CHECK(bowstring_follower_next(follower, BOWSTRING_FOREVER, &event, &got, NULL, 0, &error) == BOWSTRING_CHOICE);
        CHECK(error.position == 11 && strstr(error.message, "\"m\"") && !got.release);
    }
    choice.size = 1;
    CHECK(bowstring_follower_choose(follower, &choice, &error) == BOWSTRING_ARGUMENT);
    CHECK(bowstring_follower_next(follower, BOWSTRING_NOW, &event, &got, NULL, 0, &error) == BOWSTRING_CHOICE);
    MUST(bowstring_follower_choose(follower, NULL, &error), error);
    MUST(bowstring_follower_next(follower, BOWSTRING_NOW, &event, &got, &info, sizeof info, &error), error);
    CHECK(event == BOWSTRING_EVENT_ROWS && info.first_row == 2030);
    counts_up(&got, 2030, 2040);
    CHECK(bowstring_follower_next(follower, BOWSTRING_NOW, &event, &got, NULL, 0, &error) == BOWSTRING_AGAIN);
    MUST(bowstring_follower_close(&follower, &error), error);
    CHECK(bowstring_follower_choose(follower, NULL, &error) == BOWSTRING_ARGUMENT);
    MUST(bowstring_store_remove(store, "c-numbers", 0, &error), error);
}

static int32_t find(void *context, const bowstring_store_entry *entry) {
    if (strcmp(entry->name, "c-numbers") != 0) return 0;
    memcpy(context, entry, sizeof *entry);
    CHECK(entry->source[0] == 0 && entry->trouble[0] == 0);
    return 1;
}

int main(int argc, char **argv) {
    CHECK(argc == 2);
    bowstring_store *store = NULL, *other = NULL;
    CHECK(bowstring_store_connect("/nowhere/store.sock", &store, &error) == BOWSTRING_NOT_FOUND && store == NULL);
    MUST(bowstring_store_connect(argv[1], &store, &error), error);
    MUST(bowstring_store_connect(argv[1], &other, &error), error);
    bowstring_store_remove(store, "c-numbers", 0, NULL);

    struct ArrowArrayStream got = {0}, kept = {0};
    CHECK(bowstring_store_get(other, "c-numbers", NULL, &got, NULL, 0, &error) == BOWSTRING_NOT_FOUND);
    uint64_t first = put(store, 0, 3, 1000, BOWSTRING_PUT_CREATE);
    CHECK(first > 0);
    bowstring_table_info info;
    MUST(bowstring_store_get(other, "c-numbers", NULL, &got, &info, sizeof info, &error), error);
    CHECK(info.version == first && info.first_row == 0 && info.end_row == 3000 && info.bytes > 24000 && info.made > 0);
    counts_up(&got, 0, 3000);

    // Where the version is minded.
    struct numbers numbers = {.rows = 1, .batches = 1};
    struct ArrowArrayStream stream = stream_of(&numbers);
    bowstring_put_options create = {.size = sizeof create, .mode = BOWSTRING_PUT_CREATE};
    CHECK(bowstring_store_put(store, "c-numbers", &stream, &create, NULL, &error) == BOWSTRING_CONFLICT && !stream.release);
    stream = stream_of(&numbers);
    numbers.batches = 1;
    bowstring_put_options expect = {.size = sizeof expect, .expected = first + 1000};
    CHECK(bowstring_store_put(store, "c-numbers", &stream, &expect, NULL, &error) == BOWSTRING_CONFLICT);
    CHECK(bowstring_store_remove(store, "c-numbers", first + 1000, &error) == BOWSTRING_CONFLICT);
    // A stream that breaks is put not at all, and its own words are passed on.
    numbers.broken = 1;
    stream = stream_of(&numbers);
    CHECK(bowstring_store_put(store, "c-numbers", &stream, NULL, NULL, &error) == BOWSTRING_DATA && !stream.release);
    CHECK(strstr(error.message, "the disk has gone"));
    CHECK(streams_released == 4);
    expect.mode = 7;
    stream = stream_of(&numbers);
    CHECK(bowstring_store_put(store, "c-numbers", &stream, &expect, NULL, &error) == BOWSTRING_ARGUMENT && !stream.release);

    // Followed: what is there, what is added, what takes its place, its end.
    bowstring_follower *follower = NULL;
    uint32_t event = 0;
    MUST(bowstring_store_follow(&other, "c-numbers", 0, 0, &follower, &error), error);
    CHECK(other == NULL);
    MUST(bowstring_follower_next(follower, BOWSTRING_FOREVER, &event, &got, &info, sizeof info, &error), error);
    CHECK(event == BOWSTRING_EVENT_ROWS);
    counts_up(&got, 0, 3000);
    CHECK(bowstring_follower_next(follower, BOWSTRING_NOW, &event, &got, NULL, 0, &error) == BOWSTRING_AGAIN);
    CHECK(bowstring_follower_next(follower, 1000 * 1000, &event, &got, NULL, 0, &error) == BOWSTRING_TIMED_OUT);
    uint64_t second = put(store, 3000, 1, 500, BOWSTRING_PUT_APPEND);
    CHECK(second > first);
    MUST(bowstring_follower_next(follower, BOWSTRING_FOREVER, &event, &got, &info, sizeof info, &error), error);
    CHECK(event == BOWSTRING_EVENT_ROWS && info.version == second && info.first_row == 3000);
    counts_up(&got, 3000, 3500);

    // What came since, and a version that is kept although another takes its place.
    bowstring_get_options since = {.size = sizeof since, .base = info.base, .row = 3400};
    MUST(bowstring_store_get(store, "c-numbers", &since, &got, NULL, 0, &error), error);
    counts_up(&got, 3400, 3500);
    MUST(bowstring_store_get(store, "c-numbers", NULL, &kept, NULL, 0, &error), error);
    put(store, 70000, 1, 10, BOWSTRING_PUT_REPLACE);
    MUST(bowstring_follower_next(follower, BOWSTRING_FOREVER, &event, &got, NULL, 0, &error), error);
    CHECK(event == BOWSTRING_EVENT_REPLACED);
    counts_up(&got, 70000, 70010);
    bowstring_store_entry entry = {0};
    MUST(bowstring_store_list(store, find, &entry, &error), error);
    CHECK(entry.rows == 10 && entry.columns == 1 && entry.followers == 1);
    MUST(bowstring_store_rename(store, "c-numbers", "c-renamed", &error), error);
    MUST(bowstring_store_remove(store, "c-renamed", 0, &error), error);
    CHECK(bowstring_follower_next(follower, BOWSTRING_FOREVER, &event, &got, NULL, 0, &error) == BOWSTRING_CLOSED);
    MUST(bowstring_follower_close(&follower, &error), error);
    MUST(bowstring_store_close(&store, &error), error);
    counts_up(&kept, 0, 3500);

    MUST(bowstring_store_connect(argv[1], &store, &error), error);
    streams_released = 0;
    choose(store);
    CHECK(streams_released == 5);
    follow_chosen(store, argv[1]);
    MUST(bowstring_store_close(&store, &error), error);

    // Misuse.
    CHECK(bowstring_store_get(store, "c-numbers", NULL, &got, NULL, 0, &error) == BOWSTRING_ARGUMENT);
    CHECK(bowstring_store_follow(&store, "c-numbers", 0, 0, &follower, &error) == BOWSTRING_ARGUMENT);
    MUST(bowstring_store_close(&store, &error), error);
    puts("store: put, got, chosen from, followed by choice, added to, replaced, listed, removed, kept");
    return 0;
}
