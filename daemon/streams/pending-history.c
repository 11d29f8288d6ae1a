#include "pending-history.h"

#include <errno.h>
#include <stdlib.h>

struct pending_history *
pending_history_get(struct pending_histories *histories, struct pending_history **history)
{
	if (*history || !(*history = calloc(1, sizeof(**history))))
		return *history;
	TAILQ_INSERT_TAIL(&histories->list, *history, link);
	histories->bytes += sizeof(**history);
	return *history;
}

int
pending_history_set_text(struct pending_histories *histories, struct pending_history *history, struct slice text)
{
	uint8_t *copy = NULL;

	if (text.len > PENDING_TEXT_MAX) {
		text.len = PENDING_TEXT_MAX;
		while (text.len > PENDING_TEXT_MAX - 4 && (text.p[text.len] & 0xc0) == 0x80) /* inside of a character */
			text.len--;
	}
	if (text.len > 0 && !(copy = malloc(text.len)))
		return -ENOMEM;
	slice_put(copy, text);
	free(history->text);
	histories->bytes += text.len - history->text_len;
	history->text = copy;
	history->text_len = text.len;
	return 0;
}

void
pending_history_free(struct pending_history *history)
{
	free(history->text);
	free(history);
}

void
pending_history_drop(struct pending_histories *histories, struct pending_history **history)
{
	if (!*history)
		return;
	TAILQ_REMOVE(&histories->list, *history, link);
	histories->bytes -= sizeof(**history) + (*history)->text_len;
	pending_history_free(*history);
	*history = NULL;
}
