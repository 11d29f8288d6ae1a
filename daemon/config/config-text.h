/* The text of one line of the configuration file. */
#pragma once

/* Returns the text without the blanks around it; writes over those at its end. */
char *config_text_trim(char *text);

/* Finds the bracket that ends the section which the line begins with '['; or NULL. */
char *config_text_find_end(char *line);
