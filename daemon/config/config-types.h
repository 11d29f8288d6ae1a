/* The types of the values in a configuration: how text becomes a value, and a value text again. */
#pragma once

#include <stdint.h>
#include <stdio.h>

/* Of numbers: their least and their greatest value. */
struct config_bounds {
	uint64_t min, max;
};

/* What is wrong with a value, for people: "'8X' is not a size (try 8M; units are K, M and G)". */
struct config_error {
	char text[512];
};

/* A word, a number, or what parse reads: exactly one of words, parse_number and parse is set. */
struct config_type {
	const char *const *words;
	int n_words;

	int (*parse_number)(const char *text, uint64_t *ret_value); /* as in num.h */
	const char *unit;                                           /* of the bounds, or NULL */

	/* Returns 0, -ENOMEM, or -EINVAL and why in ret_error, unless only `expected` is to be said. */
	int (*parse)(const char *text, void *at, struct config_error *ret_error);
	void (*print)(const void *at, FILE *out); /* of numbers as well */

	const char *expected; /* what the text should be, for people */
};

/* Named after what the value is, and what a row's member must be. */
extern const struct config_type config_type_log_level;  /* int: enum log_level */
extern const struct config_type config_type_duration;   /* uint64_t, in ms */
extern const struct config_type config_type_durations;  /* struct stream_delays, of up to 30 days each */
extern const struct config_type config_type_size;       /* uint64_t, in bytes */
extern const struct config_type config_type_count;      /* uint64_t */
extern const struct config_type config_type_address;    /* struct addr_list */
extern const struct config_type config_type_mode;       /* int: enum mode */
extern const struct config_type config_type_socket;     /* int: enum mode_type */
extern const struct config_type config_type_switch;     /* bool */
extern const struct config_type config_type_channel;    /* char[PROTOCOL_NAME_MAX + 1] */
extern const struct config_type config_type_bits;       /* unsigned int: permissions of a file */
extern const struct config_type config_type_user;       /* uid_t; (uid_t)-1 if the text is empty */
extern const struct config_type config_type_group;      /* gid_t; likewise */
extern const struct config_type config_type_principals; /* struct access_list */
extern const struct config_type config_type_store;      /* char[STORE_PATH_MAX + 1]: a directory, "auto" or "none" */

/* Sets *at from text. Returns 0, -ENOMEM or -EINVAL; on failure *at is unchanged and *ret_error says why. */
int config_type_parse(const struct config_type *type, const char *text, const struct config_bounds *bounds, void *at,
                      struct config_error *ret_error);

/* Writes the value at `at` as text that config_type_parse() reads. */
void config_type_print(const struct config_type *type, const void *at, FILE *out);
