/* The format of the database: what marks it as udsd's, its tables, how it is written. */
#pragma once

#include "database.h"

/* "udsd" */
#define SCHEMA_APPLICATION 0x75647364
#define SCHEMA_VERSION 2

/*
 * Prepares a connection that has just been opened; makes the tables if there are none, unless the database is damaged.
 * Only .sqlite and .failure are used. Returns 0; or a negative errno with the reason in database.failure; -EPROTO: it
 * is not a store, or one of another format.
 */
int schema_prepare(struct database *database, bool is_damaged);
