/*
 * udsd-bench: measures several servers on the same work in one run. Within each work of a round the servers take turns,
 * so that a disturbance of the machine affects all of them; each measurement starts a new server. The main figure is
 * the server's CPU time per operation: operations per second depend as much on the load generator.
 *
 * On a core of its own the generator never sleeps. Otherwise the server would pay for waking it, which in a virtual
 * machine costs more than the message itself and would hide the figure.
 */
#include <err.h>
#include <fnmatch.h>
#include <getopt.h>
#include <sched.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>

#include "measure.h"
#include "num.h"
#include "peer.h"
#include "proc.h"
#include "report.h"
#include "work.h"

#define NUMBER_MAX 100000
#define LINES 5000000
#define LINES_QUICK 20000

struct bench {
	const char *udsd;
	const char *glob;
	const char *json; /* files to write; NULL: none */
	const char *svg;
	const char *table; /* a Markdown file */
	unsigned int rounds;
	struct measure measure;
	char (*programs)[PATH_MAX]; /* one for each row of peer_table; "": not measured */
};

static const char help[] =
    "usage: udsd-bench [OPTION]...\n"
    "Measures udsd beside other servers and beside udsd-floor, which only moves the bytes, on the same work,\n"
    "and prints medians. Servers that are not installed are left out.\n\n"
    "  --udsd PATH        the udsd to measure\n"
    "  --udsctl PATH      the udsctl to measure\n"
    "  --peers LIST       only these of udsd,redis,redis-everysec,nats,mosquitto,dbus-broker,\n"
    "                     floor\n"
    "  --work GLOB        only works whose name matches\n"
    "  --rounds N         how often to measure everything (5)\n"
    "  --milliseconds N   how long a measurement lasts (200)\n"
    "  --quick            one round of 20 ms, with small crowds: a test of the benchmark, not a measurement\n"
    "  --json FILE        write the results there, with every metric of every server\n"
    "  --svg FILE         write a chart there\n"
    "  --table FILE       write a table into this Markdown file, between its lines <!-- bench --> and\n"
    "                     <!-- /bench -->\n"
    "  --list             list the works and exit\n"
    "  --help             show this text and exit\n\n"
    "cpu ns/op is the server's CPU time, of all threads, per delivery (publish) or request. +-% is half of the range\n"
    "of udsd's rounds. An exclamation mark marks a missed goal.\n";

static void
bench_print_works(void)
{
	for (size_t i = 0; i < work_count; i++)
		printf("%-15s  %s\n", work_table[i].name, work_table[i].summary);
}

static unsigned int
bench_parse_number(const char *option, const char *text, unsigned int otherwise)
{
	uint64_t n;

	if (!text)
		return otherwise;
	if (num_parse_u64(text, &n) < 0 || n == 0 || n > NUMBER_MAX)
		errx(64, "%s: '%s' is not a number from 1 to %d", option, text, NUMBER_MAX);
	return (unsigned int)n;
}

static void
bench_check_glob(const struct bench *b)
{
	for (size_t i = 0; i < work_count; i++)
		if (fnmatch(b->glob, work_table[i].name, FNM_EXTMATCH) == 0)
			return;
	errx(64, "--work: '%s' matches none of the works that --list names", b->glob);
}

static bool
bench_list_has(const char *list, const char *name, size_t len)
{
	for (size_t n; *list; list += n + (list[n] == ',')) {
		n = strcspn(list, ",");
		if (n == len && memcmp(list, name, n) == 0)
			return true;
	}
	return false;
}

static void
bench_check_peers(const char *list)
{
	for (size_t n, i; *list; list += n + (list[n] == ',')) {
		n = strcspn(list, ",");
		for (i = 0; i < peer_count && !bench_list_has(peer_table[i].name, list, n); i++)
			;
		if (i == peer_count)
			errx(64,
			     "--peers: '%.*s' is none of udsd, redis, redis-everysec, nats, mosquitto, dbus-broker "
			     "and floor",
			     (int)n, list);
	}
}

static void
bench_find_peers(struct bench *b, const char *wanted)
{
	char version[128];

	b->programs = calloc(peer_count, sizeof(b->programs[0]));
	if (!b->programs)
		errx(1, "no memory");
	for (size_t i = 0; i < peer_count; i++) {
		const struct peer *peer = &peer_table[i];
		const char *program = peer->programs[0] ? peer->programs[0] : b->udsd;

		if (wanted && !bench_list_has(wanted, peer->name, strlen(peer->name)))
			continue;
		if (!peer_find_program(peer, b->udsd, b->programs[i])) {
			printf("%s: left out: no program %s\n", peer->name, program ? program : "given with --udsd");
			continue;
		}
		peer_read_version(peer, b->programs[i], version, sizeof(version));
		if (peer->version_argv[0] && !version[0]) {
			printf("%s: left out: %s does not run\n", peer->name, b->programs[i]);
			b->programs[i][0] = '\0';
			continue;
		}
		report_set_version(b->measure.report, i, version);
		printf("%s%s%s: %s\n", peer->name, version[0] ? " " : "", version, b->programs[i]);
	}
}

