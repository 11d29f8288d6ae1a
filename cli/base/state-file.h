/*
 * A small file in which a program keeps where it was: read when it starts, and then replaced as a whole, so that after
 * a crash or a loss of power it holds either the old or the new text. Only one process can have it open.
 */
#pragma once

#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

struct buf;
struct state_file;

/* Beside negative errnos: another process has the file open. */
#define STATE_FILE_E_LOCKED 1

/*
 * Opens the file, which is created empty where there is none, and appends what it holds to `content`, at most
 * STATE_FILE_MAX bytes (-EFBIG). A file that is no regular one is -EINVAL. *ret_pid: of the process that has it open,
 * 0 where that is not known.
 */
#define STATE_FILE_MAX ((size_t)64 * 1024 * 1024)
int state_file_open(const char *path, struct buf *content, pid_t *ret_pid, struct state_file **ret_file);
void state_file_close(struct state_file *f);

/* Replaces the content, on the disk when it returns. Returns 0 or -errno; then the old content is still there. */
int state_file_replace(struct state_file *f, const void *p, size_t len);

/* Locks the whole file for this process. Returns 0, -errno or STATE_FILE_E_LOCKED, then with *ret_pid as above. */
int state_file_lock(int fd, pid_t *ret_pid);

/* Flushes the name of the file, that is its directory, to the disk. Returns 0 or -errno. */
int state_file_sync_name(const char *path);

/* Writes all of the bytes. Returns 0 or -errno. */
int state_file_write(int fd, const void *p, size_t len);
