#include "place.h"

#include <string.h>
#include <time.h>

#include "entry.h"
#include "options.h"
#include "resp-reply.h"

static bool
place_read_number(const struct resp_reply *reply, const char *key, uint64_t *ret_value)
{
	const struct resp_node *node = resp_reply_lookup(reply, key);

	if (!node || node->type != RESP_INTEGER || node->integer < 0)
		return false;
	*ret_value = (uint64_t)node->integer;
	return true;
}

/* The value is an ID, an entry, or null where there is no entry. */
static bool
place_read_id(const struct resp_reply *reply, const char *key, struct entry_id *ret_id)
{
	const struct resp_node *node = resp_reply_lookup(reply, key);
	struct entry e;

	if (node && node->type == RESP_BULK)
		return entry_id_parse(node->text, 0, ret_id);
	if (node && node->type == RESP_ARRAY && entry_read(node, &e))
		*ret_id = e.id;
	else
		return node && node->type == RESP_NULL;
	return true;
}

bool
place_read_figures(const struct resp_reply *reply, struct place_figures *ret_figures)
{
	struct place_figures *f = ret_figures;

	*f = (struct place_figures){ 0 };
	return place_read_number(reply, "length", &f->length) && place_read_number(reply, "entries-added", &f->added) &&
	       place_read_id(reply, "last-generated-id", &f->last) &&
	       place_read_id(reply, "max-deleted-entry-id", &f->deleted) &&
	       place_read_id(reply, "first-entry", &f->first_entry) &&
	       place_read_id(reply, "last-entry", &f->last_entry) && f->added >= f->length;
}

/* Whether the number of the first entry is known: nothing was deleted behind it. */
static bool
place_knows_first(const struct place_figures *f)
{
	return f->length == 0 || entry_id_compare(f->deleted, f->first_entry) < 0;
}

bool
place_parse(const char *text, struct place *ret_place)
{
	static const struct {
		const char *word;
		enum place_start start;
	} words[] = { { "first", PLACE_FIRST }, { "last", PLACE_LAST }, { "new", PLACE_NEW } };
	struct place place = { .count = PLACE_COUNT_UNKNOWN };
	struct timespec now;
	uint64_t now_ms, ms;

	for (size_t i = 0; i < sizeof(words) / sizeof(words[0]); i++) {
		if (strcmp(text, words[i].word) == 0) {
			*ret_place = (struct place){ .start = words[i].start };
			return true;
		}
	}
	clock_gettime(CLOCK_REALTIME, &now);
	now_ms = (uint64_t)now.tv_sec * 1000 + (uint64_t)now.tv_nsec / 1000000;
	if (*text == '-' && options_parse_duration(text + 1, &ms) == 0)
		place.id.ms = ms < now_ms ? now_ms - ms : 0;
	else if (entry_id_parse(slice_of(text), 0, &place.id))
		place.is_entry = strchr(text, '-');
	else
		return false;
	if (!place.is_entry) {
		place.start = place.id.ms <= now_ms ? PLACE_TIME : PLACE_BEHIND;
		place.id = entry_id_before(place.id);
	}
	*ret_place = place;
	return true;
}

void
place_resolve(struct place *p, const struct place_figures *f)
{
	switch (p->start) {
	case PLACE_BEHIND:
		return;
	case PLACE_FIRST:
		p->id = ENTRY_ID_MIN;
		p->count = place_knows_first(f) ? f->added - f->length : PLACE_COUNT_UNKNOWN;
		break;
	case PLACE_LAST:
		p->id = f->length > 0 ? entry_id_before(f->last_entry) : f->last;
		/* What was deleted behind the last entry has a number, too, so its own is not known then. */
		p->count = entry_id_compare(f->last, f->last_entry) == 0 ? f->added - 1 : PLACE_COUNT_UNKNOWN;
		break;
	case PLACE_NEW:
		p->id = f->last;
		p->count = f->added;
		break;
	case PLACE_TIME:
		if (f->added > 0 && entry_id_compare(f->last, p->id) < 0)
			p->id = f->last; /* nothing was added since */
		p->count = PLACE_COUNT_UNKNOWN;
		place_check(p, f);
		break;
	}
	if (f->added == 0)
		p->count = 0;
	p->start = PLACE_BEHIND;
}

uint64_t
place_check(struct place *p, const struct place_figures *f)
{
	bool has_all = f->length == 0 || entry_id_compare(f->last_entry, p->id) <= 0;
	bool is_behind = !has_all && entry_id_compare(f->first_entry, p->id) > 0;
	uint64_t count = has_all ? f->added : f->added - f->length, known = p->count;

	if (!has_all && !(is_behind && place_knows_first(f)))
		return 0; /* the number of the entry at the place is not known */
	p->count = count;
	if (known != PLACE_COUNT_UNKNOWN)
		return count > known ? count - known : 0;
	return is_behind && p->is_entry && count > 0 ? PLACE_COUNT_UNKNOWN : 0;
}

bool
place_is_beyond(const struct place *p, const struct place_figures *f)
{
	return p->id.seq != UINT64_MAX && entry_id_compare(f->last, p->id) < 0;
}
