// The transport without an allocator and without libstd. Once the channel stands, a seccomp filter kills the process for any
// system call but those of messages: none of the others can get memory. Linked with
// libbowstring_transport.a alone, the program has no malloc among its symbols: capi/check looks.
#include <bowstring.h>
#include <stddef.h>
#include <stdint.h>
#include <linux/audit.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

// After this, the only system calls left are those that a message may need when a side sleeps, and those of the end.
static int only_what_messages_need(void) {
#define ALLOW(call) BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, (call), 0, 1), BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW)
    static struct sock_filter rules[] = {
        BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, nr)),
        ALLOW(__NR_futex),
        ALLOW(__NR_clock_gettime),
        ALLOW(__NR_poll),
        ALLOW(__NR_ppoll),
        ALLOW(__NR_sendmsg),
        ALLOW(__NR_sendto),
        ALLOW(__NR_recvmsg),
        ALLOW(__NR_recvfrom),
        ALLOW(__NR_close),
        ALLOW(__NR_munmap),
        ALLOW(__NR_wait4),
        ALLOW(__NR_write),
        ALLOW(__NR_exit_group),
        BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_KILL_PROCESS),
    };
    struct sock_fprog program = {sizeof rules / sizeof *rules, rules};
    return prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) == 0 && prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &program) == 0;
}

static size_t length(unsigned n) { return (n * 97) % 6000; }

enum { MESSAGES = 10000 };

static int receive(int fd) {
    bowstring_receiver *receiver = NULL;
    bowstring_handshake_options options = {.size = sizeof options, .deliveries = BOWSTRING_POOLED};
    if (bowstring_receiver_meet(fd, &options, &receiver, NULL)) return 11;
    if (!only_what_messages_need()) return 12;
    bowstring_message message = {0};
    for (unsigned n = 0; n < MESSAGES; n++) {
        if (bowstring_receive(receiver, BOWSTRING_FOREVER, &message, NULL)) return 13;
        if (message.len != length(n)) return 14;
        for (size_t i = 0; i < message.len; i++) {
            if (message.data[i] != (uint8_t)n) return 15;
        }
        if (bowstring_message_release(&message, NULL)) return 16;
    }
    if (bowstring_receive(receiver, BOWSTRING_FOREVER, &message, NULL) != BOWSTRING_CLOSED) return 17;
    return bowstring_receiver_close(&receiver, NULL) ? 18 : 0;
}

int main(void) {
    int fds[2];
    if (bowstring_socket_pair(fds, NULL)) return 1;
    pid_t child = fork();
    if (child == 0) {
        close(fds[0]);
        _exit(receive(fds[1]));
    }
    close(fds[1]);
    bowstring_sender_options options = {.size = sizeof options, .slots = 8, .slot_size = 4096};
    bowstring_sender *sender = NULL;
    if (bowstring_sender_open(&options, &sender, NULL)) return 2;
    if (bowstring_sender_meet(sender, fds[0], NULL, NULL, NULL)) return 3;
    if (!only_what_messages_need()) return 4;
    for (unsigned n = 0; n < MESSAGES; n++) {
        uint8_t *data;
        if (bowstring_loan(sender, length(n), BOWSTRING_FOREVER, &data, NULL)) return 5;
        for (size_t i = 0; i < length(n); i++) data[i] = (uint8_t)n;
        if (bowstring_commit(sender, length(n), NULL, NULL, NULL)) return 6;
    }
    if (bowstring_sender_close(&sender, NULL)) return 7;
    int status;
    if (waitpid(child, &status, 0) != child || !WIFEXITED(status)) return 8;
    if (WEXITSTATUS(status)) return WEXITSTATUS(status);
    static const char done[] = "freestanding: 10000 messages under a filter that kills for any call to get memory\n";
    return write(1, done, sizeof done - 1) == (ssize_t)sizeof done - 1 ? 0 : 9;
}
