/* The columns of the two tables: what is in them, and how wide they are. */
#pragma once

#include "view.h"

#define VIEW_COLUMNS_MAX 16

enum view_figure {
	VIEW_TEXT,
	VIEW_NUMBER, /* as it is */
	VIEW_COUNT,
	VIEW_RATE, /* "-" where the snapshot has none */
	VIEW_BYTES,
	VIEW_AGE,
	VIEW_BAR, /* of the column sorted by; has no key */
};

struct view_column {
	const char *key; /* for --sort; NULL: cannot be sorted by */
	const char *title;
	enum view_figure figure;
	size_t width; /* least */
	size_t rank;  /* the higher, the sooner it is left out where there is no room */
	bool grows;   /* takes the room that is left */
	/* One of the two; index: of the client or channel. */
	double (*number)(const struct snapshot *s, size_t index);
	struct slice (*text)(const struct view *v, struct snapshot *s, size_t index);
};

/* They end with one without a title. */
extern const struct view_column *const view_columns[VIEW_KINDS];

size_t view_n_columns(enum view_kind kind);

/* How much of its bar a row fills, 0 to 1, and what it shows of the snapshot. */
double view_row_bar(const struct view *v, const struct snapshot *s, size_t row);
size_t view_row_index(const struct view *v, size_t row);
