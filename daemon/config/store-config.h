/* [store] of the configuration: where streams are kept, and within which limits. */
#pragma once

#include <stdbool.h>

#include "storage.h"
#include "streams-data.h"

/* Bytes of the path of the directory, which leaves room for the names of the files in it. */
#define STORE_PATH_MAX ((size_t)1000)

struct store_config {
	/* "none": no streams. "auto", until options_load_config() says which directory that is. */
	char directory[STORE_PATH_MAX + 1];
	bool is_optional; /* if the directory cannot be made, there are no streams */
	struct storage_limits disk;
	struct streams_limits streams;
};
