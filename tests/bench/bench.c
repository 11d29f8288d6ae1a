/*
 * udsd-bench: measures several servers on the same work in one run. The rounds are interleaved, server by
 * server within each work, so that what disturbs the machine disturbs all of them; each measurement has a
 * server of its own. What counts is the server's time on a CPU per operation: with one core for the
 * server and one for the generator, operations per second say as much about the generator.
 *
 * On a core of its own the generator never sleeps. A server pays for waking what sleeps, in a virtual
 * machine more than for the message itself, and that would hide what is to be measured.
 */
#include <err.h>
#include <fnmatch.h>
#include <getopt.h>
#include <sched.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <time.h>
#include <unistd.h>

#include "load.h"
#include "peer.h"
#include "proc.h"
#include "report.h"
#include "work.h"

#define NUMBER_MAX 100000
#define SETTLE_NS 5000000 /* until a server sleeps, and its times are exact */

struct bench {
	const char *udsd;
	const char *glob;
	FILE *json; /* NULL: not wanted */
	unsigned int rounds;
	unsigned int milliseconds; /* of a measurement */
	int generator_cpu;         /* -1: not pinned, for want of a second CPU */
	int server_cpu;
	char (*programs)[PATH_MAX]; /* of peer_table; empty: not found */
	struct report *report;
};

static const char help[] = "usage: udsd-bench [OPTION]...\n"
			   "Measures udsd, redis-server and udsd-floor on the same work and prints medians.\n\n"
			   "  --udsd PATH        the udsd to measure; without it only the others are\n"
			   "  --rounds N         how often to measure everything (5)\n"
			   "  --milliseconds N   how long a measurement lasts (500)\n"
			   "  --work GLOB        only works of this name\n"
			   "  --quick            one round of 50 ms: whether it works, not how fast it is\n"
			   "  --json FILE        write the results there too\n"
			   "  --list             name the works and end\n"
			   "  --help             this text\n";

static void
print_works(void)
{
	for (size_t i = 0; i < work_count; i++)
		printf("%-14s  %s%s\n", work_table[i].name, work_table[i].summary,
		       work_table[i].only_by_name ? " (only when --work selects it)" : "");
}

static unsigned int
parse_number(const char *option, const char *text, unsigned int otherwise)
{
	unsigned long n;
	char *end;

	if (!text)
		return otherwise;
	n = strtoul(text, &end, 10);
	if (text[0] < '0' || text[0] > '9' || *end || n == 0 || n > NUMBER_MAX)
		errx(64, "%s: '%s' is not a number from 1 to %d", option, text, NUMBER_MAX);
	return (unsigned int)n;
}

