# Whom background workers believe: a schema called "recommend" that is not the extension's is nobody's, in a database without the extension and
# beside one that was dropped.
use strict;
use warnings;
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Recommender;
use Test::More;

my $node = PostgreSQL::Test::Cluster->new('main');
$node->init;
$node->append_conf('postgresql.conf', "shared_preload_libraries = 'pg_recommend'\nlog_min_messages = warning");
$node->start;
$node->safe_psql('postgres', 'CREATE ROLE hostile LOGIN');
$node->safe_psql('postgres', 'CREATE DATABASE theirs TEMPLATE template0 OWNER hostile');

# All that the compactor looks for, made by a role that may create schemas: a recommender of a catalog, whose owner is a superuser, that waits to be
# rebuilt from a view of the role's own.
my $trap = q{
	SET ROLE hostile;
	CREATE SCHEMA recommend;
	CREATE SCHEMA hostile;
	CREATE TABLE hostile.ran (what text, as_role name);
	GRANT USAGE ON SCHEMA hostile, recommend TO PUBLIC;
	GRANT INSERT ON hostile.ran TO PUBLIC;
	CREATE FUNCTION hostile.evil(what text) RETURNS bool LANGUAGE plpgsql AS $$
		BEGIN INSERT INTO hostile.ran VALUES (what, current_user); RETURN true; END $$;
	CREATE VIEW recommend.recommenders AS
		SELECT 1 AS id, 'trap'::text AS name, 'pg_catalog.pg_class'::regclass AS events, 'oid'::name AS user_column, 'relowner'::name AS item_column,
			'relname'::name AS time_column, NULL::name AS event_column, NULL::jsonb AS event_weights, NULL::name AS session_column,
			interval '1 hour' AS session_gap, '{}'::name[] AS context_columns, interval '1 day' AS half_life, NULL::interval AS time_window,
			100 AS max_edges_per_node, NULL::regclass AS eligible, NULL::name AS eligible_column, true AS include_seen, NULL::int AS vector_set,
			NULL::text AS model
		WHERE hostile.evil('recommenders');
	CREATE VIEW recommend.vector_sets AS SELECT 2 AS id, 'trap'::text AS name, 'pg_catalog.pg_class'::regclass AS source, 'relname'::name AS id_column,
		'relacl'::name AS vector_column, NULL::int AS dimensions WHERE hostile.evil('vector_sets');
	CREATE VIEW recommend.features AS SELECT 3 AS id, 1 AS recommender WHERE hostile.evil('features');
	CREATE VIEW recommend.graphs AS SELECT 4 AS id, 'trap'::text AS name WHERE hostile.evil('graphs');
	CREATE VIEW recommend.models AS SELECT 'trap'::text AS name WHERE hostile.evil('models');
	CREATE VIEW recommend.feeds AS SELECT 1 AS id, 'trap'::text AS name, 'pg_catalog.pg_class'::regclass AS source WHERE hostile.evil('feeds');
	CREATE TABLE recommend.state (recommender int PRIMARY KEY, generation bigint, packed_epoch int, events bigint, newest_at timestamptz, next_user int,
		next_item int, next_session int, next_context int, skipped bigint, total_score float8, last_compaction timestamptz, needs_rebuild bool);
	INSERT INTO recommend.state VALUES (1, 1, 0, 0, NULL, 0, 0, 0, 0, 0, NULL, NULL, true);
	CREATE TABLE recommend.epochs (feed int PRIMARY KEY, epoch int);
	INSERT INTO recommend.epochs VALUES (1, 0);
	CREATE VIEW recommend.events_1 AS SELECT oid AS user_key, relowner AS item_key, now() AS at, 1::real AS weight, NULL::bigint AS session,
		NULL::text[] AS context FROM pg_catalog.pg_class WHERE hostile.evil('events')
};
my $ran = q{SELECT coalesce(string_agg(DISTINCT what || ' as ' || as_role, ', '), 'nothing') FROM hostile.ran};

