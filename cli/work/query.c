#include "query.h"

#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "memory.h"
#include "num.h"
#include "resp-encode.h"

int
query_ask(struct ask *a, const struct resp_node **ret_reply, ...)
{
	struct slice words[ASK_WORDS_MAX];
	size_t n;
	va_list ap;

	va_start(ap, ret_reply);
	n = ask_collect(words, ap);
	va_end(ap);
	return ask_try(a, ret_reply, words, n);
}

void
query_put_command(struct buf *commands, ...)
{
	struct slice words[ASK_WORDS_MAX];
	size_t n;
	va_list ap;

	va_start(ap, commands);
	n = ask_collect(words, ap);
	va_end(ap);
	memory_check(buf_reserve(commands, resp_command_size(words, n)));
	commands->len += resp_put_command((char *)commands->data + commands->len, words, n);
}

static bool
query_is_entry(const struct resp_node *node)
{
	const struct resp_node *fields = node + 2;

	if (node->type != RESP_ARRAY || node->elements != 2 || node[1].type != RESP_BULK ||
	    fields->type != RESP_ARRAY || fields->elements % 2 != 0)
		return false;
	for (size_t i = 1; i <= fields->elements; i++)
		if (fields[i].type != RESP_BULK)
			return false;
	return true;
}

bool
query_take_entries(const struct resp_node *reply, const struct resp_node **ret_list)
{
	const struct resp_node *list = reply + 3, *entry = list + 1;

	*ret_list = NULL;
	if (reply->type == RESP_NULL)
		return true;
	if (reply->type != RESP_ARRAY || reply->elements != 1 || reply[1].elements != 2 || list->type != RESP_ARRAY)
		return false;
	for (size_t i = 0; i < list->elements; i++, entry = query_next_entry(entry))
		if (!query_is_entry(entry))
			return false;
	*ret_list = list->elements > 0 ? list : NULL;
	return true;
}

int
query_read_entries(struct ask *a, const char *stream, const char *after, uint64_t count,
                   const struct resp_node **ret_list)
{
	char text[NUM_DIGITS_MAX + 1];
	const struct resp_node *reply;
	int status;

	snprintf(text, sizeof(text), "%" PRIu64, count);
	status = query_ask(a, &reply, "XREAD", "COUNT", text, "STREAMS", stream, after, NULL);
	if (status != 0)
		return status;
	if (resp_node_is_error(reply))
		return ask_refuse(reply);
	return query_take_entries(reply, ret_list) ? 0 : ASK_FOREIGN;
}

void
query_id_before(const char *id, char ret_before[ENTRY_ID_TEXT])
{
	struct entry_id at = ENTRY_ID_MIN;

	(void)entry_id_parse(slice_of(id), 0, &at);
	entry_id_format(ret_before, entry_id_before(at));
}

int
query_read_entry(struct ask *a, const char *stream, const char *id, const struct resp_node **ret_entry)
{
	char before[ENTRY_ID_TEXT];
	const struct resp_node *list;
	int status;

	query_id_before(id, before);
	status = query_read_entries(a, stream, before, 1, &list);
	if (status == 0)
		*ret_entry = list && resp_node_is(list + 2, id) ? list + 1 : NULL;
	return status;
}

/* Whether the daemon refuses an answer for its length. */
static bool
query_is_too_long(const struct resp_node *error)
{
	return memmem(error->text.p, error->text.len, "queue_limit", strlen("queue_limit"));
}

int
query_page(struct query_pages *pages, const struct resp_node **ret_reply, ...)
{
	struct slice words[ASK_WORDS_MAX + 2];
	char count[NUM_DIGITS_MAX + 1];
	size_t n;
	int status;
	va_list ap;

	va_start(ap, ret_reply);
	n = ask_collect(words, ap);
	va_end(ap);
	words[n] = slice_of("COUNT");
	for (;; pages->most = pages->most / 4 + 1) {
		snprintf(count, sizeof(count), "%" PRIu64, pages->most);
		words[n + 1] = slice_of(count);
		status = ask_try(pages->a, ret_reply, words, n + 2);
		if (status != 0)
			return status;
		if (!resp_node_is_error(*ret_reply))
			return (*ret_reply)->type == RESP_ARRAY ? 0 : ASK_FOREIGN;
		if (pages->most == 1 || !query_is_too_long(*ret_reply))
			return ask_refuse(*ret_reply);
	}
}
