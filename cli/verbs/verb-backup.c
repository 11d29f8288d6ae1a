/*
 * udsctl backup: the daemon copies its store into a file beside it, and this moves the copy to where it is wanted. The
 * file appears under its name only when it is whole and on disk.
 */
#include <errno.h>
#include <fcntl.h>
#include <libgen.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <sys/sendfile.h>
#include <sys/stat.h>
#include <sysexits.h>
#include <unistd.h>

#include "ask.h"
#include "cleanup.h"
#include "human.h"
#include "options.h"
#include "print.h"
#include "say.h"

static const struct option_row rows[] = {
	{ "timeout", 0, "DURATION", "give up after this long without an answer (never)", OPTION_TIMEOUT, 0 },
	{ 0 },
};

/* Returns 0 or -errno. */
static int
backup_copy(int from, int to, off_t size)
{
	off_t at = 0;

	while (at < size) {
		ssize_t n = sendfile(to, from, &at, (size_t)(size - at));

		if (n < 0 && errno != EINTR)
			return -errno;
		if (n == 0)
			return -EIO;
	}
	return fsync(to) < 0 ? -errno : 0;
}

/* Whether both are in one directory, whatever the names of that. */
static bool
backup_is_beside(const char *copy, const char *file)
{
	char a[4096], b[4096];
	struct stat x, y;

	snprintf(a, sizeof(a), "%s", copy);
	snprintf(b, sizeof(b), "%s", file);
	return stat(dirname(a), &x) == 0 && stat(dirname(b), &y) == 0 && x.st_dev == y.st_dev && x.st_ino == y.st_ino;
}

/* Moves the copy to the file. Returns an exit status after saying why it is not 0. */
static int
backup_take(const char *copy, const char *file)
{
	_cleanup_close_ int from = open(copy, O_RDONLY | O_CLOEXEC), to = -1;
	char part[4096];
	struct stat st;
	int r;

	if (from < 0 || fstat(from, &st) < 0) {
		say("backup: the copy is in '%s', and cannot be read: %s; run udsctl as root or as the user of udsd",
		    copy, strerror(errno));
		return errno == EACCES ? EX_NOPERM : EX_NOINPUT;
	}
	if (snprintf(part, sizeof(part), "%s.part", file) >= (int)sizeof(part)) {
		say("backup: '%.100s...' is too long for a file's name", file);
		return EX_CANTCREAT;
	}
	if (backup_is_beside(copy, file)) {
		unlink(copy);
		say("backup: '%s' is in the directory of the store itself, whose files nobody may replace while udsd "
		    "runs",
		    file);
		return EX_CANTCREAT;
	}
	to = open(part, O_WRONLY | O_CREAT | O_TRUNC | O_NOFOLLOW | O_CLOEXEC, 0600);
	r = to < 0 ? -errno : backup_copy(from, to, st.st_size);
	if (r == 0 && rename(part, file) < 0)
		r = -errno;
	unlink(copy);
	if (r < 0) {
		say("backup: cannot write '%s': %s", part, strerror(-r));
		unlink(part);
		return r == -EACCES || r == -EPERM ? EX_NOPERM : to < 0 ? EX_CANTCREAT : EX_IOERR;
	}
	print("%s: %s\n", file, human_size((uint64_t)st.st_size).text);
	return 0;
}

static int
verb_backup_run(const void *options)
{
	const struct options *o = options;
	struct options patient = *o;
	struct ask *a;
	const struct resp_node *reply;
	char copy[4096];
	struct stat st;
	int status;

	if (stat(o->args[0], &st) == 0 && S_ISDIR(st.st_mode)) {
		say("backup: '%s' is a directory; name the file that is to be made", o->args[0]);
		return EX_CANTCREAT;
	}
	patient.has_timeout = true; /* a large store takes its time */
	patient.timeout = options_timeout(o, 0);
	a = ask_new(&patient);
	status = ask(a, &reply, "UDSD", "BACKUP", NULL);
	if (status == 0 && (reply->type != RESP_BULK || reply->text.len >= sizeof(copy)))
		status = ASK_FOREIGN;
	if (status == 0) {
		snprintf(copy, sizeof(copy), "%.*s", (int)reply->text.len, (const char *)reply->text.p);
		status = backup_take(copy, o->args[0]);
	}
	return ask_end(a, status);
}

const struct verb verb_backup = {
	.name = "backup",
	.arguments = "FILE",
	.summary = "copy the store of streams while the daemon runs",
	.rows = rows,
	.args_min = 1,
	.args_max = 1,
	.n_names = 1,
	.options_size = sizeof(struct options),
	.run = verb_backup_run,
};