static void
bench_parse(struct bench *b, int argc, char **argv)
{
	enum { UDSD, WORK, JSON, ROUNDS, MILLISECONDS, QUICK, LIST, HELP, COUNT };
	static const struct option options[] = {
		{ "udsd", required_argument, NULL, UDSD },
		{ "work", required_argument, NULL, WORK },
		{ "json", required_argument, NULL, JSON },
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
		print_works();
	if (given[HELP] || given[LIST])
		exit(0);
	b->udsd = given[UDSD];
	b->glob = given[WORK];
	b->rounds = parse_number("--rounds", given[ROUNDS], given[QUICK] ? 1 : 5);
	b->milliseconds = parse_number("--milliseconds", given[MILLISECONDS], given[QUICK] ? 50 : 500);
	if (given[JSON] && !(b->json = fopen(given[JSON], "we")))
		err(1, "%s", given[JSON]);
}

static bool
bench_wants(const struct bench *b, const struct work *work)
{
	return b->glob ? fnmatch(b->glob, work->name, 0) == 0 : !work->only_by_name;
}

static void
bench_check_glob(const struct bench *b)
{
	for (size_t i = 0; i < work_count; i++)
		if (bench_wants(b, &work_table[i]))
			return;
	errx(64, "--work: '%s' matches none of the works that --list names", b->glob);
}

static void
bench_find_peers(struct bench *b)
{
	b->programs = calloc(peer_count, sizeof(b->programs[0]));
	if (!b->programs)
		err(1, "servers");
	for (size_t i = 0; i < peer_count; i++) {
		const struct peer *peer = &peer_table[i];

		const char *wanted = peer->programs[0] ? peer->programs[0] : b->udsd;

		if (peer_find(peer, b->udsd, b->programs[i]))
			printf("%s: %s\n", peer->name, b->programs[i]);
		else
			printf("%s: skipped: no program %s\n", peer->name, wanted ? wanted : "given with --udsd");
	}
}

/* The generator takes the last CPU and leaves the first to the server. */
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
	b->server_cpu = first < last ? first : -1;
	b->generator_cpu = first < last ? last : -1;
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

/* Lets this process, and the servers that inherit it, have thousands of connections. */
static void
raise_file_limit(void)
{
	struct rlimit files;

	if (getrlimit(RLIMIT_NOFILE, &files) < 0)
		err(1, "getrlimit");
	files.rlim_cur = files.rlim_max;
	if (setrlimit(RLIMIT_NOFILE, &files) < 0)
		err(1, "setrlimit");
}

static struct load *
new_load(const struct bench *b, const struct work *work, const struct script *script, size_t peer)
{
	return load_new(work, script, peer_table[peer].name, b->generator_cpu >= 0);
}

static void
settle(void)
{
	nanosleep(&(struct timespec){ .tv_nsec = SETTLE_NS }, NULL);
}

static void
measure_traffic(const struct bench *b, size_t work, size_t peer, unsigned int round, const struct script *script)
{
	struct load *load = new_load(b, &work_table[work], script, peer);
	uint64_t ns = (uint64_t)b->milliseconds * 1000000, before, cpu;
	struct load_result result;

	load_run(load, ns / 5, &result); /* caches and buffers warm up */
	settle();
	before = proc_cpu_ns();
	load_run(load, ns, &result);
	settle();
	cpu = proc_cpu_ns() - before;
	load_free(load);
	report_set(b->report, work, peer, round, METRIC_CPU, (double)cpu / (double)result.operations);
	report_set(b->report, work, peer, round, METRIC_RATE, (double)result.operations * 1e9 / (double)result.ns);
	if (work_table[work].depth == 1) {
		report_set(b->report, work, peer, round, METRIC_P50, result.p50_us);
		report_set(b->report, work, peer, round, METRIC_P99, result.p99_us);
	}
}

/* One client first, so that what the server allocates once is not counted. */
static void
measure_idle(const struct bench *b, size_t work, size_t peer, unsigned int round, const struct script *script)
{
	struct work single = work_table[work];
	struct load *first, *rest;
	struct load_result result;
	double before;

	single.clients = 1;
	first = new_load(b, &single, script, peer);
	load_run(first, 0, &result);
	settle();
	before = (double)proc_resident();
	rest = new_load(b, &work_table[work], script, peer);
	load_run(rest, 0, &result);
	settle();
	report_set(b->report, work, peer, round, METRIC_MEMORY,
	           ((double)proc_resident() - before) / work_table[work].clients);
	load_free(first);
	load_free(rest);
}

/* Does nothing where the server has no such work. */
static void
measure(const struct bench *b, size_t work, size_t peer, unsigned int round)
{
	struct script script;
	const char *const *argv = peer_prepare(&peer_table[peer], &work_table[work], &script);

	if (!argv)
		return;
	if (isatty(2))
		fprintf(stderr, "\rround %u of %u: %s, %s\033[K", round + 1, b->rounds, work_table[work].name,
		        peer_table[peer].name);
	proc_start(peer_table[peer].name, b->programs[peer], argv, b->server_cpu);
	if (work_table[work].kind == WORK_IDLE)
		measure_idle(b, work, peer, round, &script);
	else
		measure_traffic(b, work, peer, round, &script);
	proc_stop();
	peer_free_script(&script);
}

static void
bench_run(const struct bench *b)
{
	for (unsigned int round = 0; round < b->rounds; round++)
		for (size_t w = 0; w < work_count; w++)
			for (size_t p = 0; bench_wants(b, &work_table[w]) && p < peer_count; p++)
				if (b->programs[p][0])
					measure(b, w, p, round);
	if (isatty(2))
		fprintf(stderr, "\r\033[K");
}

int
main(int argc, char **argv)
{
	struct bench b = { 0 };

	setlinebuf(stdout); /* what fails later is to stand below */
	bench_parse(&b, argc, argv);
	bench_check_glob(&b);
	bench_find_peers(&b);
	bench_pin(&b);
	printf("medians of %u rounds of %u ms; cpu ns/op: the server's, for each delivery (publish) or request\n\n",
	       b.rounds, b.milliseconds);
	raise_file_limit();
	proc_setup();
	b.report = report_new(b.rounds);
	bench_run(&b);
	report_print(b.report, stdout);
	if (b.json)
		report_print_json(b.report, b.json);
	if (b.json && (ferror(b.json) || fclose(b.json) != 0))
		err(1, "cannot write the JSON");
	report_free(b.report);
	free(b.programs);
	return 0;
}
