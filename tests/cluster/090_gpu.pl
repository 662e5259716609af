# The GPU's own process: asked over a socket, killed under load, restarted; whatever becomes of it, no question is lost and no session ends.
# The CPU stands in for the device.
use strict;
use warnings;
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;

$ENV{PG_RECOMMEND_GPU} = 'simulated';

my $primary = PostgreSQL::Test::Cluster->new('primary');
$primary->init(allows_streaming => 1);
$primary->append_conf('postgresql.conf', "shared_buffers = 64MB\nrecommend.auto_compact = off\n");
$primary->start;
$primary->safe_psql('postgres', q{
	CREATE EXTENSION pg_recommend;
	SELECT setseed(0.5);
	CREATE TABLE items (id int PRIMARY KEY, v real[]);
	INSERT INTO items SELECT n, ARRAY(SELECT (random() - 0.5 + 0 * n)::real FROM generate_series(1, 32)) FROM generate_series(1, 20000) AS n;
	-- Rows of the same direction.
	INSERT INTO items SELECT 30000 + n, ARRAY(SELECT 1::real FROM generate_series(1, 32)) FROM generate_series(1, 100) AS n;
	SELECT create_vector_set('items', 'items', 'id', 'v');
	SELECT rebuild_vector_set('items');
});

# Questions whose answers on the GPU are not those on the CPU, of so many.
sub differ
{
	my ($node) = @_;
	return $node->safe_psql('postgres', q{
		SELECT count(*) FILTER (WHERE gpu <> cpu) || ' of ' || count(*)
		  FROM (SELECT (SELECT array_agg(ROW(t.*)::text ORDER BY score DESC, id) FROM cosine_topk(NULL::int, 'items', v, 20, 'gpu', exclude => ARRAY[i.id]) AS t) AS gpu,
		               (SELECT array_agg(ROW(t.*)::text ORDER BY score DESC, id) FROM cosine_topk(NULL::int, 'items', v, 20, 'cpu', exclude => ARRAY[i.id]) AS t) AS cpu
		          FROM items AS i WHERE id % 500 = 0) AS answers});
}

sub status
{
	my ($node, $columns) = @_;
	return $node->safe_psql('postgres', "SELECT $columns FROM recommend.gpu_status");
}

# Not preloaded: there is no service, the CPU answers and says so once.
is(status($primary, 'state, device, fallbacks'), 'off||0', 'without preload there is no service');
my ($ret, $out, $err) = $primary->psql('postgres', q{
	SELECT count(*) FROM items AS i, cosine_topk(NULL::int, 'items', i.v, 5, 'gpu') WHERE i.id < 4;
	SELECT count(*) FROM items AS i, cosine_topk(NULL::int, 'items', i.v, 5, 'auto') WHERE i.id < 4;});
is("$ret $out", "0 15\n15", 'the CPU answers');
is(scalar(() = $err =~ /the CPU searches instead of the GPU: the service of the GPU is off/g), 1, 'and says so once a session');
is(differ($primary), '0 of 40', 'the same answers');

# Preloaded.
$primary->append_conf('postgresql.conf', "shared_preload_libraries = 'pg_recommend'\nrecommend.gpu = on\n");
$primary->restart;
ok($primary->poll_query_until('postgres', q{SELECT state = 'running' AND device = 'simulated' FROM recommend.gpu_status}), 'the service runs');
my $started = $primary->safe_psql('postgres', 'SELECT pg_postmaster_start_time()');
is(differ($primary), '0 of 40', 'the GPU gives the answers of the CPU');
is(status($primary, 'searches, refused, fallbacks, segments > 0, used > 0'), '40|0|0|t|t', 'it was the GPU that gave them');

# Changes that no copy has yet, and filters.
$primary->safe_psql('postgres', q{
	UPDATE items SET v = (SELECT v FROM items WHERE id = 500) WHERE id BETWEEN 10001 AND 10005;
	DELETE FROM items WHERE id % 7 = 0 AND id % 500 <> 0;
	INSERT INTO items SELECT 40000 + n, ARRAY(SELECT (random() - 0.5 + 0 * n)::real FROM generate_series(1, 32)) FROM generate_series(1, 50) AS n;});
is(differ($primary), '0 of 40', 'with changes beside the copy');
is($primary->safe_psql('postgres', q{
	SELECT count(*) FROM generate_series(1, 30) AS n, items AS i,
	       LATERAL (SELECT array_agg(id ORDER BY score DESC, id) AS ids FROM cosine_topk(NULL::int, 'items', i.v, 5, 'gpu', among => ARRAY(SELECT g FROM generate_series(n, 20000, 17) AS g))) AS g,
	       LATERAL (SELECT array_agg(id ORDER BY score DESC, id) AS ids FROM cosine_topk(NULL::int, 'items', i.v, 5, 'cpu', among => ARRAY(SELECT g FROM generate_series(n, 20000, 17) AS g))) AS c
	 WHERE i.id = 500 AND g.ids <> c.ids}), '0', 'with filters');
is(status($primary, 'fallbacks'), '0', 'the CPU was not needed');

