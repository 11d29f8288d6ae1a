#include "config-text.h"

#include <ctype.h>
#include <stdbool.h>
#include <string.h>

char *
config_text_trim(char *text)
{
	size_t len = strlen(text);

	while (len > 0 && isspace((unsigned char)text[len - 1]))
		text[--len] = '\0';
	while (isspace((unsigned char)*text))
		text++;
	return text;
}

/* A glob has brackets of its own, around a class of characters. */
char *
config_text_find_end(char *line)
{
	bool in_class = false;

	for (char *p = line + 1; *p; p++) {
		if (*p == ']' && !in_class)
			return p;
		if (*p == '\\' && p[1])
			p++;
		else if (*p == '[' || *p == ']')
			in_class = *p == '[';
	}
	return NULL;
}

const char *
config_text_section_name(const char *section, const char *kind)
{
	size_t len = strlen(kind);
	const char *rest = section + len;

	if (strncmp(section, kind, len) != 0 || (*rest && !isspace((unsigned char)*rest)))
		return NULL;
	while (isspace((unsigned char)*rest))
		rest++;
	return rest;
}

bool
config_text_skip_mark(FILE *file)
{
	int c = getc(file);

	if (c == 0xef)
		return getc(file) == 0xbb && getc(file) == 0xbf;
	ungetc(c, file);
	return true;
}
