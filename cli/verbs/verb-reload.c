/* udsctl reload: the daemon reads its configuration again, and says whether it took it. */
#include <stdio.h>

#include "ask.h"
#include "options.h"
#include "say.h"
#include "verb-run.h"

int
verb_reload(const struct options *o)
{
	struct ask *a = ask_new(o);
	int status = ask(a, NULL, "UDSD", "RELOAD", NULL);

	ask_free(a);
	if (status == 0)
		puts("reloaded");
	return say_end(status);
}
