/* The verbs of udsctl, and the help that is made from their rows. */
#pragma once

#include "options.h"

/* NULL where there is none. */
const struct verb *verbs_find(const char *name);

/* Says that there is no such verb, with the nearest one. */
void verbs_report_unknown(const char *name);

/* A short usage on stderr. */
void verbs_usage(void);

/* The help of one verb, or of udsctl where verb is NULL, on stdout. Returns the exit status. */
int verbs_help(const struct verb *verb);
