# Processes killed with -9 in the middle of maintain() and of a rebuild: nothing is lost and nothing is counted twice.
use strict;
use warnings;
use IPC::Run;
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Recommender;
use Test::More;

my $node = PostgreSQL::Test::Cluster->new('main');
$node->init;
$node->append_conf('postgresql.conf', q{
recommend.auto_compact = off
restart_after_crash = on
});
$node->start;
create_events($node);
add_events($node, 1, 1000);
create_shop($node);

# Kill the process that runs $sql, $pause seconds after it began. True if that was before its end.
sub killed_in_the_middle
{
	my ($sql, $pause) = @_;
	my ($out, $err) = ('', '');
	my $client = IPC::Run::start(
		[ 'psql', '-XAtq', '-d', $node->connstr('postgres'), '-v', 'ON_ERROR_STOP=1', '-c', q{SET application_name = 'victim'}, '-c', $sql ],
		'>', \$out, '2>', \$err);
	my $pid;
	foreach (1 .. 500)
	{
		$pid = $node->safe_psql('postgres', q{SELECT pid FROM pg_stat_activity
			WHERE application_name = 'victim' AND state = 'active' AND query !~ '^SET'});
		last if $pid || !$client->pumpable;
		select(undef, undef, undef, 0.005);
	}
	select(undef, undef, undef, $pause);
	kill(9, $pid) if $pid;
	my $finished = IPC::Run::finish($client);
	$node->poll_query_until('postgres', 'SELECT true') or BAIL_OUT('the server did not come back');
	return !$finished;
}

my $interrupted = 0;
my $next = 1001;
foreach my $pause (0, 0.05, 0.2)
{
	add_events($node, $next, $next + 19_999);
	$next += 20_000;
	my $as_of = fixed_time($node);
	my $before = answers($node, $as_of);
	my $waiting = $node->safe_psql('postgres', 'SELECT sum(backlog) FROM recommend.status');
	if (killed_in_the_middle(q{SELECT recommend.maintain('shop')}, $pause))
	{
		$interrupted++;
		cmp_ok($node->safe_psql('postgres', 'SELECT sum(backlog) FROM recommend.status'), '<=', $waiting, "the backlog did not grow ($pause s)");
	}
	same_answers(answers($node, $as_of), $before, "answers after the crash ($pause s)");
	$node->safe_psql('postgres', q{SELECT recommend.maintain('shop')});
	is($node->safe_psql('postgres', 'SELECT sum(backlog) FROM recommend.status'), '0', "maintain clears the backlog ($pause s)");
	same_answers(answers($node, $as_of), $before, "answers after compaction ($pause s)");
}
cmp_ok($interrupted, '>', 0, 'maintain() was killed in the middle at least once');
same_as_rebuilt($node, 'state after the crashes');

my $as_of = fixed_time($node);
my $before = answers($node, $as_of);
# On a fast machine the rebuild may be over before it is killed: then again, sooner.
my $rebuild_killed = 0;
foreach my $pause (0.1, 0.03, 0.01, 0, 0, 0)
{
	$rebuild_killed = killed_in_the_middle(q{SELECT rebuild_recommender('shop')}, $pause);
	last if $rebuild_killed;
}
ok($rebuild_killed, 'rebuild_recommender was killed in the middle');
same_answers(answers($node, $as_of), $before, 'a rebuild that was killed changed nothing');

# The whole server at once, with a writer at work.
my $load = create_load($node, 10_000_000);
$node->append_conf('postgresql.conf', "recommend.auto_compact = on\nrecommend.compact_after = 20");
$node->reload;
my $output = '';
my $writer = IPC::Run::start(
	[ 'pgbench', '-n', '-c', '2', '-T', '3', '-f', $load, '-h', $node->host, '-p', $node->port, 'postgres' ],
	'>', \$output, '2>&1');
select(undef, undef, undef, 1.5);
kill_and_start($node);
IPC::Run::finish($writer);    # it lost its server, as it should
cmp_ok($node->safe_psql('postgres', 'SELECT count(*) FROM events WHERE id >= 10000000'), '>', 0, 'the writer had written');
same_as_rebuilt($node, 'state after the server was killed under load');
$node->stop;
done_testing();
