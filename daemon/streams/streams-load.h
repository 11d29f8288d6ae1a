/* Reads what is in the store at the start. */
#pragma once

#include "streams-data.h"

/* What is damaged is logged and left out. Returns 0, or -errno, which is logged. */
int streams_load(struct streams *streams);
