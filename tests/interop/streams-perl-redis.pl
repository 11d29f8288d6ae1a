# The conversation about streams with Perl's Redis: see streams-interop.bats. A child blocks, since the library cannot do
# two things at once.
use strict;
use warnings;
use POSIX;
use Redis;

my $path = shift;
my $bytes = join('', map { chr } 0 .. 255) . "\r\n";
my @retry = (reconnect => 10, every => 20_000); # seconds, microseconds

sub check {
	my ($got, $wanted) = @_;
	$got eq $wanted or die "'$got' instead of '$wanted'";
}

# What is in entries: the values of the field n, or the ids.
sub numbers { join ' ', map { $_->[1][1] } @_ }
sub ids_of { join ' ', map { $_->[0] } @_ }

# A process waits for an entry that this one adds.
sub check_blocking {
	my $hub = shift;
	pipe(my $from_child, my $to_parent) or die "pipe: $!";
	my $child = fork // die "fork: $!";
	if ($child == 0) {
		my ($stream) = Redis->new(sock => $path, @retry)->xread('BLOCK', 60000, 'STREAMS', 'news', '$');
		syswrite $to_parent, join ' ', $stream->[0], $stream->[1][0][0], @{ $stream->[1][0][1] };
		POSIX::_exit(0);
	}
	close $to_parent;
	select undef, undef, undef, 0.02 while $hub->info->{blocked_clients} < 1;
	my $id = $hub->xadd('news', '*', 'text', 'hello');
	check(scalar <$from_child>, "news $id text hello");
	waitpid $child, 0;
	my ($nothing) = $hub->xread('BLOCK', 1, 'STREAMS', 'news', $id);
	die 'an entry from nowhere' if defined $nothing;
	return $id;
}

$| = 1;
my $hub = Redis->new(sock => $path, @retry);
my $first = $hub->xadd('jobs', '*', 'text', $bytes, 'empty', '');
my @ids;
$hub->xadd('jobs', '*', 'n', $_, sub { push @ids, $_[0] }) for 0 .. 999;
$hub->wait_all_responses;
check($hub->xlen('jobs'), 1001);
$hub->multi;
$hub->xadd('jobs', '*', 'n', $_) for 1000, 1001;
push @ids, $hub->exec;
print "added\n";

my ($entry) = $hub->xrange('jobs', '-', '+', 'COUNT', 1);
check(join('|', $entry->[0], @{ $entry->[1] }), join('|', $first, 'text', $bytes, 'empty', ''));
my ($stream) = $hub->xread('COUNT', 5000, 'STREAMS', 'jobs', $first);
check(ids_of(@{ $stream->[1] }), join ' ', @ids);
check(numbers(@{ $stream->[1] }), join ' ', 0 .. 1001);
check(numbers($hub->xrevrange('jobs', '+', '-', 'COUNT', 2)), '1001 1000');
print "read\n";

my $last = check_blocking($hub);
print "blocked\n";

$hub->xgroup('CREATE', 'jobs', 'workers', $ids[-11]);
my $alice = Redis->new(sock => $path);
my @work = ('STREAMS', 'jobs', '>');
($stream) = $alice->xreadgroup('GROUP', 'workers', 'alice', 'COUNT', 6, @work);
check(numbers(@{ $stream->[1] }), join ' ', 992 .. 997);
check($alice->xack('jobs', 'workers', @ids[-10 .. -7]), 4);
($stream) = $hub->xreadgroup('GROUP', 'workers', 'bob', @work);
check(numbers(@{ $stream->[1] }), join ' ', 998 .. 1001);
print "worked\n";

# alice ends without a word.
undef $alice;
my @pending = $hub->xpending('jobs', 'workers', '-', '+', 10, 'alice');
check(join(' ', map { "$_->[0] $_->[1] $_->[3]" } @pending), join ' ', map { "$_ alice 1" } @ids[-6, -5]);
my ($cursor, $claimed) = $hub->xautoclaim('jobs', 'workers', 'bob', 0, '0-0', 'COUNT', 2);
check(numbers(@$claimed), '996 997');
check($hub->xack('jobs', 'workers', @ids[-6, -5]), 2);
print "claimed\n";

# Each line says that the hub was killed or stopped, and started again: everything is there.
while (<STDIN>) {
	check($hub->xlen('jobs'), 1003);
	my ($n, $min, $max, $consumers) = $hub->xpending('jobs', 'workers');
	check("$n $min $max @{ $consumers->[0] }", "4 $ids[-4] $ids[-1] bob 4");
	($stream) = $hub->xreadgroup('GROUP', 'workers', 'bob', 'STREAMS', 'jobs', '0');
	check(ids_of(@{ $stream->[1] }), join ' ', @ids[-4 .. -1]);
	my $id = check_blocking($hub);
	$id gt $last or die "$id after $last";
	$last = $id;
	print "again\n";
}
check($hub->xack('jobs', 'workers', @ids[-4 .. -1]), 4);
print "bye\n";
