/* The verbs of udsctl by name, and the help, which is made from their tables of options. */
#pragma once

#include "options.h"

/* Returns NULL if there is no such verb. */
const struct verb *verbs_find(const char *name);

/* Says that there is no such verb, and which name is nearest. */
void verbs_report_unknown(const char *name);

/* Prints a short usage on standard error. */
void verbs_usage(void);

/* Prints the help of one verb, or if verb is NULL of udsctl, on standard output. Returns the exit status. */
int verbs_help(const struct verb *verb);
