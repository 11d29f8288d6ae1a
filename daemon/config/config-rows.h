/*
 * The keys of the configuration: one row each, with the type of its value, where it is stored, and its default.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include "config-data.h"
#include "config-types.h"

struct config_row {
	enum config_scope scope;
	const char *section, *key;
	const struct config_type *type;
	size_t offset;
	const char *initial; /* the default, as text; NULL: the key has none */
	struct config_bounds bounds;
};

/* There are at most CONFIG_ROWS_MAX. */
#define CONFIG_ROWS_MAX 64
extern const struct config_row config_rows[];
extern const size_t config_n_rows;

/* Sets what the row describes in the struct at base. Returns 0, -ENOMEM or -EINVAL; then *ret_error says why. */
int config_set_value(const struct config_row *row, void *base, const char *text, struct config_error *ret_error);

/* The row of a key of listeners, for options on the command line; or NULL. */
const struct config_row *config_listener_row(const char *key);

/* Writes "KEY = VALUE" from the struct at base; nothing for a list that was not given, which no text stands for. */
void config_print_value(const struct config_row *row, const void *base, FILE *out);
