/*
 * udsctl check: one line and an exit status in the form of monitoring plugins
 * (https://www.monitoring-plugins.org/doc/guidelines.html).
 */
#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <sysexits.h>

#include "ask.h"
#include "buf.h"
#include "groups.h"
#include "human.h"
#include "loop.h"
#include "memory.h"
#include "num.h"
#include "options.h"
#include "print.h"
#include "printable.h"
#include "say.h"
#include "stats.h"

struct check_options {
	struct options common;
	uint64_t warning, critical; /* ms; 0: not given */
	struct option_limit pending_age;
	const char *lag; /* entries; or NULL */
};

/* What is looked for in the groups of streams, and what was found. */
struct check_groups {
	bool checks_lag, checks_age;
	uint64_t lag_limit, age_limit; /* entries, ms */
	uint64_t lag, age;             /* the most of any group */
	size_t n;                      /* groups beyond a limit */
	struct buf text;               /* which and by how much, of the first ones */
};

/* So many groups are named. */
#define CHECK_NAMED ((size_t)5)

static const struct option_row rows[] = {
	{ "warning", 0, "DURATION", "warn if the answer takes longer (100ms)", OPTION_DURATION,
	  offsetof(struct check_options, warning) },
	{ "critical", 0, "DURATION", "critical if the answer takes longer (1s)", OPTION_DURATION,
	  offsetof(struct check_options, critical) },
	{ "lag", 0, "COUNT", "critical if a group of a stream is behind by more entries", OPTION_NAME,
	  offsetof(struct check_options, lag) },
	{ "pending-age", 0, "DURATION", "critical if an entry is pending that was added longer ago", OPTION_LIMIT,
	  offsetof(struct check_options, pending_age) },
	OPTION_TIMEOUT_ROW,
	{ 0 },
};

/* Defaults, in ms. */
#define WARNING ((uint64_t)100)
#define CRITICAL ((uint64_t)1000)

enum { STATUS_OK, STATUS_WARNING, STATUS_CRITICAL, STATUS_UNKNOWN };

static const char *const words[] = { "OK", "WARNING", "CRITICAL", "UNKNOWN" };

/* Prints the line and returns its status. */
static int __attribute__((format(printf, 2, 3))) check_end(int status, const char *format, ...)
{
	va_list ap;

	print("UDSD %s - ", words[status]);
	va_start(ap, format);
	memory_check(buf_vprintf(print_text(), format, ap));
	va_end(ap);
	print("\n");
	return print_end(EX_OK) == EX_OK ? status : STATUS_UNKNOWN;
}

static int
check_mistake(const char *text)
{
	return check_end(STATUS_UNKNOWN, "%s", text);
}

/* What is said of a store in this state, and how bad it is; "": nothing. */
static const char *
check_store(const char *state, int *ret_status)
{
	static const struct {
		const char *state, *text;
		int status;
	} troubles[] = {
		{ "scarce", "the store has no room for new entries, ", STATUS_WARNING },
		{ "full", "the disk of the store is full, ", STATUS_CRITICAL },
		{ "failed", "the store has failed, ", STATUS_CRITICAL },
	};

	for (size_t i = 0; i < sizeof(troubles) / sizeof(troubles[0]); i++) {
		if (strcmp(state, troubles[i].state) == 0) {
			*ret_status = troubles[i].status;
			return troubles[i].text;
		}
	}
	return "";
}

/* Appends the name, without what would end the line or the text in it. */
static void
check_put_name(struct buf *b, struct slice name)
{
	size_t start = b->len;

	memory_check(buf_append(b, name.p, name.len));
	b->len = start + printable_clean((char *)b->data + start, name.len, NULL);
	for (size_t i = start; i < b->len; i++)
		if (b->data[i] == '|')
			b->data[i] = '?';
}

/* Notes that a value of the group is beyond its limit. */
static void __attribute__((format(printf, 4, 5)))
check_note(struct check_groups *c, const struct group_row *row, const char *what, const char *format, ...)
{
	va_list ap;

	if (c->n++ >= CHECK_NAMED)
		return;
	memory_check(buf_printf(&c->text, "%s of group '", what));
	check_put_name(&c->text, row->name);
	memory_check(buf_printf(&c->text, "' of stream '"));
	check_put_name(&c->text, row->stream);
	va_start(ap, format);
	memory_check(buf_vprintf(&c->text, format, ap));
	va_end(ap);
}

static void
check_group(struct check_groups *c, const struct group_row *row, uint64_t now)
{
	uint64_t age = groups_age(row, now);

	if (c->checks_lag && !row->has_lag) {
		check_note(c, row, "lag", "' is not known, ");
	} else if (c->checks_lag) {
		c->lag = row->lag > c->lag ? row->lag : c->lag;
		if (row->lag > c->lag_limit)
			check_note(c, row, "lag", "' is %" PRIu64 " (limit %" PRIu64 "), ", row->lag, c->lag_limit);
	}
	if (c->checks_age) {
		c->age = age > c->age ? age : c->age;
		if (age > c->age_limit)
			check_note(c, row, "oldest pending entry", "' is %s old (limit %s), ",
			           human_age(age / 1000).text, human_exact_duration(c->age_limit).text);
	}
}

