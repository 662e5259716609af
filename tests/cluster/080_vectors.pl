# Copies of vector sets are a cache: questions are answered after a restart, without the files, while these are deleted under load, on a standby, after a
# crash in the middle of making one, after dump and restore, and when memory does not do.
use IPC::Run;
use strict;
use warnings;
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Recommender;
use Test::More;

my $primary = PostgreSQL::Test::Cluster->new('primary');
$primary->init(allows_streaming => 1);
$primary->append_conf('postgresql.conf', q{
shared_preload_libraries = 'pg_recommend'
recommend.compact_after = 50
});
$primary->start;
$primary->safe_psql('postgres', q{
CREATE EXTENSION pg_recommend;
CREATE TABLE items (id int PRIMARY KEY, v real[]);
CREATE FUNCTION vector_of(n bigint) RETURNS real[] LANGUAGE sql IMMUTABLE AS
	$$ SELECT array(SELECT (hashint8(n * 1000 + d) % 1000)::real FROM generate_series(1, 16) AS d) $$;
INSERT INTO items SELECT n, vector_of(n) FROM generate_series(1, 5000) AS n;
SELECT create_vector_set('items', 'items', 'id', 'v');
-- An ERROR where the set says something else than the aggregate: one snapshot for both.
CREATE FUNCTION check_set(n bigint) RETURNS text LANGUAGE plpgsql STABLE AS $$
DECLARE a int[]; o int[];
BEGIN
	a := array(SELECT id FROM cosine_topk(NULL::int, 'items', vector_of(n), 10));
	o := (SELECT cosine_topk(id, v, vector_of(n), 10) FROM items);
	IF a IS DISTINCT FROM o THEN RAISE EXCEPTION 'the set says %, the aggregate %', a, o; END IF;
	RETURN a::text;
END $$;
});
my $directory = 'pgsql_tmp_pg_recommend';
my $status = q{SELECT state || ' ' || rows || ' ' || changes FROM recommend.vector_set_status};
my $debug = q{SET client_min_messages = debug1;};

