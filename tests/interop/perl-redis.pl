# The conversation with Perl's Redis: one process receives and writes what came to a pipe, another publishes.
use strict;
use warnings;
use Redis;

my $path = shift;
my $bytes = join('', map { chr } 0 .. 255) . "\r\n";
my @retry = (reconnect => 10, every => 20_000); # seconds, microseconds
my $publisher = $$;

# The pipe carries frames: a length, then that many bytes.
pipe(my $from_receiver, my $to_publisher) or die "pipe: $!";

sub report {
	my $frame = join "\t", @_;
	syswrite $to_publisher, pack('N', length $frame) . $frame;
}

sub receive {
	my $sub = Redis->new(sock => $path, name => 'receiver', @retry);
	my $on_message = sub {
		my ($message, $topic, $subscribed_topic) = @_;
		report('message', $subscribed_topic, $topic, $message);
	};
	my $leave;
	$leave = sub {
		$sub->unsubscribe('gone', $leave);
		report('unsubscribed');
	};
	$sub->subscribe('news', $on_message);
	$sub->subscribe('gone', $leave);
	$sub->psubscribe('weather.*', $on_message);
	report('subscribed');
	# Connects and subscribes again by itself, but only once in each call.
	eval { $sub->wait_for_messages(60) } while getppid == $publisher;
}

sub expect {
	my $wanted = join "\t", @_;
	read $from_receiver, my $length, 4 or die "the receiver has ended";
	read $from_receiver, my $got, unpack('N', $length);
	$got eq $wanted or die "'$got' instead of '$wanted'";
}

sub check {
	my ($got, $wanted) = @_;
	$got eq $wanted or die "'$got' instead of '$wanted'";
}

sub publish_to_both {
	my ($bus, $text) = @_;
	check($bus->publish('news', $text), 1);
	check($bus->publish('weather.oslo', $text), 1);
	expect('message', 'news', 'news', $text);
	expect('message', 'weather.*', 'weather.oslo', $text);
}

$| = 1;
my $bus = Redis->new(sock => $path, name => 'publisher', @retry);
$bus->info->{redis_version} =~ /^7\./ or die;
check($bus->publish('news', 'x'), 0);
print "nobody\n";

my $receiver = fork // die "fork: $!";
if ($receiver == 0) {
	receive();
	exit;
}
END { kill 'KILL', $receiver if $receiver }
close $to_publisher;
expect('subscribed');
print "subscribed\n";

publish_to_both($bus, 'hello');
publish_to_both($bus, $bytes);
publish_to_both($bus, '');
print "messages\n";

my @answers;
$bus->publish('news', $_, sub { push @answers, $_[0] }) for 0 .. 999;
$bus->wait_all_responses;
check("@answers", join ' ', (1) x 1000);
expect('message', 'news', 'news', $_) for 0 .. 999;
print "pipeline\n";

$bus->multi;
$bus->publish('news', 'one');
$bus->publish('weather.oslo', 'two');
check(join(' ', $bus->exec), '1 1');
expect('message', 'news', 'news', 'one');
expect('message', 'weather.*', 'weather.oslo', 'two');
print "transaction\n";

check($bus->publish('gone', 'leave'), 1);
expect('unsubscribed');
check($bus->publish('gone', 'x'), 0);
print "unsubscribed\n";

# Each line says that the daemon was restarted and has the subscriptions again.
while (my $line = <STDIN>) {
	publish_to_both($bus, $line);
	check($bus->publish('gone', 'x'), 0);
	check($bus->client_getname, 'publisher');
	print "again\n";
}
print "bye\n";