static void
bench_parse(struct bench *b, int argc, char **argv)
{
	enum { UDSD, UDSCTL, PEERS, WORK, JSON, SVG, TABLE, ROUNDS, MILLISECONDS, QUICK, LIST, HELP, COUNT };
	static const struct option options[] = {
		{ "udsd", required_argument, NULL, UDSD },
		{ "udsctl", required_argument, NULL, UDSCTL },
		{ "peers", required_argument, NULL, PEERS },
		{ "work", required_argument, NULL, WORK },
		{ "json", required_argument, NULL, JSON },
		{ "svg", required_argument, NULL, SVG },
		{ "table", required_argument, NULL, TABLE },
		{ "rounds", required_argument, NULL, ROUNDS },
		{ "milliseconds", required_argument, NULL, MILLISECONDS },
		{ "quick", no_argument, NULL, QUICK },
		{ "list", no_argument, NULL, LIST },
		{ "help", no_argument, NULL, HELP },
		{ NULL, 0, NULL, 0 },
	};
	const char *given[COUNT] = { NULL };
	int option;

	while ((option = getopt_long(argc, argv, "", options, NULL)) != -1) {
		if (option < 0 || option >= COUNT)
			exit(64);
		given[option] = optarg ? optarg : "";
	}
	if (optind < argc)
		errx(64, "'%s': no argument was expected; try --help", argv[optind]);
	if (given[HELP])
		fputs(help, stdout);
	if (given[LIST])
		bench_print_works();
	if (given[HELP] || given[LIST])
		exit(0);
	b->udsd = given[UDSD];
	b->glob = given[WORK] ? given[WORK] : "*";
	b->json = given[JSON];
	b->svg = given[SVG];
	b->table = given[TABLE];
	b->rounds = bench_parse_number("--rounds", given[ROUNDS], given[QUICK] ? 1 : 5);
	b->measure.udsctl = given[UDSCTL] ? realpath(given[UDSCTL], NULL) : NULL;
	b->measure.lines = given[QUICK] ? LINES_QUICK : LINES;
	b->measure.crowd_part = given[QUICK] ? 10 : 1;
	b->measure.milliseconds = bench_parse_number("--milliseconds", given[MILLISECONDS], given[QUICK] ? 20 : 200);
	if (given[UDSCTL] && !b->measure.udsctl)
		err(64, "--udsctl: %s", given[UDSCTL]);
	bench_check_glob(b);
	if (given[PEERS])
		bench_check_peers(given[PEERS]);
	b->measure.report = report_new(b->rounds, b->measure.milliseconds);
	proc_setup();
	bench_find_peers(b, given[PEERS]);
}

/* The generator runs on the last CPU, the server on the first. */
static void
bench_pin(struct bench *b)
{
	int first = 0, last = CPU_SETSIZE - 1;
	cpu_set_t set;

	if (sched_getaffinity(0, sizeof(set), &set) < 0)
		err(1, "sched_getaffinity");
	while (!CPU_ISSET((size_t)first, &set))
		first++;
	while (!CPU_ISSET((size_t)last, &set))
		last--;
	b->measure.server_cpu = first < last ? first : -1;
	b->measure.busy = first < last;
	if (first == last) {
		printf("server and generator share the only CPU, so the generator sleeps\n");
		return;
	}
	CPU_ZERO(&set);
	CPU_SET((size_t)last, &set);
	if (sched_setaffinity(0, sizeof(set), &set) < 0)
		err(1, "sched_setaffinity");
	printf("server pinned to CPU %d, generator to CPU %d, where it never sleeps\n", first, last);
}

/* Allows thousands of connections to this process, and to the servers, which inherit the limit. */
static void
bench_raise_file_limit(void)
{
	struct rlimit files;

	if (getrlimit(RLIMIT_NOFILE, &files) < 0)
		err(1, "getrlimit");
	files.rlim_cur = files.rlim_max;
	if (setrlimit(RLIMIT_NOFILE, &files) < 0)
		err(1, "setrlimit");
}

/* The servers take turns within a work, see above. */
static void
bench_run(const struct bench *b)
{
	for (unsigned int round = 0; round < b->rounds; round++)
		for (size_t w = 0; w < work_count; w++)
			for (size_t p = 0; fnmatch(b->glob, work_table[w].name, FNM_EXTMATCH) == 0 && p < peer_count;
			     p++) {
				if (!b->programs[p][0])
					continue;
				if (isatty(2))
					fprintf(stderr, "\rround %u of %u: %s, %s\033[K", round + 1, b->rounds,
					        work_table[w].name, peer_table[p].name);
				measure(&b->measure, w, p, round, b->programs[p]);
			}
	if (isatty(2))
		fprintf(stderr, "\r\033[K");
}

int
main(int argc, char **argv)
{
	struct bench b = { 0 };

	setlinebuf(stdout); /* keeps the order of stdout and error messages */
	bench_parse(&b, argc, argv);
	bench_pin(&b);
	bench_raise_file_limit();
	printf("medians of %u rounds of %u ms\n\n", b.rounds, b.measure.milliseconds);
	bench_run(&b);
	report_print(b.measure.report, stdout);
	if (b.json)
		report_write_json(b.measure.report, b.json);
	if (b.svg)
		report_write_svg(b.measure.report, b.svg);
	if (b.table)
		report_write_markdown(b.measure.report, b.table);
	report_free(b.measure.report);
	free((char *)b.measure.udsctl);
	free(b.programs);
	return 0;
}
