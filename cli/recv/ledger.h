/*
 * What recv has handled of streams, and that it is remembered: the positions, and with --into the file that goes with
 * them. Without --position and --into nothing is kept.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "marks.h"
#include "positions.h"
#include "timer.h"

struct into;
struct loop;
struct place;
struct recv_options;
struct sink;

struct ledger {
	struct loop *loop;
	struct sink *sink;
	const struct recv_options *o;
	char *path; /* of the positions; or NULL */
	struct positions positions;
	struct marks marks;
	struct into *into; /* or NULL */
	bool is_dirty;     /* positions are not saved */
	bool is_taking;    /* entries of an answer are being taken */
	bool has_failed;
	uint64_t saved_at; /* loop_now() */
	struct timer save_timer;
};

/* Opens the files. Returns 0, or an exit status after saying why; ledger_deinit() is needed in any case. */
int ledger_init(struct ledger *l, struct loop *loop, struct sink *sink, const struct recv_options *o);
void ledger_deinit(struct ledger *l);

/* Where the stream was left, if it was read before. */
const struct position *ledger_find(const struct ledger *l, struct slice stream);

/* Reading the stream begins behind this place: that is remembered unless a place is already. */
void ledger_begin(struct ledger *l, struct slice stream, const struct place *place);

/* Call before an entry is taken into the sink. Returns false where it cannot be, and the loop ends. */
bool ledger_take(struct ledger *l);

/* The entry at this place was taken into the sink; it is handled when the sink says so. stream: must stay. */
void ledger_took(struct ledger *l, struct slice stream, const struct place *place);

/* All entries of an answer were taken. Returns false where they cannot be written, and the loop ends. */
bool ledger_took_all(struct ledger *l);

/* The sink has handled something: that is saved, now or soon. */
void ledger_handled(struct ledger *l);

/* Saves what was handled. Returns 0, or an exit status after saying why: then the loop ends. */
int ledger_save(struct ledger *l);
