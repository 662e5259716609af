# The compactor as a background worker: who starts it, that it keeps up with writers, and that it stands in nobody's way.
use strict;
use warnings;
use IPC::Run;
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Recommender;
use Test::More;
use Time::HiRes qw(time);

my $node = PostgreSQL::Test::Cluster->new('main');
$node->init;
$node->append_conf('postgresql.conf', 'log_min_messages = warning');
$node->start;

sub backlog
{
	my ($database) = @_;
	return $node->safe_psql($database // 'postgres', 'SELECT sum(backlog) FROM recommend.status');
}

sub backlog_empties
{
	my ($database) = @_;
	return $node->poll_query_until($database, 'SELECT sum(backlog) = 0 FROM recommend.status');
}

my $workers = q{SELECT count(*) FROM pg_stat_activity WHERE backend_type = 'pg_recommend compactor'};

sub no_worker_left
{
	return $node->poll_query_until('postgres', $workers, '0');
}

# Seconds that a DROP DATABASE takes; fails the test when it is refused.
sub dropped
{
	my ($database, $name) = @_;
	my $started = time;
	my ($status, $out, $err) = $node->psql('postgres', "DROP DATABASE $database");
	my $took = time - $started;
	is($status, 0, $name) or diag($err);
	note(sprintf('DROP DATABASE took %.1f s', $took));
	return $took;
}

sub shop
{
	my ($database) = @_;
	$node->safe_psql('postgres', "CREATE DATABASE $database TEMPLATE template0");
	create_events($node, $database);
	create_shop($node, $database);
	return;
}

# Without preload: a committing writer starts it.
create_events($node);
create_shop($node);
is($node->safe_psql('postgres', 'SHOW shared_preload_libraries'), '', 'nothing is preloaded');
add_events($node, 1, 5000);
ok(backlog_empties('postgres'), 'a backlog starts a compactor, which empties it');
ok(no_worker_left(), 'the compactor ends when there is nothing to do');
same_as_rebuilt($node, 'what the compactor made');

# One session's setting is about what that session writes.
$node->safe_psql('postgres', q{SET recommend.auto_compact = off;
	INSERT INTO events SELECT id, 1, 1, now(), 'view' FROM generate_series(5001, 5100) AS id});
sleep 2;
is(backlog(), '100', 'with recommend.auto_compact = off nobody starts it');
is($node->safe_psql('postgres', $workers), '0', 'and none runs');
$node->safe_psql('postgres', q{INSERT INTO events VALUES (5101, 1, 1, now(), 'view')});
ok(backlog_empties('postgres'), 'the next writer starts it for all');

# Settings of the database for its applications do not bend it.
$node->safe_psql('postgres', q{
	ALTER DATABASE postgres SET default_transaction_read_only = on;
	ALTER DATABASE postgres SET default_transaction_isolation = 'serializable'});
$node->safe_psql('postgres', q{SET default_transaction_read_only = off; INSERT INTO events SELECT id, 2, 2, now(), 'view' FROM generate_series(5201, 5300) AS id});
ok(backlog_empties('postgres'), 'it writes in a database that is read-only by default');
$node->safe_psql('postgres', q{SET default_transaction_read_only = off; ALTER DATABASE postgres RESET ALL});

# One recommender that cannot be compacted holds up no other.
$node->safe_psql('postgres', q{
	CREATE TABLE other (u int, i int, at timestamptz);
	SELECT create_recommender('other', 'other', 'u', 'i', 'at');
	SELECT recommend.maintain()});
my $broken = $node->background_psql('postgres');
$broken->query_safe('BEGIN; LOCK TABLE recommend.users_1 IN SHARE MODE');
$node->safe_psql('postgres', q{INSERT INTO events VALUES (5401, 1, 1, now(), 'view')});
my $stuck = q{SELECT pid FROM pg_stat_activity WHERE backend_type = 'pg_recommend compactor' AND wait_event_type = 'Lock'};
ok($node->poll_query_until('postgres', "SELECT count(*) = 1 FROM ($stuck) AS s"), 'a lock on the state makes the compactor wait');
$node->safe_psql('postgres', q{INSERT INTO other VALUES (1, 1, now())});
is($node->safe_psql('postgres', "SELECT pg_cancel_backend(pid) FROM ($stuck) AS s"), 't', 'its compaction is cancelled');
ok($node->poll_query_until('postgres', q{SELECT backlog = 0 FROM recommend.status WHERE recommender = 'other'}), 'it goes on with the next recommender');
is($node->safe_psql('postgres', q{SELECT backlog FROM recommend.status WHERE recommender = 'shop'}), '1', 'what was cancelled still waits');
ok(no_worker_left(), 'and it ends');
$broken->query_safe('COMMIT');
$broken->quit;
like(slurp_file($node->logfile), qr/WARNING: .*recommender "shop" was not compacted: canceling statement due to user request/, 'the log says so');

# It ends at once when told to, in the middle of waiting.
$broken = $node->background_psql('postgres');
$broken->query_safe('BEGIN; LOCK TABLE recommend.users_1 IN SHARE MODE');
$node->safe_psql('postgres', q{INSERT INTO events VALUES (5402, 1, 1, now(), 'view')});
$node->poll_query_until('postgres', "SELECT count(*) = 1 FROM ($stuck) AS s");
$node->safe_psql('postgres', "SELECT pg_terminate_backend(pid) FROM ($stuck) AS s");
ok(no_worker_left(), 'pg_terminate_backend ends a compactor that waits for a lock');
$broken->query_safe('COMMIT');
$broken->quit;
$node->safe_psql('postgres', q{INSERT INTO events VALUES (5403, 1, 1, now(), 'view')});
ok(backlog_empties('postgres'), 'and the next one does its work');

# Progress of a rebuild, seen from another session; a lock on the state holds it up before its end.
add_events($node, 10_001, 60_000);
ok(backlog_empties('postgres'), 'no compactor reports at the same time');
$broken = $node->background_psql('postgres');
$broken->query_safe('BEGIN; LOCK TABLE recommend.users_1 IN SHARE MODE');
my $rebuild = $node->background_psql('postgres');
$rebuild->query_until(qr/started/, "\\echo started\nSELECT rebuild_recommender('shop');\n");
ok($node->poll_query_until('postgres', q{SELECT count(*) = 1 FROM recommend.progress WHERE recommender = 'shop' AND phase = 'writing rows'}),
	'recommend.progress shows a running rebuild');
is($node->safe_psql('postgres', q{SELECT events_done = (SELECT count(*) FROM events) FROM recommend.progress}), 't', 'and how many events it has read');
$broken->query_safe('COMMIT');
$broken->quit;
$rebuild->quit;
ok($node->poll_query_until('postgres', 'SELECT count(*) = 0 FROM recommend.progress'), 'and forgets it when it is done');

# Connections that write one row each: one worker at a time, not one for each.
my $one_row = create_load($node, 1_000_000);
my @pgbench = ('pgbench', '-n', '-f', $one_row, '-h', $node->host, '-p', $node->port);
my $output = '';
my $load = IPC::Run::start([ @pgbench, '-C', '-c', '2', '-T', '3', 'postgres' ], '>', \$output, '2>&1');
my ($looks, $crowds) = (0, 0);
while ($load->pumpable)
{
	$looks++;
	$crowds++ if $node->safe_psql('postgres', $workers) > 2;
	$load->pump_nb;
	select(undef, undef, undef, 0.05);
}
ok(IPC::Run::finish($load), 'short connections write') or diag($output);
# Those that commit while the first one is starting may each start one, which ends at once.
cmp_ok($crowds, '<', $looks / 5, 'they do not each start a compactor');
ok(backlog_empties('postgres'), 'and their backlog is emptied');

# A steady load: the backlog stays bounded, however long it goes on.
$output = '';
$load = IPC::Run::start([ @pgbench, '-c', '2', '-R', '1000', '-T', '8', 'postgres' ], '>', \$output, '2>&1');
my ($worst, $vacuum_knows, @looks) = (0, 0);
while ($load->pumpable)
{
	my $look = $node->safe_psql('postgres', q{
		SELECT (SELECT sum(backlog) FROM recommend.status), pg_stat_get_tuples_deleted('recommend.delta_1'::regclass),
			clock_timestamp(), (SELECT string_agg(concat_ws(' ', pid, state, wait_event, now() - xact_start), ', ') FROM pg_stat_activity
				WHERE backend_type = 'pg_recommend compactor'),
			(SELECT string_agg(phase || ' ' || events_done, ', ') FROM recommend.progress)
		FROM pg_stat_clear_snapshot()});
	push @looks, $look;
	my ($waits, $deleted) = split /\|/, $look;
	$worst = $waits if $waits > $worst;
	$vacuum_knows = $deleted;
	$load->pump_nb;
	select(undef, undef, undef, 0.2);
}
ok(IPC::Run::finish($load), 'a steady load') or diag($output);
# A bound in time would depend on the machine: without a compactor the backlog would be all that was written.
my $written = $vacuum_knows + (split /\|/, $looks[-1])[0];
note("the backlog was at most $worst of $written events");
cmp_ok($worst, '<', $written / 2, 'the backlog is bounded') or diag(join "\n", @looks);
cmp_ok($vacuum_knows, '>', 1000, 'autovacuum hears of what the compactor has deleted while it is at work');
ok(backlog_empties('postgres'), 'and is emptied after the load');
same_as_rebuilt($node, 'state after the load');

# DROP DATABASE does not fail because a compactor lingers.
shop('dropped');
add_events($node, 1, 3000, 'dropped');
cmp_ok(dropped('dropped', 'a database whose compactor is at work is dropped'), '<', 5, 'within a short time');
shop('copied');
add_events($node, 1, 3000, 'copied');
is($node->psql('postgres', 'CREATE DATABASE copy TEMPLATE copied'), 0, 'a database whose compactor is at work can be copied');
# The copy is a database of its own, with its own compactor.
add_events($node, 5001, 5100, 'copy');
ok(backlog_empties('copy'), 'a copy of a database has its own compactor');
same_as_rebuilt($node, 'state of the copy', 'copy');
dropped($_, "$_ is dropped") foreach ('copied', 'copy');

# Preloaded: the launcher takes up what was left, in every database.
shop('second');
foreach my $database ('postgres', 'second')
{
	$node->safe_psql($database, q{SET recommend.auto_compact = off;
		INSERT INTO events SELECT id, 1, 1, now(), 'view' FROM generate_series(-100, -1) AS id});
	cmp_ok(backlog($database), '>=', 100, "$database: a backlog is left");
}
$node->append_conf('postgresql.conf', "shared_preload_libraries = 'pg_recommend'");
$node->restart;
ok(backlog_empties($_), "$_: the launcher starts a compactor") foreach ('postgres', 'second');
is($node->safe_psql('postgres', q{SELECT count(*) FROM pg_stat_activity WHERE backend_type = 'pg_recommend launcher'}), '1', 'the launcher stays');
add_events($node, 20_001, 22_000, 'second');
ok(backlog_empties('second'), 'preloaded, writers start it too');

# DROP DATABASE wakes all processes: the launcher must not take that for a time to start compactors there.
dropped('second', 'a database is dropped beside the launcher');
foreach my $round (1 .. 3)
{
	shop("short_$round");
	add_events($node, 1, 100, "short_$round");
	dropped("short_$round", "short_$round is dropped");
}
my $log = slurp_file($node->logfile);
unlike($log, qr/FATAL: .*database .* does not exist/, 'no worker was started for a database that is gone');
unlike($log, qr/PANIC|terminated by signal/, 'nothing crashed');

# Told to do nothing by itself, it does nothing.
$node->append_conf('postgresql.conf', 'recommend.auto_compact = off');
$node->restart;
add_events($node, 70_001, 70_010);
$node->restart;
sleep 2;
cmp_ok(backlog(), '>=', 10, 'with recommend.auto_compact = off the launcher starts nothing');
$node->safe_psql('postgres', 'SELECT recommend.maintain()');
is(backlog(), '0', 'recommend.maintain() does');

my $started = time;
$node->stop('fast');
cmp_ok(time - $started, '<', 5, 'the server stops without waiting for the workers');
done_testing();
