/* udsctl delete: deletes streams with all that they hold, their groups as well. */
#include <sysexits.h>

#include "ask.h"
#include "buf.h"
#include "groups.h"
#include "memory.h"
#include "options.h"
#include "print.h"
#include "printable.h"

static const struct option_row rows[] = {
	OPTION_TIMEOUT_ROW,
	{ 0 },
};

/* Returns 0, EX_NOINPUT after saying that there is no such stream, an exit status, or as ask(). */
static int
delete_one(struct ask *a, const char *stream)
{
	const struct resp_node *reply;
	struct buf name = { 0 };
	int status = ask(a, &reply, "DEL", stream, NULL);

	if (status != 0)
		return status;
	if (reply->type != RESP_INTEGER)
		return ASK_FOREIGN;
	if (reply->integer == 0)
		return groups_say_no_stream(slice_of(stream));
	memory_check(buf_printf(&name, "%s", stream));
	name.len = printable_clean((char *)name.data, name.len, NULL);
	print("deleted %.*s\n", (int)name.len, (const char *)name.data);
	buf_deinit(&name);
	return 0;
}

static int
verb_delete_run(const void *options)
{
	const struct options *o = options;
	struct ask *a = ask_new(o);
	int status = 0, missing = 0;

	for (size_t i = 0; status == 0 && i < o->n_args; i++) {
		status = delete_one(a, o->args[i]);
		if (status == EX_NOINPUT) {
			missing = status;
			status = 0;
		}
	}
	return ask_end(a, status ?: missing);
}

const struct verb verb_delete = {
	.name = "delete",
	.arguments = "STREAM...",
	.summary = "delete streams with their entries and groups",
	.rows = rows,
	.args_min = 1,
	.args_max = SIZE_MAX,
	.n_names = SIZE_MAX,
	.options_size = sizeof(struct options),
	.run = verb_delete_run,
};
