#include "stream-delays.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "human.h"
#include "num.h"

int
stream_delays_parse(const char *text, struct stream_delays *ret_delays, char *error, size_t size)
{
	struct stream_delays delays = { 0 };
	char word[32];

	for (text += strspn(text, " \t"); *text; text += strspn(text, " \t")) {
		size_t len = strcspn(text, " \t");
		uint64_t ms;
		int r;

		snprintf(word, sizeof(word), "%.*s", (int)len, text);
		r = len < sizeof(word) ? num_parse_duration(word, &ms) : -EINVAL;
		if (r == -ERANGE || (r == 0 && ms > STREAM_DELAY_MAX_MS)) {
			snprintf(error, size, "'%s' is out of range; expected up to 720h", word);
			return -EINVAL;
		}
		if (r < 0) {
			snprintf(error, size, "'%s' is not a duration (try 5s; units are ms, s, m, h and d%s)", word,
			         strchr(word, ',') ? "; blanks separate durations" : "");
			return -EINVAL;
		}
		if (delays.n == STREAM_DELAYS_MAX) {
			snprintf(error, size, "there are more than %d durations", STREAM_DELAYS_MAX);
			return -EINVAL;
		}
		delays.ms[delays.n++] = ms;
		text += len;
	}
	*ret_delays = delays;
	return 0;
}

void
stream_delays_format(const struct stream_delays *delays, char text[STREAM_DELAYS_TEXT])
{
	size_t at = 0;

	text[0] = '\0';
	for (size_t i = 0; i < delays->n; i++)
		at += (size_t)snprintf(text + at, STREAM_DELAYS_TEXT - at, "%s%s", i > 0 ? " " : "",
		                       human_exact_duration(delays->ms[i]).text);
}