# More equal scores than the GPU is asked for: the CPU decides by the ids.
($ret, $out, $err) = $primary->psql('postgres',
	q{SELECT array_agg(id ORDER BY id) = ARRAY(SELECT id FROM items WHERE id BETWEEN 30001 AND 30100 ORDER BY id LIMIT 20)
	    FROM cosine_topk(NULL::int, 'items', array_fill(1::real, ARRAY[32]), 20, 'gpu')});
is("$ret $out", '0 t', 'equal scores come in the order of their ids');
like($err, qr/too many rows have nearly the same score/, 'which the CPU had to find out');

# A batch is one question.
is($primary->safe_psql('postgres', q{
	SELECT count(*) FROM (
		SELECT * FROM cosine_topk_batch(NULL::int, 'items', (SELECT array_agg(v) FROM items WHERE id % 1000 = 0), 10, 'gpu')
		EXCEPT SELECT * FROM cosine_topk_batch(NULL::int, 'items', (SELECT array_agg(v) FROM items WHERE id % 1000 = 0), 10, 'cpu')) AS d}), '0', 'a batch');

# Killed under load, again and again.
my $script = $primary->basedir . '/ask.sql';
append_to_file($script, q{\set id random(1, 40) * 500
SELECT count(*) = 20 FROM cosine_topk(NULL::int, 'items', (SELECT v FROM items WHERE id = :id), 20, 'gpu');
});
my ($stdin, $stdout, $stderr) = ('', '', '');
my $load = IPC::Run::start(
	[ 'pgbench', '-n', '-c', '8', '-j', '2', '-T', '12', '-f', $script, '-h', $primary->host, '-p', $primary->port, 'postgres' ],
	'<', \$stdin, '>', \$stdout, '2>', \$stderr);
my $killed = 0;
for (1 .. 4)
{
	sleep 2;
	# Others may run services of their own: only ours has our data directory for its own.
	for my $pid (split /\n/, `pgrep -f -- '--socket pgsql_tmp_pg_recommend/gpu.socket'`)
	{
		next unless (readlink("/proc/$pid/cwd") // '') eq $primary->data_dir;
		$killed += kill 'KILL', $pid;
	}
}
my $finished = $load->finish;
cmp_ok($killed, '>=', 2, 'the service was killed while it was asked');
ok($finished, 'no session failed') or diag($stderr);
my ($failed) = $stdout =~ /number of failed transactions: (\d+)/;
is($failed // 0, 0, 'no question was lost');
unlike($stderr, qr/ERROR|FATAL/, 'nor did one fail');
is($primary->safe_psql('postgres', 'SELECT pg_postmaster_start_time()'), $started, 'the server went on');
ok($primary->poll_query_until('postgres', q{SELECT state = 'running' FROM recommend.gpu_status}), 'the service runs again');
is(status($primary, "starts > $killed, fallbacks > 0"), 't|t', 'starts and fallbacks are counted');
is(differ($primary), '0 of 40', 'the GPU answers again');

# A question that is cancelled or too slow does not spoil the next one.
is($primary->safe_psql('postgres', q{
	SET recommend.gpu_timeout = 1;
	SELECT count(*) FROM items AS i, cosine_topk(NULL::int, 'items', i.v, 20, 'gpu') WHERE i.id % 500 = 0;
	RESET recommend.gpu_timeout;
	SELECT count(*) FROM items AS i, cosine_topk(NULL::int, 'items', i.v, 20, 'gpu') WHERE i.id % 500 = 0;}), "800\n800", 'with hardly any time to wait');
is(differ($primary), '0 of 40', 'the same answers after that');

# On a hot standby.
$primary->backup('backup');
my $standby = PostgreSQL::Test::Cluster->new('standby');
$standby->init_from_backup($primary, 'backup', has_streaming => 1);
$standby->start;
$primary->wait_for_catchup($standby);
ok($standby->poll_query_until('postgres', q{SELECT state = 'running' FROM recommend.gpu_status}), 'a standby has a service too');
is(differ($standby), '0 of 40', 'and the same answers');
$standby->stop;

# The service ends with the server, also with one that is killed.
sub services
{
	my ($node) = @_;
	return scalar grep { (readlink("/proc/$_/cwd") // '') eq $node->data_dir } split /\n/, `pgrep -f -- '--socket pgsql_tmp_pg_recommend/gpu.socket'`;
}
is(services($standby), 0, 'the service of a stopped server has ended');
is(services($primary), 1, 'one service a server');
$primary->stop('immediate');
for (1 .. 50) { last if services($primary) == 0; select(undef, undef, undef, 0.1); }
is(services($primary), 0, 'the service of a killed server has ended');

# Switched off; without a GPU; not installed.
$primary->append_conf('postgresql.conf', "recommend.gpu = off\n");
$primary->start;
is(status($primary, 'state'), 'off', 'switched off');
$primary->stop;
$primary->append_conf('postgresql.conf', "recommend.gpu = on\n");
delete $ENV{PG_RECOMMEND_GPU};
$primary->start;
if (-e '/proc/driver/nvidia/version')
{
	ok($primary->poll_query_until('postgres', q{SELECT state = 'running' FROM recommend.gpu_status}), 'with a GPU');
}
else
{
	ok($primary->poll_query_until('postgres', q{SELECT state = 'no device' FROM recommend.gpu_status}), 'without a GPU');
}
$primary->stop;

done_testing();
