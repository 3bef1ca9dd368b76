// Arrow stream files, by Arrow C++, for the C peer. What fails ends the program.
#ifndef FILES_H
#define FILES_H

struct ArrowSchema;
struct ArrowArray;
struct ArrowArrayStream;

#ifdef __cplusplus
extern "C" {
#endif

void open_stream(const char *path, struct ArrowArrayStream *stream);
// Takes the schema.
void *open_writer(const char *path, struct ArrowSchema *schema);
// Takes the batch.
void write_batch(void *writer, struct ArrowArray *batch);
void close_writer(void *writer);

#ifdef __cplusplus
}
#endif

#endif
