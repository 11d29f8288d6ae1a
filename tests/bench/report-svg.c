/*
 * A chart of horizontal bars for a README: a group of bars for each charted figure, in proportion to redis-server's
 * bar, so that figures of different units fit into one chart. It is readable on light and dark pages.
 */
#include <err.h>
#include <math.h>

#include "cleanup.h"
#include "peer.h"
#include "report.h"

#define WIDTH 800
#define LEFT 300            /* left end of the bars */
#define BAR_MAX 410         /* the longest one */
#define BAR_REFERENCE 180.0 /* length of redis-server's bar, or of udsd's if there is none */
#define BAR_HEIGHT 9
#define BAR_STEP 12
#define GROUP_GAP 12
#define TOP 60
#define LEGEND_COLUMNS 4

static const char style[] =
    "<style>text{font:12px sans-serif;fill:#1f2328}.v{font-size:10px;fill:#59636e}.udsd{fill:#1f6feb}"
    ".redis{fill:#d1242f}.redis-everysec{fill:#fb8f44}.nats{fill:#8250df}.mosquitto{fill:#bf8700}"
    ".dbus-broker{fill:#1a7f37}.floor{fill:#8c959f}"
    "@media(prefers-color-scheme:dark){text{fill:#e6edf3}.v{fill:#9198a1}.udsd{fill:#58a6ff}.redis{fill:#f85149}"
    ".nats{fill:#bc8cff}.mosquitto{fill:#d29922}.dbus-broker{fill:#3fb950}.floor{fill:#6e7681}}</style>\n";

static unsigned int
svg_count_bars(const struct report *r, const struct figure *figure)
{
	unsigned int n = 0;

	for (size_t p = 0; figure->is_charted && p < peer_count; p++)
		n += isfinite(report_figure(r, figure, p)) != 0;
	return n;
}

static void
svg_write_bar(const struct report *r, const struct figure *figure, size_t peer, double reference, unsigned int y,
              FILE *f)
{
	double value = report_figure(r, figure, peer), length = fmax(1, value / reference * BAR_REFERENCE);
	char text[FIGURE_TEXT_SIZE];

	fprintf(f, "<rect class=\"%s\" x=\"%d\" y=\"%u\" width=\"%.0f\" height=\"%d\"/>", peer_table[peer].name, LEFT,
	        y, fmin(length, BAR_MAX), BAR_HEIGHT);
	fprintf(f, "<text class=\"v\" x=\"%.0f\" y=\"%u\">%s%s %s</text>\n", LEFT + fmin(length, BAR_MAX) + 4,
	        y + BAR_HEIGHT, length > BAR_MAX ? "&#187; " : "", figure_format(value, text), figure_unit(figure));
}

/* Returns y of the next group. */
static unsigned int
svg_write_group(const struct report *r, const struct figure *figure, unsigned int y, FILE *f)
{
	double redis = report_figure(r, figure, peer_find("redis"));
	double reference = isfinite(redis) ? redis : report_figure(r, figure, peer_find("udsd"));
	unsigned int n = svg_count_bars(r, figure);

	if (n == 0 || !isfinite(reference))
		return y;
	fprintf(f, "<text x=\"%d\" y=\"%u\" text-anchor=\"end\">%s</text>\n", LEFT - 8, y + n * BAR_STEP / 2 + 3,
	        figure->title);
	for (size_t p = 0; p < peer_count; p++)
		if (isfinite(report_figure(r, figure, p))) {
			svg_write_bar(r, figure, p, reference, y, f);
			y += BAR_STEP;
		}
	return y + GROUP_GAP;
}

static void
svg_write_legend(FILE *f)
{
	for (size_t p = 0; p < peer_count; p++) {
		int x = LEFT + (int)(p % LEGEND_COLUMNS) * 120, y = 16 + (int)(p / LEGEND_COLUMNS) * 16;

		fprintf(f,
		        "<rect class=\"%s\" x=\"%d\" y=\"%d\" width=\"10\" height=\"10\"/><text x=\"%d\" "
		        "y=\"%d\">%s</text>\n",
		        peer_table[p].name, x, y, x + 15, y + 9, peer_table[p].name);
	}
}

void
report_write_svg(const struct report *r, const char *path)
{
	_cleanup_fclose_ FILE *f = fopen(path, "we");
	unsigned int height = TOP, y = TOP;

	if (!f)
		err(1, "%s", path);
	for (size_t i = 0; i < figure_count; i++)
		if (svg_count_bars(r, &figure_table[i]) > 0)
			height += svg_count_bars(r, &figure_table[i]) * BAR_STEP + GROUP_GAP;
	fprintf(f, "<svg xmlns=\"http://www.w3.org/2000/svg\" width=\"%d\" height=\"%u\" viewBox=\"0 0 %d %u\">\n",
	        WIDTH, height, WIDTH, height);
	fprintf(f, "<title>CPU time and memory of udsd beside other servers; shorter is better</title>\n%s", style);
	fprintf(f, "<text x=\"%d\" y=\"25\" text-anchor=\"end\">shorter is better</text>\n", LEFT - 8);
	svg_write_legend(f);
	for (size_t i = 0; i < figure_count; i++)
		y = svg_write_group(r, &figure_table[i], y, f);
	fprintf(f, "</svg>\n");
	if (fflush(f) != 0 || ferror(f))
		err(1, "%s", path);
}
