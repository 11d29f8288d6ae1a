#include <err.h>
#include <math.h>
#include <string.h>
#include <unistd.h>

#include "cleanup.h"
#include "peer.h"
#include "report.h"

#define BEGIN "<!-- bench -->\n"
#define END "<!-- /bench -->\n"

static void
markdown_write_row(const struct report *r, const struct figure *figure, FILE *f)
{
	char text[FIGURE_TEXT_SIZE];

	if (!isfinite(report_figure(r, figure, peer_find("udsd"))))
		return;
	fprintf(f, "| %s, %s |", figure->title, figure_unit(figure));
	for (size_t p = 0; p < peer_count; p++)
		fprintf(f, " %s |", figure_format(report_figure(r, figure, p), text));
	fprintf(f, " %s |", figure_format(report_figure_part(r, figure, "redis"), text));
	fprintf(f, " %s |\n", figure_format(report_figure_part(r, figure, "floor"), text));
}

static void
markdown_write_table(const struct report *r, FILE *f)
{
	fprintf(f, "| |");
	for (size_t p = 0; p < peer_count; p++)
		fprintf(f, " %s |", peer_table[p].name);
	fprintf(f, " of redis | of the floor |\n|---|");
	for (size_t i = 0; i < peer_count + 2; i++)
		fprintf(f, "---:|");
	fprintf(f, "\n");
	for (size_t i = 0; i < figure_count; i++)
		markdown_write_row(r, &figure_table[i], f);
	fprintf(f, "\nMedians of %u rounds of %u ms on a machine with %ld CPUs.", report_rounds(r),
	        report_milliseconds(r), sysconf(_SC_NPROCESSORS_ONLN));
	for (size_t p = 0, n = 0; p < peer_count; p++)
		if (report_version(r, p)[0])
			fprintf(f, "%s %s %s", n++ ? "," : "\nServers:", peer_table[p].name, report_version(r, p));
	fprintf(f, ".\n");
}

/* Reads the file and appends a NUL. */
static void
markdown_read(const char *path, struct buf *text)
{
	_cleanup_fclose_ FILE *f = fopen(path, "re");
	char block[4096];
	size_t n;

	if (!f)
		err(1, "%s", path);
	while ((n = fread(block, 1, sizeof(block), f)) > 0)
		protocol_add(text, block, n);
	if (ferror(f))
		err(1, "%s", path);
	protocol_add(text, "", 1);
}

void
report_write_markdown(const struct report *r, const char *path)
{
	_cleanup_fclose_ FILE *f = NULL;
	struct buf text = { 0 };
	const char *begin, *end;

	markdown_read(path, &text);
	begin = strstr((const char *)text.data, BEGIN);
	end = begin ? strstr(begin, END) : NULL;
	if (!end)
		errx(1, "%s: lacks the lines %.14s and %.15s", path, BEGIN, END);
	f = fopen(path, "we");
	if (!f)
		err(1, "%s", path);
	begin += strlen(BEGIN);
	fwrite(text.data, 1, (size_t)((const uint8_t *)begin - text.data), f);
	markdown_write_table(r, f);
	fputs(end, f);
	buf_deinit(&text);
	if (fflush(f) != 0 || ferror(f))
		err(1, "%s", path);
}
