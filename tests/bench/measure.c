#include "measure.h"

#include <err.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <time.h>
#include <unistd.h>

#include "calls.h"
#include "load.h"
#include "measure-streams.h"
#include "peer.h"
#include "proc.h"
#include "talk.h"
#include "work.h"

#define SETTLE_NS 10000000 /* pause after which the server sleeps and its CPU time is exact */
#define SLOW_NS 500000000  /* the least time that workers are measured in who need milliseconds */

/* One measurement. */
struct batch {
	const struct measure *m;
	size_t work, peer;
	unsigned int round;
	const char *program;
	struct script scripts[SCRIPT_CHANNELS_MAX];
};

static void
measure_settle(void)
{
	nanosleep(&(struct timespec){ .tv_nsec = SETTLE_NS }, NULL);
}

static void
measure_set(const struct batch *run, enum metric metric, double value)
{
	report_set(run->m->report, run->work, run->peer, run->round, metric, value);
}

static void
measure_set_traffic(const struct batch *run, uint64_t cpu, const struct load_result *result)
{
	measure_set(run, METRIC_CPU, (double)cpu / (double)result->operations);
	measure_set(run, METRIC_RATE, (double)result->operations * 1e9 / (double)result->ns);
	if (work_table[run->work].depth > 1)
		return;
	measure_set(run, METRIC_P50, result->p50_us);
	measure_set(run, METRIC_P99, result->p99_us);
	measure_set(run, METRIC_P999, result->p999_us);
}

static struct crowd
measure_crowd(const struct batch *run)
{
	struct crowd crowd = work_table[run->work].crowd;

	crowd.clients = (crowd.clients + run->m->crowd_part - 1) / run->m->crowd_part;
	return crowd;
}

/* The floor knows no subscriptions: for it they cost nothing. */
static struct talk_crowd *
measure_new_crowd(const struct batch *run)
{
	struct crowd crowd = measure_crowd(run);
	const struct protocol *protocol = peer_table[run->peer].protocol;

	if (crowd.kind == CROWD_NONE || (protocol == &protocol_floor && crowd.kind != CROWD_IDLE))
		return NULL;
	return talk_crowd_new(&crowd, protocol);
}

static void
measure_traffic(const struct batch *run)
{
	const struct work *work = &work_table[run->work];
	struct talk_crowd *crowd = measure_new_crowd(run);
	struct load *load = load_new(work, run->scripts, peer_table[run->peer].name, run->m->busy);
	uint64_t ns = (uint64_t)run->m->milliseconds * 1000000, cpu;
	struct load_result result;

	load_run(load, ns / 5, &result); /* warms up caches and buffers */
	measure_settle();
	cpu = proc_cpu_ns();
	load_run(load, ns, &result);
	measure_settle();
	measure_set_traffic(run, proc_cpu_ns() - cpu, &result);
	load_free(load);
	talk_crowd_free(crowd);
}

static void
measure_calls(const struct batch *run)
{
	const struct work *work = &work_table[run->work];
	const struct peer *peer = &peer_table[run->peer];
	struct calls *calls = calls_new(work, peer->protocol, peer->calls, peer->name, run->m->busy);
	uint64_t ns = (uint64_t)run->m->milliseconds * 1000000, cpu, in_time;
	struct load_result result;

	if (work->slow_us > 0 && ns < SLOW_NS) /* slow workers answer nothing in a short round */
		ns = SLOW_NS;
	calls_run(calls, ns / 5, &result);
	measure_settle();
	cpu = proc_cpu_ns();
	in_time = calls_run(calls, ns, &result);
	measure_settle();
	measure_set_traffic(run, proc_cpu_ns() - cpu, &result);
	if (work->slow_us > 0)
		measure_set(run, METRIC_STRETCH, (double)ns / (double)in_time / calls_ideal_ns(work));
	calls_free(calls);
}

static void
measure_visits(const struct batch *run)
{
	uint64_t ns = (uint64_t)run->m->milliseconds * 1000000, cpu;
	struct talk_crowd *crowd = measure_new_crowd(run);
	struct load_result result;

	load_run_visits(&run->scripts[0], ns / 5, run->m->busy, &result);
	measure_settle();
	cpu = proc_cpu_ns();
	load_run_visits(&run->scripts[0], ns, run->m->busy, &result);
	measure_settle();
	measure_set_traffic(run, proc_cpu_ns() - cpu, &result);
	talk_crowd_free(crowd);
}

/* One client comes first, so that memory which the server allocates only once is not counted. */
static void
measure_memory(const struct batch *run)
{
	const struct protocol *protocol = peer_table[run->peer].protocol;
	struct crowd crowd = measure_crowd(run), single = crowd;
	struct talk_crowd *before[2] = { NULL }, *last;
	double resident;

	single.clients = 1;
	single.each = single.each > 0 ? 1 : 0;
	before[0] = talk_crowd_new(&single, protocol);
	if (crowd.repeated > 1)
		before[1] = talk_crowd_new(&crowd, protocol);
	measure_settle();
	resident = (double)proc_resident();
	last = talk_crowd_new(&crowd, protocol);
	measure_settle();
	resident = (double)proc_resident() - resident;
	measure_set(run, METRIC_BYTES, resident / crowd.clients / (crowd.each > 0 ? crowd.each : 1));
	talk_crowd_free(before[0]);
	talk_crowd_free(before[1]);
	talk_crowd_free(last);
}

