/* The text of one line of the configuration file. */
#pragma once

#include <stdbool.h>
#include <stdio.h>

/* Returns the text without the blanks around it; writes over those at its end. */
char *config_text_trim(char *text);

/* Finds the bracket that ends the section which the line begins with '['; or NULL. */
char *config_text_find_end(char *line);

/* The name in a section such as "listener NAME", or NULL for a section of another kind. */
const char *config_text_section_name(const char *section, const char *kind);

/* Some editors begin a file with a mark of UTF-8. Returns whether the file begins with that or with text. */
bool config_text_skip_mark(FILE *file);
