/*
 * The configuration: an INI file (udsd.conf(5)) read into a snapshot that is checked as a whole and never
 * changed afterwards. Each key is a row of the table in config-rows.c.
 */
#pragma once

#include <stdio.h>

#include "config-data.h"

struct buf;

/* A configuration with the defaults and no listener, or NULL when there is no memory. */
struct config *config_new(void);

/* Takes NULL. */
void config_free(struct config *config);

/* A listener with the defaults, or NULL when there is no memory. The caller frees it. */
struct listener_config *config_new_listener(const char *name);

/* Adds a listener with the defaults. Returns it, or NULL when there is no memory. */
struct listener_config *config_add_listener(struct config *config, const char *name);

/*
 * Adds a rule with the defaults, behind the others of its scope: a struct access_rule for SCOPE_CHANNEL, service_rule
 * for SCOPE_SERVICE, stream_rule for SCOPE_STREAM. Returns it, or NULL when there is no memory.
 */
void *config_add_rule(struct config *config, enum config_scope scope, const char *glob);

/* Whether there is one with this name or pattern already. */
bool config_has_rule(const struct config *config, enum config_scope scope, const char *glob);

/* Writes the whole configuration in the form that config_read() reads. */
void config_print(const struct config *config, FILE *out);

/*
 * Reads the file on top of config. Every mistake adds a line "FILE:LINE: KEY: what is wrong" to mistakes.
 * Returns 0, -EINVAL when there were mistakes, or -errno when the file cannot be read (mistakes then says so).
 */
int config_read(struct config *config, const char *path, struct buf *mistakes);
