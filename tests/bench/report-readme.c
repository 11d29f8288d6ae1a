#include <err.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "cleanup.h"
#include "peer.h"
#include "report.h"

#define BEGIN "<!-- bench -->\n"
#define END "<!-- /bench -->\n"

static void
write_row(const struct report *r, const struct figure *figure, FILE *f)
{
	char text[FIGURE_TEXT_SIZE];

	if (!isfinite(report_figure(r, figure, peer_find("udsd"))))
		return;
	fprintf(f, "| %s, %s |", figure->title, figure_unit(figure));
	for (size_t p = 0; p < peer_count; p++)
		fprintf(f, " %s |", figure_format(report_figure(r, figure, p), text));
	fprintf(f, " %s |", figure_format(figure->against ? NAN : report_part(r, figure, "redis"), text));
	fprintf(f, " %s |\n", figure_format(figure->against ? NAN : report_part(r, figure, "floor"), text));
}

static void
write_table(const struct report *r, FILE *f)
{
	fprintf(f, "| |");
	for (size_t p = 0; p < peer_count; p++)
		fprintf(f, " %s |", peer_table[p].name);
	fprintf(f, " of redis | of the floor |\n|---|");
	for (size_t p = 0; p < peer_count + 2; p++)
		fprintf(f, "---:|");
	fprintf(f, "\n");
	for (size_t i = 0; i < figure_count; i++)
		write_row(r, &figure_table[i], f);
	fprintf(f, "\nMedians of %u rounds of %u ms on %ld CPUs:", report_rounds(r), report_milliseconds(r),
	        sysconf(_SC_NPROCESSORS_ONLN));
	for (size_t p = 0, n = 0; p < peer_count; p++)
		if (report_version(r, p)[0])
			fprintf(f, "%s\n%s", n++ ? "," : "", report_version(r, p));
	fprintf(f, ".\n");
}

static char *
read_text(const char *path)
{
	_cleanup_fclose_ FILE *f = fopen(path, "re");
	char *text = NULL;
	size_t size = 0;

	if (!f || getdelim(&text, &size, '\0', f) < 0)
		err(1, "%s", path);
	return text;
}

void
report_write_readme(const struct report *r, const char *path)
{
	_cleanup_free_ char *text = read_text(path);
	const char *begin = strstr(text, BEGIN), *end = begin ? strstr(begin, END) : NULL;
	_cleanup_fclose_ FILE *f = NULL;

	if (!end)
		errx(1, "%s: the lines %.14s and %.15s are not there", path, BEGIN, END);
	f = fopen(path, "we");
	if (!f)
		err(1, "%s", path);
	fprintf(f, "%.*s", (int)(begin - text + (ptrdiff_t)strlen(BEGIN)), text);
	write_table(r, f);
	fprintf(f, "%s", end);
	if (fflush(f) != 0 || ferror(f))
		err(1, "%s", path);
}
