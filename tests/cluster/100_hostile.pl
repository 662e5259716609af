# What must not take the server with it: a worker that ends in the middle of a compaction again and again, and a session without memory.
use strict;
use warnings;
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Recommender;
use Test::More;

my $node = PostgreSQL::Test::Cluster->new('main');
$node->init;
$node->append_conf('postgresql.conf', "log_min_messages = warning\nrestart_after_crash = on");
$node->start;
create_events($node);
create_shop($node);
$node->safe_psql('postgres', q{
	CREATE TABLE others (u int, i int, at timestamptz);
	SELECT create_recommender('others', 'others', 'u', 'i', 'at', graph => false)});
my $database = $node->safe_psql('postgres', q{SELECT oid FROM pg_database WHERE datname = 'postgres'});
my $id = $node->safe_psql('postgres', q{SELECT id FROM recommend.recommenders WHERE name = 'shop'});

sub backlog_of
{
	my ($name) = @_;
	return $node->safe_psql('postgres', qq{SELECT backlog FROM recommend.status WHERE recommender = '$name'});
}

# What a worker leaves behind that the kernel or a crash has ended while it compacted 'shop' for the third time: the next try is 20 s away.
my $directory = $node->data_dir . '/pgsql_tmp_pg_recommend';
mkdir $directory, 0700;
append_to_file("$directory/resting_$database", "nonsense\nr x y z\nr $id 2 0\nr $id\n");
$node->safe_psql('postgres', q{INSERT INTO others SELECT i % 7, i % 5, now() - i * interval '1 minute' FROM generate_series(1, 100) AS i});
add_events($node, 1, 100);
ok($node->poll_query_until('postgres', q{SELECT backlog = 0 FROM recommend.status WHERE recommender = 'others'}), 'others are compacted at once');
is(backlog_of('shop'), '100', 'what was being compacted when a worker went rests');
like(slurp_file($node->logfile), qr/a worker ended while it compacted/, 'which the log tells');
like(slurp_file("$directory/resting_$database"), qr/^r $id 3 \d+$/m, 'and counts');
$node->safe_psql('postgres', q{SELECT recommend.maintain('shop')});
is(backlog_of('shop'), '0', 'by hand it is compacted at any time');

# One whose compaction is an error rests too, and longer each time.
$node->safe_psql('postgres', qq{ALTER TABLE recommend.delta_$id ALTER COLUMN context TYPE int USING 1});
unlink "$directory/resting_$database";
foreach my $round (1 .. 30)
{
	$node->safe_psql('postgres', q{INSERT INTO others VALUES (1, 1, now())});
	select(undef, undef, undef, 0.5);
}
my @rests = slurp_file($node->logfile) =~ /recommender "shop" was not compacted, and rests for (\d+) s/g;
cmp_ok(scalar(@rests), '>=', 1, 'what cannot be compacted is tried');
cmp_ok(scalar(@rests), '<=', 3, 'a few times in 15 s');
is($rests[0], 5, 'it rests for 5 s at first');
ok($node->poll_query_until('postgres', q{SELECT backlog = 0 FROM recommend.status WHERE recommender = 'others'}), 'others go on');
$node->safe_psql('postgres', q{SELECT drop_recommender('shop')});
create_shop_again();

sub create_shop_again
{
	$node->safe_psql('postgres', q{SELECT create_recommender('shop', 'events', user_column => 'user_id', item_column => 'item_id',
		time_column => 'at', event_column => 'kind', event_weights => '{"view": 1, "purchase": 8, "return": -4}', context_columns => '{device}', graph => false)});
	return;
}

# A session whose memory is limited: what is too much is an error of the statement, and nobody else hears of it.
{
	$node->safe_psql('postgres', q{SET recommend.auto_compact = off; SET recommend.background_backfill = 0; INSERT INTO others SELECT i % 1000, hashint4(i) % 100000, now() - i * interval '1 second' FROM generate_series(1, 300000) AS i});
	my $watcher = $node->safe_psql('postgres', q{SELECT pg_postmaster_start_time()});
	my $failed = 0;
	foreach my $megabytes (8, 16, 32, 48, 64, 96)
	{
		my ($status, $out, $err) = $node->psql('postgres', qq{
			SELECT pg_backend_pid() AS pid \\gset
			SELECT count(*) FROM recommend(1, 5, 'others', as_of => '2020-01-01');
			\\setenv pid :pid
			\\! grep VmData /proc/\$pid/status | awk '{print (\$2 + $megabytes * 1024) * 1024}' | xargs -I X prlimit --pid \$pid --data=X
			SELECT recommend.maintain('others');
			SELECT 'still here';
			});
		$failed++ if $err =~ /out of memory/;
		unlike($err, qr/server closed the connection/, "with $megabytes MB more the session goes on");
	}
	cmp_ok($failed, '>=', 1, 'memory has run out, in some of them');
	is($node->safe_psql('postgres', q{SELECT pg_postmaster_start_time()}), $watcher, 'the server is the same');
	unlike(slurp_file($node->logfile), qr/terminated by signal|terminating any other active/, 'nothing has crashed');
}

$node->stop;
done_testing();
