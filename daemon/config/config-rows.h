/*
 * The keys of the configuration: one row each, with the type of its value, where it is stored, and its default.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

enum config_type_id {
	TYPE_LOG_LEVEL,
	TYPE_DURATION,
	TYPE_SIZE,
	TYPE_COUNT,
	TYPE_ADDR,
	TYPE_MODE,
	TYPE_SOCKET,
	TYPE_SWITCH,
	TYPE_CHANNEL,
	TYPE_BITS,
	TYPE_USER,
	TYPE_GROUP,
	TYPE_PRINCIPALS,
	TYPE_SLOW
};

/* What offsets are into: struct config, or for sections that have a name struct listener_config or access_rule. */
enum config_scope { SCOPE_CONFIG, SCOPE_LISTENER, SCOPE_CHANNEL };

struct config_row {
	enum config_scope scope;
	const char *section, *key;
	enum config_type_id type;
	size_t offset;
	const char *initial;
	uint64_t min, max; /* of a number */
};

extern const struct config_row config_rows[];
extern const size_t config_n_rows;

/* The part of a value that is wrong. */
struct config_bad_part {
	char text[64];
};

/* Sets what the row describes in the struct at base. Returns 0, negative for a bad value, or ADDR_E_*. */
int config_set_value(const struct config_row *row, void *base, const char *text, struct config_bad_part *ret_bad);

/* The row of a key of listeners, for options on the command line; or NULL. */
const struct config_row *config_listener_row(const char *key);

/* What a value of the type looks like, for people. */
const char *config_expected(enum config_type_id type);

/* Writes "KEY = VALUE" from the struct at base. */
void config_print_value(const struct config_row *row, const void *base, FILE *out);

/* Whether the struct at base has a value for the row: a list that was not given has no text. */
bool config_has_value(const struct config_row *row, const void *base);
