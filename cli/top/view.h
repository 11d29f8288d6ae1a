/*
 * A snapshot as a table: its channels, clients, streams, groups or services, those that pass a filter, sorted by a
 * column, with one row that may be selected. Makes lines of text, and does not know where they are shown.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>

#include "buf.h"
#include "screen.h"
#include "snapshot.h"

struct view {
	struct snapshot *snapshot; /* what it shows; the owner's */
	enum snapshot_kind kind;
	bool unicode;                /* the terminal shows UTF-8 */
	bool is_local;               /* clients are processes of this host */
	size_t sort[SNAPSHOT_LISTS]; /* column */
	bool reversed[SNAPSHOT_LISTS];
	char filter[64]; /* "": all rows pass */

	struct snapshot_row **rows; /* those that pass, in order */
	size_t n_rows, cap;
	double largest; /* of the number that the bars show */
	size_t top;     /* the first row on the screen */

	bool has_selection;
	size_t selected; /* row */
	double selected_id;
	struct buf selected_key;
};

void view_init(struct view *v, struct snapshot *snapshot, bool unicode, bool is_local);
void view_deinit(struct view *v);

/* Whether there is such a table: of streams and groups only if the daemon has a store, of services if it has some. */
bool view_has(const struct view *v, enum snapshot_kind kind);
void view_show_next(struct view *v);

/* Sorts by the column with this key, and shows the table that has it. Returns false where no column has it. */
bool view_sort_by(struct view *v, const char *key);

/* All keys, separated by blanks; NUL-terminated. */
void view_keys(char *out, size_t size);

/* Sorts by the column that is so many to the right (or left, if negative), going round at the ends. */
void view_move_sort(struct view *v, int columns);

/*
 * To be called after each change of the snapshot, kind, sorting or filter: puts the rows in order, and selects what
 * was selected before if it is still there.
 */
void view_update(struct view *v);

/* Moves the selection down by so many rows; without a selection it begins at the first row. */
void view_move(struct view *v, long rows);
void view_unselect(struct view *v);

/* Moves the part on the screen, `height` rows, so that it has the selected row. */
void view_scroll(struct view *v, size_t height);

/* Appends a row, or with NULL the heading, at most `width` columns wide. */
void view_put_line(const struct view *v, struct snapshot_row *row, struct buf *out, size_t width);

/* The client that is selected, or NULL. */
struct snapshot_row *view_selected_client(const struct view *v);

/* The program of a client, "-" where that is unknown. Asks the system once for each client. */
const char *view_command(const struct view *v, struct snapshot_row *client);