# The launcher looks at all databases when the server has started; what it starts says so in no log, so wait for the one beside it.
sub looked_after
{
	my ($database) = @_;
	$node->restart;
	ok($node->poll_query_until('postgres', q{SELECT sum(backlog) = 0 FROM recommend.status}), 'the launcher has been around');
	ok($node->poll_query_until('postgres', q{SELECT count(*) = 0 FROM pg_stat_activity WHERE backend_type = 'pg_recommend compactor'}),
		'and its workers have ended');
	return;
}

create_events($node);
create_shop($node);
$node->safe_psql('theirs', $trap);

sub leave_a_backlog
{
	my ($first) = @_;
	$node->safe_psql('postgres', "SET recommend.auto_compact = off; INSERT INTO events SELECT n, n % 5, n % 7, now() - interval '1 day', 'view', NULL "
		. "FROM generate_series($first, $first + 50) AS n");
	return;
}

leave_a_backlog(1);
looked_after('theirs');
is($node->safe_psql('theirs', $ran), 'nothing', 'a worker reads nothing in a schema of that name where the extension is not installed');

# Functions of a library that is loaded find nothing there either.
$node->safe_psql('theirs', q{LOAD 'pg_recommend'; CREATE TABLE public.t (a int); ALTER TABLE public.t ADD b int; DROP TABLE public.t});
is($node->safe_psql('theirs', $ran), 'nothing', 'nor does a session');

# The extension was there, and its event triggers with it: the same when it has gone.
$node->safe_psql('postgres', 'CREATE DATABASE gone TEMPLATE template0 OWNER hostile');
$node->safe_psql('gone', 'CREATE EXTENSION pg_recommend; DROP EXTENSION pg_recommend');
$node->safe_psql('gone', $trap);
leave_a_backlog(1000);
looked_after('gone');
is($node->safe_psql('gone', $ran), 'nothing', 'nor where the extension has been dropped');
my ($status, $out, $err) = $node->psql('gone', 'CREATE EXTENSION pg_recommend');
isnt($status, 0, 'the extension does not move into a schema that it has not made');
like($err, qr/schema "recommend" already exists/, 'and says why');

# Workers have no rights but those of whom they work for: what an owner's view does in one is done as its owner.
$node->safe_psql('postgres', q{
	GRANT CREATE ON SCHEMA public TO hostile;
	CREATE TABLE ran (what text, as_role name);
	GRANT INSERT ON ran TO PUBLIC;
	SET ROLE hostile;
	SET recommend.auto_compact = off;
	CREATE FUNCTION evil(what text) RETURNS bool LANGUAGE plpgsql AS $$
		BEGIN INSERT INTO public.ran VALUES (what, current_user); RETURN true; END $$;
	CREATE TABLE log (u int, i int, at timestamptz);
	INSERT INTO log VALUES (1, 1, now()), (1, 2, now());
	SELECT create_recommender('bait', 'log', 'u', 'i', 'at', backfill => false, graph => false)});
my $id = $node->safe_psql('postgres', q{SELECT id FROM recommend.recommenders WHERE name = 'bait'});
$node->safe_psql('postgres', qq{
	SET ROLE hostile;
	CREATE OR REPLACE RULE "_RETURN" AS ON SELECT TO recommend.events_$id DO INSTEAD SELECT u AS user_key, i AS item_key, at, 1::real AS weight,
		NULL::bigint AS session, NULL::text[] AS context FROM public.log WHERE public.evil('events')});
$node->restart;
ok($node->poll_query_until('postgres', 'SELECT count(*) > 0 FROM ran'), 'a worker has rebuilt from a view of its owner');
is($node->safe_psql('postgres', q{SELECT string_agg(DISTINCT as_role, ', ') FROM ran}), 'hostile', 'with the rights of that owner');

done_testing();
