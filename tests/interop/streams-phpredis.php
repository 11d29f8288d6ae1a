<?php
// The conversation about streams with phpredis: see streams-interop.bats. A child blocks, since phpredis cannot do two
// things at once.

const RETRY_US = 20000;
$path = $argv[1];
$bytes = implode('', array_map('chr', range(0, 255))) . "\r\n";

function connect(string $path): Redis {
	$redis = new Redis();
	$redis->connect($path);
	$redis->setOption(Redis::OPT_READ_TIMEOUT, -1);
	return $redis;
}

function check($got, $wanted): void {
	if ($got !== $wanted)
		throw new Exception(var_export($got, true) . ' instead of ' . var_export($wanted, true));
}

function numbers(array $entries): array {
	return array_map(fn($fields) => (int) $fields['n'], array_values($entries));
}

// A process waits for an entry that this one adds.
function check_blocking(Redis $hub, string $path): string {
	[$ours, $theirs] = stream_socket_pair(STREAM_PF_UNIX, STREAM_SOCK_STREAM, 0);
	$child = pcntl_fork();
	if ($child === 0) {
		$reader = connect($path);
		fwrite($theirs, serialize($reader->xRead(['news' => '$'], null, 60000)));
		// Ends without destructors, which would close the parent's connection.
		posix_kill(posix_getpid(), SIGKILL);
	}
	fclose($theirs);
	while ($hub->info()['blocked_clients'] < 1)
		usleep(RETRY_US);
	$id = $hub->xAdd('news', '*', ['text' => 'hello']);
	check(unserialize(stream_get_contents($ours)), ['news' => [$id => ['text' => 'hello']]]);
	pcntl_waitpid($child, $status);
	check($hub->xRead(['news' => $id], null, 1), []);
	return $id;
}

$hub = connect($path);
$first = $hub->xAdd('jobs', '*', ['text' => $bytes, 'empty' => '']);
$pipeline = $hub->multi(Redis::PIPELINE);
for ($n = 0; $n < 1000; $n++)
	$pipeline->xAdd('jobs', '*', ['n' => $n]);
$ids = $pipeline->exec();
check($hub->xLen('jobs'), 1001);
array_push($ids, ...$hub->multi()->xAdd('jobs', '*', ['n' => 1000])->xAdd('jobs', '*', ['n' => 1001])->exec());
echo "added\n";

check($hub->xRange('jobs', '-', '+', 1), [$first => ['text' => $bytes, 'empty' => '']]);
$entries = $hub->xRead(['jobs' => $first], 5000)['jobs'];
check(array_keys($entries), $ids);
check(numbers($entries), range(0, 1001));
check(numbers($hub->xRevRange('jobs', '+', '-', 2)), [1001, 1000]);
echo "read\n";

$last = check_blocking($hub, $path);
echo "blocked\n";

$hub->xGroup('CREATE', 'jobs', 'workers', $ids[991]);
$alice = connect($path);
check(numbers($alice->xReadGroup('workers', 'alice', ['jobs' => '>'], 6)['jobs']), range(992, 997));
check($alice->xAck('jobs', 'workers', array_slice($ids, -10, 4)), 4);
check(numbers($hub->xReadGroup('workers', 'bob', ['jobs' => '>'])['jobs']), range(998, 1001));
echo "worked\n";

// alice ends without a word.
$alice->close();
$lost = array_slice($ids, -6, 2);
$pending = $hub->xPending('jobs', 'workers', '-', '+', 10, 'alice');
check(array_map(fn($row) => [$row[0], $row[1], $row[3]], $pending), array_map(fn($id) => [$id, 'alice', 1], $lost));
check(numbers($hub->xClaim('jobs', 'workers', 'bob', 0, $lost, [])), [996, 997]);
check($hub->xAck('jobs', 'workers', $lost), 2);
echo "claimed\n";

// Each line says that the hub was killed or stopped, and started again: everything is there.
$kept = array_slice($ids, -4);
while (fgets(STDIN) !== false) {
	check($hub->xLen('jobs'), 1003);
	check($hub->xPending('jobs', 'workers'), [4, $kept[0], $kept[3], [['bob', '4']]]);
	check(array_keys($hub->xReadGroup('workers', 'bob', ['jobs' => '0'])['jobs']), $kept);
	$id = check_blocking($hub, $path);
	check($id > $last, true);
	$last = $id;
	echo "again\n";
}
check($hub->xAck('jobs', 'workers', $kept), 4);
echo "bye\n";
