#include "source-spool.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <sysexits.h>

#include "doubt.h"
#include "human.h"
#include "say.h"
#include "send-options.h"
#include "spool.h"

#define SPOOL_BYTES ((uint64_t)1024 * 1024 * 1024)

static int
source_spool_report_error(const char *path, int r, const struct spool_report *report)
{
	switch (r) {
	case SPOOL_E_FOREIGN:
		say("spool '%s': this is not a spool; it was not changed", path);
		return EX_DATAERR;
	case SPOOL_E_DAMAGED:
		say("spool '%s': its head is damaged; move it away to start a new one", path);
		return EX_DATAERR;
	case SPOOL_E_LOCKED:
		say_in_use("spool", path, report->pid);
		return EX_TEMPFAIL;
	case SPOOL_E_OWNER:
		say("spool '%s' belongs to uid %u; it must be your own", path, (unsigned int)report->uid);
		return EX_NOPERM;
	case SPOOL_E_MODE:
		say("spool '%s': others may write to it (mode %04o; expected 0600)", path, report->mode);
		return EX_NOPERM;
	}
	say("spool '%s': %s", path, strerror(-r));
	return r == -EACCES || r == -EPERM || r == -EROFS ? EX_NOPERM
	       : r == -ENOENT || r == -ENOTDIR            ? EX_CANTCREAT
	                                                  : EX_IOERR;
}

static void
source_spool_report_found(const char *path, const struct spool_found *found)
{
	if (found->lost > 0)
		say("spool '%s' was damaged: %" PRIu64 " message%s lost", path, found->lost,
		    found->lost == 1 ? " is" : "s are");
	if (found->cut > 0)
		say("spool '%s': its end, %" PRIu64 " byte%s, is %s; it is cut off", path, found->cut,
		    human_s(found->cut),
		    found->torn ? "the beginning of something that was not written to its end" : "damaged");
	if (found->left > 0)
		say_notice("spool '%s': %" PRIu64 " message%s left from before %s sent first", path, found->left,
		           human_s(found->left), found->left == 1 ? "is" : "are");
}

int
source_spool_open(const struct send_options *o, int input, struct spool **ret_spool, struct doubt *ret_doubt,
                  bool *ret_lost)
{
	const struct spool_options options = {
		.path = o->spool,
		.channel = o->common.args[0],
		.limit = o->spool_bytes > 0 ? o->spool_bytes : SPOOL_BYTES,
		.sync = o->spool_sync,
	};
	struct spool_report report;
	int r;

	if (!*o->common.args[0] || strlen(o->common.args[0]) > PROTOCOL_NAME_MAX) {
		say("send: the channel's name has %zu bytes; a spool takes 1 to %zu", strlen(o->common.args[0]),
		    PROTOCOL_NAME_MAX);
		return EX_USAGE;
	}
	r = spool_open(&options, ret_spool, &report);
	if (r != 0)
		return source_spool_report_error(o->spool, r, &report);
	spool_set_input(*ret_spool, input);
	doubt_init(ret_doubt, &report, input);
	source_spool_report_found(o->spool, &report.found);
	*ret_lost = report.found.lost > 0 || (report.found.cut > 0 && !report.found.torn);
	return EX_OK;
}
