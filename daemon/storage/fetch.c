#include "fetch.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "load.h"

void
fetch_run(struct fetch *fetch, struct database *database, const struct changes *batch)
{
	enum changes_find find = CHANGES_UNTOUCHED;
	struct slice value;

	if (batch)
		find = changes_find_block(batch, fetch->stream, fetch->id, &value);
	if (find == CHANGES_UNTOUCHED) {
		fetch->error = load_block(database, fetch->stream, fetch->id, &fetch->data, &fetch->len);
	} else if (find == CHANGES_DELETED) {
		fetch->error = -ENOENT;
	} else if ((fetch->data = malloc(value.len + 1))) {
		memcpy(fetch->data, value.p, value.len);
		fetch->len = value.len;
	} else {
		fetch->error = -ENOMEM;
	}
}

void
fetch_drop_all(struct fetch_list *list)
{
	struct fetch *fetch;

	while ((fetch = STAILQ_FIRST(list))) {
		STAILQ_REMOVE_HEAD(list, link);
		free(fetch->data);
		free(fetch);
	}
}