static void
measure_start(const struct batch *run)
{
	int fd = talk_hello(&run->scripts[0].hello, -1, run->m->busy);

	measure_set(run, METRIC_START, (double)(proc_now() - proc_started()) / 1e6);
	measure_settle();
	measure_set(run, METRIC_START_BYTES, (double)proc_resident() / 1048576);
	close(fd);
}

/* The server is started a second time with what it has on disk, if it has something there. */
static void
measure_restart(const struct batch *run, const struct large *large)
{
	const struct peer *peer = &peer_table[run->peer];

	proc_end();
	measure_set(run, METRIC_DISK, measure_large_disk(large));
	peer_start(peer, run->program, &work_table[run->work], &run->scripts[0], run->m->server_cpu);
	measure_check_large(large);
	measure_set(run, METRIC_START, (double)(proc_now() - proc_started()) / 1e6);
}

static void
measure_streams(const struct batch *run)
{
	const struct work *work = &work_table[run->work];
	struct large large = { .busy = run->m->busy,
		               .entries = work->entries / run->m->crowd_part,
		               .size = work->size };

	if (work->kind == WORK_STREAMS)
		measure_spread(&large);
	else if (work->kind == WORK_PENDING)
		measure_pending(&large);
	else
		measure_large(&large);
	measure_set(run, METRIC_BYTES, large.memory);
	if (work->kind != WORK_LARGE)
		return;
	measure_set(run, METRIC_CPU, (double)large.scan_cpu_ns / large.entries);
	if (peer_keeps_streams(&peer_table[run->peer], work->kind))
		measure_restart(run, &large);
}

/* udsctl recv exits with 0 only if it gets as many lines as were sent. */
static void
measure_pipe(const struct batch *run)
{
	int null_fd = open("/dev/null", O_RDWR | O_CLOEXEC), fds[2], seq, send, recv;
	double lines = (double)run->m->lines;
	char count[24];
	uint64_t cpu;

	measure_settle();
	cpu = proc_cpu_ns();
	snprintf(count, sizeof(count), "%" PRIu64, run->m->lines);
	if (null_fd < 0 || pipe2(fds, O_CLOEXEC) < 0)
		err(1, "pipe");
	recv = proc_spawn(run->m->udsctl,
	                  (const char *[]){ "udsctl", "--socket", proc_socket, "recv", "--count", count, "c", NULL },
	                  null_fd, null_fd);
	send = proc_spawn(run->m->udsctl,
	                  (const char *[]){ "udsctl", "--socket", proc_socket, "send", "--wait-receiver", "c", NULL },
	                  fds[0], null_fd);
	seq = proc_spawn("seq", (const char *[]){ "seq", count, NULL }, null_fd, fds[1]);
	close(fds[0]);
	close(fds[1]);
	close(null_fd);
	proc_wait(seq);
	measure_set(run, METRIC_SEND_CPU, (double)proc_wait(send) / lines);
	measure_set(run, METRIC_RECV_CPU, (double)proc_wait(recv) / lines);
	measure_settle();
	measure_set(run, METRIC_CPU, (double)(proc_cpu_ns() - cpu) / lines);
}

static void
measure_work(const struct batch *run)
{
	switch (work_table[run->work].kind) {
	case WORK_PUBLISH:
	case WORK_PING:
	case WORK_ADD:
	case WORK_TAIL:
	case WORK_GROUP:
	case WORK_ECHO:
	case WORK_REJOIN:
		measure_traffic(run);
		break;
	case WORK_CALL:
		measure_calls(run);
		break;
	case WORK_VISIT:
		measure_visits(run);
		break;
	case WORK_MEMORY:
		measure_memory(run);
		break;
	case WORK_START:
		measure_start(run);
		break;
	case WORK_STREAMS:
	case WORK_PENDING:
	case WORK_LARGE:
		measure_streams(run);
		break;
	case WORK_PIPE:
		measure_pipe(run);
		break;
	}
}

void
measure(const struct measure *m, size_t work, size_t peer, unsigned int round, const char *program)
{
	const struct work *w = &work_table[work];
	struct batch run = { .m = m, .work = work, .peer = peer, .round = round, .program = program };
	bool is_pipe = w->kind == WORK_PIPE;

	if (!peer_can(&peer_table[peer], w) || (is_pipe && !m->udsctl) || (w->rounds > 0 && round >= w->rounds))
		return;
	for (unsigned int i = 0; i == 0 || i < w->publishers; i++)
		script_write(w, peer_table[peer].protocol, i, &run.scripts[i]);
	peer_start(&peer_table[peer], program, w, &run.scripts[0], is_pipe ? -1 : m->server_cpu);
	measure_work(&run);
	proc_stop();
	for (unsigned int i = 0; i < SCRIPT_CHANNELS_MAX; i++)
		script_deinit(&run.scripts[i]);
}
