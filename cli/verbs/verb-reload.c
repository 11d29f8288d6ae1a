/* udsctl reload: makes the daemon read its configuration again. If there is a mistake in it, nothing changes. */
#include "ask.h"
#include "options.h"
#include "print.h"

static const struct option_row rows[] = {
	OPTION_TIMEOUT_ROW,
	{ 0 },
};

static int
verb_reload_run(const void *options)
{
	struct ask *a = ask_new(options);
	int status = ask(a, NULL, "UDSD", "RELOAD", NULL);

	if (status == 0)
		print("reloaded\n");
	return ask_end(a, status);
}

const struct verb verb_reload = {
	.name = "reload",
	.summary = "make the daemon read its configuration again",
	.rows = rows,
	.options_size = sizeof(struct options),
	.run = verb_reload_run,
};
