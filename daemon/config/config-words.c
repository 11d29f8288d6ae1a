#include "config-words.h"

#include "access.h"
#include "stream-rule.h"

#define WORDS(array) .words = (array), .n_words = sizeof(array) / sizeof((array)[0])

static const char *const words_slow[] = {
	[SLOW_WAIT] = "wait",
	[SLOW_DROP] = "drop",
	[SLOW_DISCONNECT] = "disconnect",
	[SLOW_STORE] = "store",
};

const struct config_type config_type_slow = {
	WORDS(words_slow),
	.expected = "a policy (wait, drop, disconnect or store)",
};

static const char *const words_full[] = { [STREAM_FULL_TRIM] = "trim", [STREAM_FULL_REFUSE] = "refuse" };

const struct config_type config_type_full = { WORDS(words_full), .expected = "trim or refuse" };

static const char *const words_keep[] = { [STREAM_KEEP_UNACKED] = "unacked", [STREAM_KEEP_ANY] = "any" };

const struct config_type config_type_keep = { WORDS(words_keep), .expected = "unacked or any" };
