"""
Workers (udsctl work) that are killed, and their jobs: each must be done; more than once only where a worker was killed
between the end of its command and the acknowledgement.
"""
import collections


def judge_done(done, killed):
    """done: (job, pid of the worker) for each command that came to its end, in order. Returns how many jobs were done again."""
    workers = collections.defaultdict(list)
    for job, pid in done:
        workers[job].append(pid)
    again = {job: pids for job, pids in workers.items() if len(pids) > 1}
    for job, pids in again.items():
        assert all(pid in killed for pid in pids[:-1]), "%s was done by %s" % (job, pids)
    return len(again)
