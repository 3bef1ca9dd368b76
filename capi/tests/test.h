// What the tests in C and C++ share: a check that says where it failed, and children that report by their status.
#ifndef BOWSTRING_TEST_H
#define BOWSTRING_TEST_H

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

// Ends the process, saying where, unless `claim` holds.
#define CHECK(claim)                                                                  \
    do {                                                                              \
        if (!(claim)) {                                                               \
            fprintf(stderr, "%s:%d: not so: %s\n", __FILE__, __LINE__, #claim);       \
            exit(1);                                                                  \
        }                                                                             \
    } while (0)

// Ends the process, saying where and why, unless the call succeeded. `error` is the error object that it was given.
#define MUST(call, error)                                                                                    \
    do {                                                                                                     \
        int32_t code_ = (call);                                                                              \
        if (code_ != BOWSTRING_OK) {                                                                         \
            fprintf(stderr, "%s:%d: %s: %d (%s): %s\n", __FILE__, __LINE__, #call, (int)code_,               \
                    bowstring_code_name(code_), (error).message);                                            \
            exit(1);                                                                                         \
        }                                                                                                    \
    } while (0)

// Waits for a child, which must have ended with status 0.
static inline void await_child(pid_t child) {
    int status;
    CHECK(waitpid(child, &status, 0) == child);
    CHECK(WIFEXITED(status) && WEXITSTATUS(status) == 0);
}

#endif