/* Nobody has ever worked on the stream that is asked about: all of it waits. */
static int
check_without_groups(struct ask *a, struct slice stream, struct check_groups *c)
{
	const struct slice question[] = { { (const uint8_t *)"XLEN", 4 }, stream };
	const struct resp_node *reply;
	int status = ask_words(a, &reply, question, 2);

	if (status != 0)
		return status;
	if (reply->type != RESP_INTEGER || reply->integer < 0)
		return ASK_FOREIGN;
	c->lag = (uint64_t)reply->integer;
	if (c->lag <= c->lag_limit)
		return 0;
	c->n++;
	memory_check(buf_printf(&c->text, "stream '"));
	check_put_name(&c->text, stream);
	memory_check(buf_printf(&c->text, "' has %" PRIu64 " entr%s and no group (limit %" PRIu64 "), ", c->lag,
	                        c->lag == 1 ? "y" : "ies", c->lag_limit));
	return 0;
}

/* Asks for the groups, unless no limit is given. */
static int
check_ask_groups(struct ask *a, const struct check_options *o, struct check_groups *c)
{
	uint64_t now = groups_now();
	struct groups groups = { 0 };
	int status = 0;

	if (c->checks_lag || c->checks_age)
		status = groups_fetch(a, o->common.n_args > 0 ? o->common.args[0] : NULL, &groups);
	for (size_t i = 0; status == 0 && i < groups.n; i++)
		check_group(c, &groups.rows[i], now);
	if (status == 0 && c->checks_lag && groups.n == 0 && o->common.n_args > 0)
		status = check_without_groups(a, slice_of(o->common.args[0]), c);
	groups_deinit(&groups);
	if (c->n > CHECK_NAMED)
		memory_check(buf_printf(&c->text, "and %zu more, ", c->n - CHECK_NAMED));
	memory_check(buf_append(&c->text, "", 1));
	return status;
}

/* What was measured. */
struct check_values {
	double seconds; /* that the answer took */
	struct stats_sample sample;
	struct check_groups groups;
};

/* Asks the daemon. Returns 0, or an exit status with the reason in `error`. */
static int
check_ask(const struct check_options *o, struct check_values *v, char error[], size_t size)
{
	const struct resp_node *reply;
	struct ask *a = ask_new(&o->common);
	uint64_t start = loop_now_ns();
	int status;

	say_capture(error, size); /* what went wrong belongs into the line */
	status = ask(a, NULL, "PING", NULL);
	v->seconds = (double)(loop_now_ns() - start) / 1e9;
	if (status == 0)
		status = ask(a, &reply, "INFO", "streams", NULL);
	if (status == 0 && (reply->type == RESP_BULK || reply->type == RESP_VERBATIM))
		stats_read(reply->text, &v->sample);
	if (status == 0)
		status = check_ask_groups(a, o, &v->groups);
	status = status == ASK_FOREIGN ? EX_PROTOCOL : status;
	say_capture(NULL, 0);
	ask_end(a, EX_OK);
	return status;
}

/* Prints the line. warning, critical: in seconds. Returns the exit status. */
static int
check_report(const struct check_values *v, double warning, double critical)
{
	const struct check_groups *c = &v->groups;
	int status = v->seconds > critical ? STATUS_CRITICAL : v->seconds > warning ? STATUS_WARNING : STATUS_OK;
	int store_status = STATUS_OK;
	const char *store = check_store(v->sample.store_state, &store_status);
	char lag[96] = "", age[96] = "";

	status = store_status > status ? store_status : status;
	if (c->checks_lag)
		snprintf(lag, sizeof(lag), " lag=%" PRIu64 ";;%" PRIu64 ";0", c->lag, c->lag_limit);
	if (c->checks_age)
		snprintf(age, sizeof(age), " pending_age=%.3fs;;%g;0", (double)c->age / 1000,
		         (double)c->age_limit / 1000);
	return check_end(c->n > 0 ? STATUS_CRITICAL : status, "%s%sanswered in %.3f ms | latency=%.6fs;%g;%g;0%s%s",
	                 (const char *)c->text.data, store, v->seconds * 1000, v->seconds, warning, critical, lag, age);
}

static int
verb_check_run(const void *options)
{
	const struct check_options *o = options;
	double warning = (double)(o->warning > 0 ? o->warning : WARNING) / 1000;
	double critical = (double)(o->critical > 0 ? o->critical : CRITICAL) / 1000;
	struct check_values v = {
		.groups = { .checks_lag = o->lag, .checks_age = o->pending_age.given, .age_limit = o->pending_age.ms }
	};
	char error[512] = "no answer";
	int status;

	if (warning > critical)
		return check_mistake("check: --warning is longer than --critical");
	if (o->lag && num_parse_u64(o->lag, &v.groups.lag_limit) != 0)
		return check_mistake("check: --lag needs a number");
	if (o->common.n_args > 0 && !o->lag && !o->pending_age.given)
		return check_mistake("check: a stream needs --lag or --pending-age");
	status = check_ask(o, &v, error, sizeof(error));
	status = status != 0 ? check_end(STATUS_CRITICAL, "%s", error) : check_report(&v, warning, critical);
	buf_deinit(&v.groups.text);
	return status;
}

const struct verb verb_check = {
	.name = "check",
	.arguments = "[STREAM]",
	.summary = "check the daemon, for monitoring systems",
	.rows = rows,
	.args_max = 1,
	.n_names = 1,
	.options_size = sizeof(struct check_options),
	.run = verb_check_run,
	.mistake = check_mistake,
};
