/*
 * A snapshot as a table: the channels or the clients, those that pass a filter, sorted by a column, with one
 * row that may be selected. It makes lines of text, and knows no terminal.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "buf.h"
#include "snapshot.h"

enum view_kind { VIEW_CHANNELS, VIEW_CLIENTS, VIEW_KINDS };

/* How much attention something deserves. */
enum view_tone { VIEW_PLAIN, VIEW_NOTABLE, VIEW_BAD };

#define VIEW_FILTER_MAX 64

struct view_row;

struct view {
	enum view_kind kind;
	bool unicode;            /* the terminal shows UTF-8 */
	bool is_local;           /* clients' processes are those of this host */
	size_t sort[VIEW_KINDS]; /* column */
	bool reversed[VIEW_KINDS];
	char filter[VIEW_FILTER_MAX]; /* "": all pass */

	struct view_row *rows;
	size_t n_rows, cap;
	double largest; /* of what the bars show */
	size_t top;     /* the first row that is seen */

	bool has_selection;
	size_t selected; /* row */
	uint64_t selected_id;
	struct buf selected_name;
};

void view_init(struct view *v, bool unicode, bool is_local);
void view_deinit(struct view *v);

/* Sorts by the column of this key, and shows the kind that has it. Returns false where there is none. */
bool view_sort_by(struct view *v, const char *key);

/* All keys, with blanks between them; NUL-terminated. */
void view_keys(char *out, size_t size);

/* Another column, so many to the right (left if negative), round the ends. */
void view_move_sort(struct view *v, int columns);

/* The title of the column that it is sorted by. */
const char *view_sort_title(const struct view *v);

/* To be called after each change of the snapshot, kind, sorting or filter: the rows are in order, and the same thing
 * is selected as before if it is still there. */
void view_update(struct view *v, struct snapshot *s);

/* Selects the row that is so many below the one that is (or the first, where none is). */
void view_move(struct view *v, const struct snapshot *s, long rows);
void view_unselect(struct view *v);

/* Moves the rows seen, `height` of them, so that the selected one is among them. */
void view_scroll(struct view *v, size_t height);

/* Appends a line of `width` columns. */
void view_put_heading(const struct view *v, struct buf *out, size_t width);
void view_put_row(const struct view *v, struct snapshot *s, size_t row, struct buf *out, size_t width);

enum view_tone view_row_tone(const struct view *v, const struct snapshot *s, size_t row);

/* The client of the row that is selected, or NULL. */
const struct snapshot_client *view_selected_client(const struct view *v, const struct snapshot *s);
