/* What stands above the tables: a snapshot in a few lines, and what deserves attention in it. */
#pragma once

#include <stdbool.h>
#include <stddef.h>

#include "buf.h"
#include "view.h"

/* Each appends a line without its end. */
void report_put_title(struct buf *out, const struct snapshot *s, const char *address);
void report_put_traffic(struct buf *out, const struct snapshot *s);
void report_put_load(struct buf *out, const struct snapshot *s);

/* What is wrong, the worst first; nothing where nothing is. */
enum view_tone report_put_warning(struct buf *out, const struct view *v, const struct snapshot *s);

/* "Channels 12  Clients 40": with the one that is shown in brackets, and what is left out. */
void report_put_views(struct buf *out, const struct view *v, const struct snapshot *s);
