<?php
// The conversation with phpredis. subscribe() blocks, so two processes receive, one for channels and one for the
// pattern, and tell what came through a pair of sockets; the first process publishes.

const RETRY_US = 20000;
$path = $argv[1];
$bytes = implode('', array_map('chr', range(0, 255))) . "\r\n";
$children = [];

function connect(string $path): Redis {
	$redis = new Redis();
	$redis->connect($path);
	$redis->setOption(Redis::OPT_READ_TIMEOUT, -1);
	return $redis;
}

// Runs $receive in a process of its own, again when the connection was lost; returns the socket it tells to. The
// process ends when this one is gone.
function start_receiver(string $path, callable $receive) {
	global $children;
	[$ours, $theirs] = stream_socket_pair(STREAM_PF_UNIX, STREAM_SOCK_STREAM, 0);
	$parent = posix_getpid();
	$child = pcntl_fork();
	if ($child > 0) {
		$children[] = $child;
		fclose($theirs);
		return $ours;
	}
	fclose($ours);
	$tell = function (...$parts) use ($theirs) {
		$frame = serialize($parts);
		fwrite($theirs, pack('N', strlen($frame)) . $frame);
	};
	for ($again = false; posix_getppid() === $parent; $again = true) {
		try {
			$receive(connect($path), $tell, $again);
		} catch (RedisException $e) {
			usleep(RETRY_US);
		}
	}
	exit;
}

function check($got, $wanted): void {
	if ($got !== $wanted)
		throw new Exception(var_export($got, true) . ' instead of ' . var_export($wanted, true));
}

function expect($from, ...$wanted): void {
	$length = unpack('N', stream_get_contents($from, 4))[1];
	check(unserialize(stream_get_contents($from, $length)), $wanted);
}

function publish_to_both(Redis $bus, $news, $weather, string $text): void {
	check($bus->publish('news', $text), 1);
	check($bus->publish('weather.oslo', $text), 1);
	expect($news, 'message', 'news', $text);
	expect($weather, 'message', 'weather.*', 'weather.oslo', $text);
}

$bus = connect($path);
$bus->client('SETNAME', 'publisher');
check(substr($bus->info()['redis_version'], 0, 2), '7.');
check($bus->publish('news', 'x'), 0);
echo "nobody\n";

$news = start_receiver($path, function (Redis $redis, callable $tell, bool $again) {
	$redis->subscribe($again ? ['news'] : ['news', 'gone'], function ($redis, $channel, $text) use ($tell) {
		$tell('message', $channel, $text);
		if ($channel === 'gone')
			$redis->unsubscribe(['gone']);
	});
});
$weather = start_receiver($path, function (Redis $redis, callable $tell, bool $again) {
	$redis->psubscribe(['weather.*'], fn($redis, $pattern, $channel, $text) => $tell('message', $pattern, $channel, $text));
});
while ($bus->pubsub('numsub', ['gone'])['gone'] + $bus->pubsub('numpat') < 2)
	usleep(RETRY_US);
echo "subscribed\n";

publish_to_both($bus, $news, $weather, 'hello');
publish_to_both($bus, $news, $weather, $bytes);
publish_to_both($bus, $news, $weather, '');
echo "messages\n";

$pipeline = $bus->multi(Redis::PIPELINE);
for ($i = 0; $i < 1000; $i++)
	$pipeline->publish('news', "$i");
check($pipeline->exec(), array_fill(0, 1000, 1));
for ($i = 0; $i < 1000; $i++)
	expect($news, 'message', 'news', "$i");
echo "pipeline\n";

check($bus->multi()->publish('news', 'one')->publish('weather.oslo', 'two')->exec(), [1, 1]);
expect($news, 'message', 'news', 'one');
expect($weather, 'message', 'weather.*', 'weather.oslo', 'two');
echo "transaction\n";

check($bus->publish('gone', 'leave'), 1);
expect($news, 'message', 'gone', 'leave');
while ($bus->pubsub('numsub', ['gone'])['gone'] > 0)
	usleep(RETRY_US);
check($bus->publish('gone', 'x'), 0);
echo "unsubscribed\n";

// Each line says that the daemon was restarted and has the subscriptions again.
while (($line = fgets(STDIN)) !== false) {
	publish_to_both($bus, $news, $weather, $line);
	check($bus->publish('gone', 'x'), 0);
	echo "again\n";
}
foreach ($children as $child)
	posix_kill($child, SIGKILL);
echo "bye\n";
