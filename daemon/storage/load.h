/* Reads what the database has. Functions return 0 or a negative errno. */
#pragma once

#include "database.h"
#include "storage-data.h"

/* Calls the functions of the loader for all that is stored. Fails with its error, or with the reason in
 * database.failure. */
int load_all(struct database *database, const struct storage_loader *loader);

/* Reads a block, which the caller frees. -ENOENT: there is none; -EBADMSG: it is damaged. */
int load_block(struct database *database, uint64_t stream, const uint8_t id[STORAGE_ID_SIZE], uint8_t **ret_data,
               size_t *ret_len);