# Whether a question reads the table.
sub scans
{
	my ($node, $set, $database) = @_;
	my ($code, $out, $err) = $node->psql($database // 'postgres', "$debug SELECT count(*) FROM cosine_topk('$set', vector_of(3), 5)");
	is($code, 0, 'the question is answered') or diag($err);
	return $err =~ /is read from its table/ ? 1 : 0;
}

# Asks until there is a copy: a question that finds no worker's slot free leaves it to the next one.
sub until_ready
{
	my ($node, $name, $database) = @_;
	return ok($node->poll_query_until($database // 'postgres', 
		q{SELECT state = 'ready' FROM cosine_topk('items', vector_of(3), 1), recommend.vector_set_status WHERE vector_set = 'items'}), $name);
}

my $first = $primary->safe_psql('postgres', 'SELECT check_set(7)');
is($primary->safe_psql('postgres', $status), 'ready 5000 0', 'the copy was made with the set');

# Restarts.
foreach my $how ('fast', 'immediate')
{
	$primary->stop($how);
	$primary->start;
	is($primary->safe_psql('postgres', 'SELECT check_set(7)'), $first, "the first answer after a restart ($how)");
	until_ready($primary, "the copy is there after a restart ($how)");
}

# Without files the first question reads the table, and the copy is made in the background.
my $files = $primary->data_dir . "/$directory";
ok(-d $files, 'copies lie in a directory of their own');
system_or_bail('rm', '-rf', $files);
is(scans($primary, 'items'), 1, 'without files the table is read');
until_ready($primary, 'a worker makes the copy');
is(scans($primary, 'items'), 0, 'and then it is used');
is($primary->safe_psql('postgres', 'SELECT check_set(7)'), $first, 'with the same answer');

# Files that are not what they should be.
foreach my $file (glob("$files/*.segment"))
{
	open(my $handle, '+<', $file) or die $!;
	seek($handle, 24, 0);
	print $handle 'garbage';
	close($handle);
}
is($primary->safe_psql('postgres', 'SELECT check_set(7)'), $first, 'a file with a broken header is not used');
system_or_bail('rm', '-rf', $files);
scans($primary, 'items');
until_ready($primary, 'a good one takes its place');

# A base backup leaves them out; a standby makes its own.
$primary->backup('base');
ok(!-e $primary->backup_dir . "/base/$directory", 'a base backup has no copies');
my $standby = PostgreSQL::Test::Cluster->new('standby');
$standby->init_from_backup($primary, 'base', has_streaming => 1);
$standby->start;
$primary->safe_psql('postgres', q{INSERT INTO items SELECT n, vector_of(n) FROM generate_series(5001, 5010) AS n; DELETE FROM items WHERE id < 5});
$primary->wait_for_catchup($standby);
is($standby->safe_psql('postgres', 'SELECT check_set(7)'), $primary->safe_psql('postgres', 'SELECT check_set(7)'), 'the standby answers the same');
until_ready($standby, 'the standby makes a copy of its own');
is(scans($standby, 'items'), 0, 'and uses it');
$primary->safe_psql('postgres', q{UPDATE items SET v = vector_of(7) WHERE id = 100});
$primary->wait_for_catchup($standby);
like($standby->safe_psql('postgres', 'SELECT check_set(7)'), qr/\{7,100,/, 'a change is seen on the standby at once');
ok($primary->poll_query_until('postgres', q{SELECT changes = 0 FROM recommend.vector_set_status}), 'the primary moves changes into its copy');
$primary->wait_for_catchup($standby);
is($standby->safe_psql('postgres', 'SELECT check_set(7)'), $primary->safe_psql('postgres', 'SELECT check_set(7)'), 'the standby follows the new generation');
ok($standby->poll_query_until('postgres', q{SELECT state = 'ready' AND changes = 0 FROM recommend.vector_set_status, LATERAL check_set(7)}), 'and makes a new copy');

# Under load: writers, new generations, and the files deleted now and then.
my $load = PostgreSQL::Test::Utils::tempdir() . '/load.sql';
append_to_file($load, q{
\set id random(1, 6000)
\set q random(1, 100000)
\set r random(1, 10)
BEGIN;
DELETE FROM items WHERE id = :id;
INSERT INTO items VALUES (:id, vector_of(:q)) ON CONFLICT DO NOTHING;
SELECT check_set(:id);
\if :r = 1
ROLLBACK;
\else
COMMIT;
\endif
SELECT check_set(:q);
});
my $read = PostgreSQL::Test::Utils::tempdir() . '/read.sql';
append_to_file($read, q{
\set q random(1, 100000)
BEGIN ISOLATION LEVEL REPEATABLE READ;
SELECT check_set(:q);
SELECT check_set(:q + 1);
COMMIT;
});
foreach my $node ($primary, $standby)
{
	my ($out, $err) = ('', '');
	my @script = $node == $primary ? ('-f', "$load\@3", '-f', "$read\@1") : ('-f', $read);
	my $run = IPC::Run::start([ 'pgbench', '-n', '-c', '4', '-T', '8', @script, '-h', $node->host, '-p', $node->port, 'postgres' ],
		'>', \$out, '2>', \$err);
	foreach (1 .. 6)
	{
		sleep(1);
		system('rm', '-rf', $node->data_dir . "/$directory");
	}
	ok($run->finish, 'no answer was wrong while files were deleted under load on ' . $node->name) or diag($err);
	# Before PostgreSQL 15 pgbench counts no failed transactions: the first one is an error.
	like($out, qr/number of transactions actually processed: [1-9]/, 'and there were answers');
	unlike($out, qr/number of failed transactions: [1-9]/, 'and none failed');
}
is($primary->safe_psql('postgres', 'SELECT check_set(7)') ne '', 1, 'the primary answers after the load');
$primary->wait_for_catchup($standby);
is($standby->safe_psql('postgres', 'SELECT check_set(7)'), $primary->safe_psql('postgres', 'SELECT check_set(7)'), 'and the standby the same');

# A crash while a copy is made.
$primary->safe_psql('postgres', q{INSERT INTO items SELECT n, vector_of(n) FROM generate_series(10000, 90000) AS n; CHECKPOINT});
my ($nothing, $built, $broken) = ('', '', '');
my $building = IPC::Run::start(
	[ 'psql', '-XAtq', '-c', "SELECT rebuild_vector_set('items')", '-h', $primary->host, '-p', $primary->port, 'postgres' ],
	'<', \$nothing, '>', \$built, '2>', \$broken);
select(undef, undef, undef, 0.2);
kill_and_start($primary);
$building->finish;
is($primary->safe_psql('postgres', 'SELECT check_set(7)') ne '', 1, 'after a crash in the middle of making a copy');
until_ready($primary, 'a copy is made');
$primary->safe_psql('postgres', q{SELECT rebuild_vector_set('items')});
$primary->safe_psql('postgres', 'SELECT check_set(n) FROM generate_series(1, 5) AS n');

# Dump and restore.
my $folder = $PostgreSQL::Test::Utils::tmp_check;
my @connection = ('-h', $primary->host, '-p', $primary->port);
$primary->safe_psql('postgres', q{DELETE FROM items WHERE id > 8000});
$primary->command_ok([ 'pg_dump', @connection, '-Fc', '-f', "$folder/vectors.dump", 'postgres' ], 'pg_dump');
$primary->safe_psql('postgres', 'CREATE DATABASE restored TEMPLATE template0');
$primary->command_ok([ 'pg_restore', @connection, '--exit-on-error', '-d', 'restored', "$folder/vectors.dump" ], 'pg_restore');
is($primary->safe_psql('restored', 'SELECT check_set(7)'), $primary->safe_psql('postgres', 'SELECT check_set(7)'), 'the restored set answers the same');
until_ready($primary, 'and gets a copy', 'restored');
$primary->safe_psql('restored', q{UPDATE items SET v = vector_of(7) WHERE id = 50; SELECT check_set(7)});
$primary->safe_psql('postgres', 'SELECT check_set(7)');
$primary->safe_psql('postgres', 'DROP DATABASE restored');

# Memory: what does not fit is answered from the table; what was not used for long makes room.
$primary->safe_psql('postgres', q{
CREATE TABLE more (id int PRIMARY KEY, v real[]);
INSERT INTO more SELECT n, vector_of(n) FROM generate_series(1, 8000) AS n;
ALTER SYSTEM SET recommend.vector_memory = '1MB'});
$primary->reload;
ok($primary->poll_query_until('postgres', q{SELECT current_setting('recommend.vector_memory') = '1MB'}), 'less memory');
$primary->safe_psql('postgres', q{SELECT rebuild_vector_set('items')});
$primary->safe_psql('postgres', q{SELECT create_vector_set('more', 'more', 'id', 'v')});
is($primary->safe_psql('postgres', q{SELECT string_agg(vector_set || ' ' || state, ', ' ORDER BY 1) FROM recommend.vector_set_status}), 'items ready, more too large', 'two sets do not fit');
my ($code, $out, $err) = $primary->psql('postgres', q{SELECT id FROM cosine_topk('more', vector_of(5), 1); SELECT id FROM cosine_topk('more', vector_of(5), 1)});
is($out, "5\n5", 'the one without a copy is answered');
is(() = $err =~ /WARNING:  vector set "more" has no copy in memory/g, 1, 'with one warning in a session');
utime(time() - 3600, time() - 3600, glob("$files/*.copy"));
ok($primary->poll_query_until('postgres', q{SELECT count(*) FROM cosine_topk('more', vector_of(5), 1);
	SELECT string_agg(vector_set || ' ' || state, ', ' ORDER BY 1) FROM recommend.vector_set_status}, "1\nitems no copy, more ready"), 'what was not used for long makes room');
is($primary->safe_psql('postgres', 'SELECT check_set(7)') ne '', 1, 'and is answered from its table');
$standby->stop;

# Without preloading.
$primary->append_conf('postgresql.conf', "shared_preload_libraries = ''\nrecommend.vector_memory = '64MB'");
$primary->safe_psql('postgres', 'ALTER SYSTEM RESET ALL');
$primary->restart;
system_or_bail('rm', '-rf', $files);
is($primary->safe_psql('postgres', 'SELECT check_set(7)') ne '', 1, 'without preloading');
until_ready($primary, 'a worker makes the copy');
$primary->safe_psql('postgres', 'DROP TABLE items, more CASCADE');
$primary->safe_psql('postgres', 'CREATE TABLE swept (); DROP TABLE swept');
is(join(' ', glob("$files/*")), '', 'dropped sets leave no files');
$primary->stop;
done_testing();
