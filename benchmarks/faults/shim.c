/* Faults inside system calls, for one process and its children: LD_PRELOAD this library.
 *
 * FAULTS_FOLDER   only files whose path holds this text are meant
 * FAULTS_ACTION   kill-before, kill-half, kill-after: SIGKILL to itself around the call; kill-half writes half of it
 *                 enospc: this call and all later ones that write fail with ENOSPC
 * FAULTS_NTH      at which such call of the process, from 1
 * FAULTS_MARK     a file that is made when the fault happens; once it is there nothing happens any more
 *                 (kill-*: one process dies, once; enospc: removing FAULTS_ROOM ends it)
 * FAULTS_ROOM     enospc: while this file is there the disk is full
 * FAULTS_CLOCK    "after:offset", seconds: the wall clock of a process whose command line holds FAULTS_CLOCK_OF jumps by
 *                 offset once it has lived so long
 */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <linux/futex.h>
#include <pthread.h>
#include <semaphore.h>
#include <signal.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <sys/time.h>
#include <sys/types.h>
#include <time.h>
#include <unistd.h>

static atomic_long calls;

#define REAL(name) \
    static __typeof__(&name) real; \
    if (!real) real = (__typeof__(&name))dlsym(RTLD_NEXT, #name)

static const char *setting(const char *name) {
    const char *value = getenv(name);
    return value && *value ? value : NULL;
}

static int meant_path(const char *path) {
    const char *folder = setting("FAULTS_FOLDER");
    return folder && path && strstr(path, folder) != NULL;
}

static int meant(int descriptor) {
    char link[64], path[PATH_MAX];
    if (!setting("FAULTS_ACTION")) return 0;
    snprintf(link, sizeof link, "/proc/self/fd/%d", descriptor);
    ssize_t length = readlink(link, path, sizeof path - 1);
    if (length < 0) return 0;
    path[length] = 0;
    return meant_path(path);
}

/* Says what happens at this call: 0 nothing, or the first letter after "kill-" or 'e'. */
static char due(void) {
    const char *action = setting("FAULTS_ACTION"), *nth = setting("FAULTS_NTH"), *room = setting("FAULTS_ROOM");
    if (!action || !nth) return 0;
    if (action[0] == 'e') return room && access(room, F_OK) == 0 && atomic_fetch_add(&calls, 1) + 1 >= atol(nth) ? 'e' : 0;
    if (atomic_fetch_add(&calls, 1) + 1 != atol(nth)) return 0;
    const char *mark = setting("FAULTS_MARK");
    int made = mark ? open(mark, O_CREAT | O_EXCL | O_WRONLY, 0600) : -1;
    if (made < 0) return 0;
    close(made);
    return action[5];
}

static void die(void) {
    kill(getpid(), SIGKILL);
    for (;;) pause();
}

#define AROUND(failed, half, call) \
    char what = due(); \
    if (what == 'e') { errno = ENOSPC; return failed; } \
    if (what == 'b') die(); \
    if (what == 'h') { half; die(); } \
    __typeof__(call) result = call; \
    if (what == 'a') die(); \
    return result

ssize_t write(int descriptor, const void *bytes, size_t count) {
    REAL(write);
    if (!meant(descriptor)) return real(descriptor, bytes, count);
    AROUND(-1, (void)!real(descriptor, bytes, count / 2), real(descriptor, bytes, count));
}

ssize_t pwrite(int descriptor, const void *bytes, size_t count, off_t at) {
    REAL(pwrite);
    if (!meant(descriptor)) return real(descriptor, bytes, count, at);
    AROUND(-1, (void)!real(descriptor, bytes, count / 2, at), real(descriptor, bytes, count, at));
}

ssize_t pwrite64(int descriptor, const void *bytes, size_t count, off64_t at) {
    REAL(pwrite64);
    if (!meant(descriptor)) return real(descriptor, bytes, count, at);
    AROUND(-1, (void)!real(descriptor, bytes, count / 2, at), real(descriptor, bytes, count, at));
}

#define NOTHING (void)0

int fsync(int descriptor) {
    REAL(fsync);
    if (!meant(descriptor)) return real(descriptor);
    AROUND(-1, NOTHING, real(descriptor));
}

int fdatasync(int descriptor) {
    REAL(fdatasync);
    if (!meant(descriptor)) return real(descriptor);
    AROUND(-1, NOTHING, real(descriptor));
}

int rename(const char *from, const char *to) {
    REAL(rename);
    if (!meant_path(to)) return real(from, to);
    AROUND(-1, NOTHING, real(from, to));
}

int unlink(const char *path) {
    REAL(unlink);
    if (!meant_path(path) || (setting("FAULTS_ACTION") && setting("FAULTS_ACTION")[0] == 'e')) return real(path);
    AROUND(-1, NOTHING, real(path));
}

static double offset_s(void) {
    static __typeof__(&clock_gettime) real;
    static int ours = -1;
    static double began, after, jump;
    struct timespec now;
    if (!real) real = (__typeof__(&clock_gettime))dlsym(RTLD_NEXT, "clock_gettime");
    real(CLOCK_MONOTONIC, &now);
    double at = now.tv_sec + now.tv_nsec / 1e9;
    if (ours < 0) {
        const char *clock = setting("FAULTS_CLOCK"), *of = setting("FAULTS_CLOCK_OF");
        char line[4096] = "";
        ours = 0;
        began = at;
        if (clock && of && sscanf(clock, "%lf:%lf", &after, &jump) == 2) {
            int file = open("/proc/self/cmdline", O_RDONLY);
            ssize_t length = file < 0 ? 0 : read(file, line, sizeof line - 1);
            if (file >= 0) close(file);
            for (ssize_t place = 0; place < length; place++)
                if (!line[place]) line[place] = ' ';
            ours = strstr(line, of) != NULL;
        }
    }
    return ours && at - began >= after ? jump : 0.0;
}

int clock_gettime(clockid_t clock, struct timespec *now) {
    REAL(clock_gettime);
    int result = real(clock, now);
    if (clock == CLOCK_REALTIME && result == 0) now->tv_sec += (time_t)offset_s();
    return result;
}

/* Who waits until a time of the wall clock asks the kernel, whose clock has not jumped. */

static const struct timespec *as_kernel_has_it(const struct timespec *until, struct timespec *other) {
    if (!until || until->tv_sec < 1000000000) return until; /* of another clock, such as the time since boot */
    *other = *until;
    other->tv_sec -= (time_t)offset_s();
    return other;
}

int pthread_cond_timedwait(pthread_cond_t *condition, pthread_mutex_t *mutex, const struct timespec *until) {
    REAL(pthread_cond_timedwait);
    struct timespec other;
    return real(condition, mutex, as_kernel_has_it(until, &other));
}

int pthread_cond_clockwait(
    pthread_cond_t *condition, pthread_mutex_t *mutex, clockid_t clock, const struct timespec *until
) {
    REAL(pthread_cond_clockwait);
    struct timespec other;
    return real(condition, mutex, clock, as_kernel_has_it(until, &other));
}

int sem_timedwait(sem_t *semaphore, const struct timespec *until) {
    REAL(sem_timedwait);
    struct timespec other;
    return real(semaphore, as_kernel_has_it(until, &other));
}

int sem_clockwait(sem_t *semaphore, clockid_t clock, const struct timespec *until) {
    REAL(sem_clockwait);
    struct timespec other;
    return real(semaphore, clock, as_kernel_has_it(until, &other));
}

long syscall(long number, ...) {
    REAL(syscall);
    struct timespec other;
    va_list given;
    long argument[6];
    va_start(given, number);
    for (int place = 0; place < 6; place++) argument[place] = va_arg(given, long);
    va_end(given);
    if (number == SYS_futex && (argument[1] & FUTEX_CLOCK_REALTIME))
        argument[3] = (long)as_kernel_has_it((const struct timespec *)argument[3], &other);
    return real(number, argument[0], argument[1], argument[2], argument[3], argument[4], argument[5]);
}
