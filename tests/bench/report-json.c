#include <err.h>
#include <jansson.h>
#include <math.h>
#include <sys/utsname.h>
#include <unistd.h>

#include "peer.h"
#include "report.h"
#include "work.h"

/* Returns null for NAN, which JSON lacks. Rounds, so that people can compare files. */
static json_t *
report_json_number(double value)
{
	return isfinite(value) ? json_real(round(value * 1000) / 1000) : json_null();
}

static json_t *
report_json_goal(double goal)
{
	return goal > 0 ? json_real(goal) : json_null();
}

static json_t *
report_json_machine(void)
{
	struct utsname name;

	uname(&name);
	return json_pack("{s:s, s:s, s:s, s:I}", "system", name.sysname, "release", name.release, "machine",
	                 name.machine, "cpus", (json_int_t)sysconf(_SC_NPROCESSORS_ONLN));
}

static json_t *
report_json_servers(const struct report *r)
{
	json_t *servers = json_object();

	for (size_t p = 0; p < peer_count; p++)
		json_object_set_new(servers, peer_table[p].name, json_string(report_version(r, p)));
	return servers;
}

static json_t *
report_json_figure(const struct report *r, const struct figure *figure)
{
	json_t *values = json_object();

	for (size_t p = 0; p < peer_count; p++)
		json_object_set_new(values, peer_table[p].name, report_json_number(report_figure(r, figure, p)));
	return json_pack("{s:s, s:s, s:s, s:s, s:o, s:o, s:o, s:o, s:o, s:o}", "work", figure->work, "metric",
	                 metric_table[figure->metric].key, "title", figure->title, "unit", figure_unit(figure),
	                 "values", values, "goal", report_json_goal(figure->goal), "of_redis",
	                 report_json_number(report_figure_part(r, figure, "redis")), "of_redis_goal",
	                 report_json_goal(figure->of_redis), "of_floor",
	                 report_json_number(report_figure_part(r, figure, "floor")), "of_floor_goal",
	                 report_json_goal(figure->of_floor));
}

static json_t *
report_json_metric(const struct report *r, size_t work, size_t peer, enum metric m)
{
	return json_pack("{s:o, s:o, s:o, s:o}", "median", report_json_number(report_median(r, work, peer, m)),
	                 "spread", report_json_number(report_spread(r, work, peer, m)), "of_redis",
	                 report_json_number(report_part(r, work, peer, m, peer_find("redis"))), "of_floor",
	                 report_json_number(report_part(r, work, peer, m, peer_find("floor"))));
}

/* The metrics of the server in this work, or NULL if there are none. */
static json_t *
report_json_result(const struct report *r, size_t work, size_t peer)
{
	json_t *result = NULL;

	for (enum metric m = 0; m < METRIC_COUNT; m++) {
		if (!isfinite(report_median(r, work, peer, m)))
			continue;
		if (!result)
			result =
			    json_pack("{s:s, s:s}", "work", work_table[work].name, "server", peer_table[peer].name);
		json_object_set_new(result, metric_table[m].key, report_json_metric(r, work, peer, m));
	}
	return result;
}

void
report_write_json(const struct report *r, const char *path)
{
	json_t *figures = json_array(), *results = json_array(), *root, *result;

	for (size_t i = 0; i < figure_count; i++)
		if (isfinite(report_figure(r, &figure_table[i], peer_find("udsd"))))
			json_array_append_new(figures, report_json_figure(r, &figure_table[i]));
	for (size_t w = 0; w < work_count; w++)
		for (size_t p = 0; p < peer_count; p++)
			if ((result = report_json_result(r, w, p)))
				json_array_append_new(results, result);
	root = json_pack("{s:o, s:o, s:i, s:i, s:o, s:o}", "machine", report_json_machine(), "servers",
	                 report_json_servers(r), "rounds", (int)report_rounds(r), "milliseconds",
	                 (int)report_milliseconds(r), "figures", figures, "results", results);
	if (!root || json_dump_file(root, path, JSON_INDENT(1) | JSON_REAL_PRECISION(8)) < 0)
		err(1, "%s", path);
	json_decref(root);
}
