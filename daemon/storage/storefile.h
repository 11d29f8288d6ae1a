/* The files of a store: their directory, the lock that keeps two daemons apart, and the database, opened and checked.
 */
#pragma once

#include <stddef.h>

#include "database.h"

#define STOREFILE_DATABASE "store.db"

struct storefile {
	int directory_fd, lock_fd;
	char *path;     /* of the database */
	char *log_path; /* of its write-ahead log */
};

/*
 * Makes what is missing. Returns 0; or -errno and a sentence in error[]: -EBUSY another process has the store, -EPROTO
 * it has a format that is not known, -EBADMSG it is damaged. is_damaged: it is only read, and opened if anything can
 * be.
 */
int storefile_open(const char *directory, bool is_damaged, struct storefile *ret_file, struct database *ret_database,
                   char *error, size_t error_size);

/* After database_deinit(). */
void storefile_close(struct storefile *file);

/* Writes a sentence about a failure of the database into error[]. Returns the negative errno. */
int storefile_explain(const struct storefile *file, const struct database *database, char *error, size_t error_size);
