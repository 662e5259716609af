# Graphs on several servers: a standby that answers, processes killed while they pack, dump and restore, and changes that a subscription applies.
# Whatever happened on the way, a graph must answer as one that is built from its tables.
use strict;
use warnings;
use IPC::Run;
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Recommender;
use Test::More;

# The shop's graph with who knows whom beside the events, and a graph of its own.
sub create_graphs
{
	my ($node, $database) = @_;
	$node->safe_psql($database // 'postgres', q{
		CREATE TABLE knows (id bigint PRIMARY KEY, a int, b text, strength real);
		SELECT add_edges('shop', 'knows', 'a', 'user', 'b', 'person', 'knows', weight_column => 'strength');
		SELECT create_graph('visits', half_life => '3 days', max_edges_per_node => 1000);
		SELECT add_edges('visits', 'events', 'user_id', 'user', 'item_id', 'item', 'visit', 'at', context_columns => '{device}')});
	return;
}

sub add_acquaintances
{
	my ($node, $first, $last, $database) = @_;
	$node->safe_psql($database // 'postgres', qq{
		INSERT INTO knows SELECT id, 1 + (hashint8(id) & 65535) % 40, 'person ' || (hashint8(id * 3) & 65535) % 30, 1 + id % 5 FROM generate_series($first, $last) AS id});
	return;
}

# Lines "what|key|node|number" of both graphs, all that they know: no cut hides a difference.
sub graph_answers
{
	my ($node, $as_of, $database) = @_;
	return $node->safe_psql($database // 'postgres', qq{
		SELECT 'neighbors ' || g, t || u, concat_ws('/', r.node, r.node_type, r.edge_type, r.count, r.last_at), r.weight
		FROM unnest('{shop,visits}'::text[]) AS g, unnest('{user,item}'::text[]) AS t, generate_series(1, 60) AS u, neighbors(g, u::text, t, as_of => '$as_of', n => 10000) AS r;
		SELECT 'persons', p, concat_ws('/', r.node, r.count), r.weight FROM generate_series(0, 30) AS p, neighbors('shop', 'person ' || p, 'person', as_of => '$as_of') AS r;
		SELECT 'context', u, concat_ws('/', r.node, r.count, r.last_at), r.weight
		FROM generate_series(1, 40) AS u, neighbors('visits', u, context => '{"device": "mobile"}', as_of => '$as_of', n => 10000) AS r;
		SELECT 'strength', u, u + 1, adamic_adar('visits', u, u + 1, as_of => '$as_of') FROM generate_series(1, 39) AS u;
		SELECT 'past', u, concat_ws('/', r.node, r.count, r.last_at), r.weight
		FROM generate_series(1, 10) AS u, neighbors('visits', u, as_of => '$as_of'::timestamptz - interval '5 days', n => 10000) AS r;
		});
}

# Pass if both graphs answer as they do when they are made anew.
sub graphs_as_rebuilt
{
	my ($node, $name, $database) = @_;
	my $as_of = fixed_time($node);
	my $followed = graph_answers($node, $as_of, $database);
	$node->safe_psql($database // 'postgres', q{SELECT rebuild_graph('shop'), rebuild_graph('visits')});
	same_answers($followed, graph_answers($node, $as_of, $database), $name);
	return;
}

my $primary = PostgreSQL::Test::Cluster->new('primary');
$primary->init(allows_streaming => 'logical');
# The tables fit into the buffers: scans that PostgreSQL 18 hands to other processes block by block take minutes.
$primary->append_conf('postgresql.conf', "recommend.auto_compact = off\nrestart_after_crash = on\nshared_buffers = 64MB\n");
$primary->start;
create_events($primary);
create_shop($primary);
create_graphs($primary);
$primary->backup('base');
my $standby = PostgreSQL::Test::Cluster->new('standby');
$standby->init_from_backup($primary, 'base', has_streaming => 1);
$standby->start;

# A standby: some of it is packed, some waits.
add_events($primary, 1, 2000);
add_acquaintances($primary, 1, 300);
$primary->safe_psql('postgres', q{SELECT recommend.maintain()});
add_events($primary, 2001, 2300);
add_acquaintances($primary, 301, 350);
$primary->safe_psql('postgres', q{DELETE FROM events WHERE id IN (10, 20, 2010); UPDATE events SET item_id = 61 WHERE id IN (30, 2030); DELETE FROM knows WHERE id % 17 = 0});
$primary->wait_for_catchup($standby);
my $as_of = fixed_time($primary);
my %questions = (
	'neighbors' => "SELECT u, r.* FROM generate_series(1, 42) AS u, neighbors('shop', u::text, as_of => '$as_of') AS r",
	'neighbors in a context' => qq(SELECT u, r.* FROM generate_series(1, 42) AS u, neighbors('visits', u, context => '{"device": "mobile"}', as_of => '$as_of') AS r),
	'neighbors in the past' => "SELECT u, r.* FROM generate_series(1, 10) AS u, neighbors('shop', u::text, as_of => '$as_of'::timestamptz - interval '4 days') AS r",
	'neighbors by another half-life' => "SELECT u, r.* FROM generate_series(1, 10) AS u, neighbors('shop', u::text, as_of => '$as_of', half_life => '1 day') AS r",
	'k_hop' => "SELECT u, r.* FROM generate_series(1, 10) AS u, k_hop('shop', u::text, hops => 3, as_of => '$as_of') AS r",
	'graph_paths' => "SELECT u, r.* FROM generate_series(2, 6) AS u, graph_paths('shop', '1'::text, u::text, as_of => '$as_of') AS r",
	'common_neighbors' => "SELECT u, r.* FROM generate_series(2, 40) AS u, common_neighbors('shop', '1'::text, u::text, as_of => '$as_of') AS r",
	'adamic_adar' => "SELECT u, adamic_adar('shop', 1, u, as_of => '$as_of') FROM generate_series(2, 40) AS u",
	'personalized_pagerank' => "SELECT * FROM personalized_pagerank('shop', '1'::text, as_of => '$as_of')",
	'random_walk' => "SELECT * FROM random_walk('shop', '{1,2,3}'::text[], as_of => '$as_of')",
	'prune_subgraph' => "SELECT * FROM prune_subgraph('shop', '1'::text, as_of => '$as_of')",
	'node_embedding' => "SELECT node_embedding('shop', '1'::text, as_of => '$as_of')",
	'recommend.graph_status' => 'SELECT graph, source_table, edge_type, events, backlog, skipped, nodes FROM recommend.graph_status ORDER BY 1, 2, 3',
);
foreach my $question (sort keys %questions)
{
	my $answer = $primary->safe_psql('postgres', $questions{$question});
	isnt($answer, '', "$question: the primary answers");
	is($standby->safe_psql('postgres', $questions{$question}), $answer, "$question: the standby answers the same");
}
foreach my $change (q{SELECT recommend.maintain('visits')}, q{SELECT rebuild_graph('visits')}, q{SELECT create_graph('more')}, q{SELECT drop_graph('visits')})
{
	my ($status, $stdout, $stderr) = $standby->psql('postgres', $change, extra_params => [ '-v', 'VERBOSITY=sqlstate' ]);
	like($stderr, qr/25006/, "$change is refused on a standby as a write in a read-only transaction");
}
# What the primary packs and drops meanwhile, a standby that has asked before sees.
$primary->safe_psql('postgres', q{SELECT recommend.maintain()});
add_acquaintances($primary, 351, 360);
$primary->wait_for_catchup($standby);
is(graph_answers($standby, $as_of), graph_answers($primary, $as_of), 'after packing: the standby answers the same');
$primary->safe_psql('postgres', q{SELECT create_graph('short'); SELECT add_edges('short', 'knows', 'a', 'user', 'b', 'person', 'knows')});
$primary->wait_for_catchup($standby);
isnt($standby->safe_psql('postgres', q{SELECT count(*) FROM neighbors('short', '1'::text)}), '0', 'a new graph is there on the standby');
$primary->safe_psql('postgres', q{SELECT drop_graph('short')});
$primary->wait_for_catchup($standby);
my ($status, $stdout, $stderr) = $standby->psql('postgres', q{SELECT count(*) FROM neighbors('short', '1'::text)});
like($stderr, qr/graph "short" does not exist/, 'a dropped one is not');
graphs_as_rebuilt($primary, 'the primary');

# Killed while packing.
sub killed_in_the_middle
{
	my ($sql, $pause) = @_;
	my ($out, $err) = ('', '');
	my $client = IPC::Run::start(
		[ 'psql', '-XAtq', '-d', $primary->connstr('postgres'), '-v', 'ON_ERROR_STOP=1', '-c', q{SET application_name = 'victim'}, '-c', $sql ],
		'>', \$out, '2>', \$err);
	my $pid;
	foreach (1 .. 500)
	{
		$pid = $primary->safe_psql('postgres', q{SELECT pid FROM pg_stat_activity WHERE application_name = 'victim' AND state = 'active' AND query !~ '^SET'});
		last if $pid || !$client->pumpable;
		select(undef, undef, undef, 0.005);
	}
	select(undef, undef, undef, $pause);
	kill(9, $pid) if $pid;
	my $finished = IPC::Run::finish($client);
	$primary->poll_query_until('postgres', 'SELECT true') or BAIL_OUT('the server did not come back');
	return !$finished;
}

my $interrupted = 0;
my $next = 10_001;
foreach my $pause (0, 0.05, 0.1, 0.2)
{
	add_events($primary, $next, $next + 9_999);
	add_acquaintances($primary, $next, $next + 999);
	$next += 10_000;
	$as_of = fixed_time($primary);
	my $before = graph_answers($primary, $as_of);
	$interrupted++ if killed_in_the_middle(q{SELECT recommend.maintain('visits'); SELECT recommend.maintain('shop')}, $pause);
	same_answers(graph_answers($primary, $as_of), $before, "answers after the crash ($pause s)");
	$primary->safe_psql('postgres', q{SELECT recommend.maintain()});
	is($primary->safe_psql('postgres', 'SELECT sum(backlog) FROM recommend.graph_status'), '0', "maintain clears the backlog ($pause s)");
	same_answers(graph_answers($primary, $as_of), $before, "answers after packing ($pause s)");
}
cmp_ok($interrupted, '>', 0, 'maintain() was killed in the middle at least once');
$as_of = fixed_time($primary);
my $before = graph_answers($primary, $as_of);
my $rebuild_killed = 0;
foreach my $pause (0.1, 0.03, 0.01, 0, 0, 0)
{
	$rebuild_killed = killed_in_the_middle(q{SELECT rebuild_graph('visits')}, $pause);
	last if $rebuild_killed;
}
ok($rebuild_killed, 'rebuild_graph was killed in the middle');
same_answers(graph_answers($primary, $as_of), $before, 'a rebuild that was killed changed nothing');
graphs_as_rebuilt($primary, 'after the crashes');
$standby->stop;

# Dumped and restored: the same answers, and new events are counted once.
$primary->safe_psql('postgres', q{DELETE FROM events WHERE id > 12000; DELETE FROM knows WHERE id > 11000; SELECT recommend.maintain()});
add_events($primary, 50_001, 50_200);
add_acquaintances($primary, 50_001, 50_020);
$as_of = fixed_time($primary);
$before = graph_answers($primary, $as_of);
my $catalog = q{SELECT * FROM recommend.graphs ORDER BY 1; SELECT * FROM recommend.node_types ORDER BY 1, 2; SELECT * FROM recommend.edge_sources ORDER BY 1; SELECT * FROM recommend.edge_state ORDER BY 1;
	SELECT graph, next_node FROM recommend.graph_state ORDER BY 1; SELECT graph, source_table, edge_type, events, backlog, skipped, nodes FROM recommend.graph_status ORDER BY 1, 2, 3};
my $folder = $PostgreSQL::Test::Utils::tmp_check;
my @connection = ('-h', $primary->host, '-p', $primary->port);
$primary->command_ok([ 'pg_dump', @connection, '-f', "$folder/plain.sql", 'postgres' ], 'pg_dump, plain');
$primary->command_ok([ 'pg_dump', @connection, '-Fc', '-f', "$folder/custom.dump", 'postgres' ], 'pg_dump, custom');
foreach my $restored ('plain', 'custom')
{
	$primary->safe_psql('postgres', "CREATE DATABASE $restored TEMPLATE template0");
	if ($restored eq 'plain')
	{
		$primary->command_ok([ 'psql', '-XqAt', '-v', 'ON_ERROR_STOP=1', '-1', @connection, '-o', '/dev/null', '-f', "$folder/plain.sql", $restored ],
			'restored by psql in one transaction');
	}
	else
	{
		$primary->command_ok([ 'pg_restore', @connection, '--exit-on-error', '-j', '2', '-d', $restored, "$folder/custom.dump" ],
			'restored by pg_restore with two jobs');
	}
	same_answers(graph_answers($primary, $as_of, $restored), $before, "$restored: same answers");
	is($primary->safe_psql($restored, $catalog), $primary->safe_psql('postgres', $catalog), "$restored: same catalog");
	my $backlog = $primary->safe_psql($restored, q{SELECT sum(backlog) FROM recommend.graph_status WHERE graph = 'visits'});
	add_events($primary, 60_001, 60_100, $restored);
	is($primary->safe_psql($restored, q{SELECT sum(backlog) FROM recommend.graph_status WHERE graph = 'visits'}), $backlog + 100, "$restored: each new event waits once");
	$primary->safe_psql($restored, q{SELECT recommend.maintain()});
	$primary->safe_psql($restored, q{SELECT create_graph('new'); SELECT add_edges('new', 'knows', 'a', 'user', 'b', 'person', 'knows'); SELECT drop_graph('new'); DELETE FROM events WHERE id % 11 = 0; TRUNCATE knows});
	graphs_as_rebuilt($primary, "$restored: state after new events", $restored);
	same_answers(graph_answers($primary, $as_of), $before, "$restored: the original answers as before");
}

# A subscription: the initial copy, changes, TRUNCATE, with the compactor at work.
my $subscriber = PostgreSQL::Test::Cluster->new('subscriber');
$subscriber->init;
$subscriber->append_conf('postgresql.conf', "recommend.compact_after = 50\nwal_retrieve_retry_interval = 200ms");
$subscriber->start;
create_events($subscriber);
create_shop($subscriber);
create_graphs($subscriber);
$primary->safe_psql('postgres', 'CREATE PUBLICATION graphs FOR TABLE events, knows');
my $connection = $primary->connstr . ' dbname=postgres';
$subscriber->safe_psql('postgres', "CREATE SUBSCRIPTION graphs CONNECTION '$connection' PUBLICATION graphs");

sub caught_up
{
	my ($name) = @_;
	$subscriber->poll_query_until('postgres', q{SELECT count(*) = 0 FROM pg_subscription_rel WHERE srsubstate NOT IN ('r', 's')})
	  or BAIL_OUT('the subscriber did not finish its initial copy');
	$primary->wait_for_catchup('graphs');
	$as_of = fixed_time($primary);
	same_answers(graph_answers($subscriber, $as_of), graph_answers($primary, $as_of), "$name: the subscriber answers as the publisher");
	graphs_as_rebuilt($subscriber, "$name: and as one that is made anew");
	return;
}

caught_up('initial copy');
add_events($primary, 70_001, 71_000);
add_acquaintances($primary, 70_001, 70_100);
caught_up('inserts');
$primary->safe_psql('postgres', q{
	UPDATE events SET item_id = 1 + item_id % 60, kind = 'purchase' WHERE id % 17 = 0;
	UPDATE events SET at = at - interval '1 hour', user_id = 1 + user_id % 40 WHERE id % 19 = 0;
	UPDATE knows SET strength = strength + 1 WHERE id % 3 = 0;
	UPDATE knows SET a = NULL WHERE id % 31 = 0});
caught_up('updates');
$primary->safe_psql('postgres', q{DELETE FROM events WHERE id % 13 = 0; DELETE FROM knows WHERE id % 2 = 0});
caught_up('deletes');
$primary->safe_psql('postgres', 'TRUNCATE events, knows');
$primary->wait_for_catchup('graphs');
is($subscriber->safe_psql('postgres', q{SELECT count(*) FROM generate_series(1, 40) AS u, neighbors('shop', u::text)}), '0', 'TRUNCATE empties the graph');
add_events($primary, 80_001, 80_500);
add_acquaintances($primary, 80_001, 80_100);
caught_up('after TRUNCATE');
$subscriber->safe_psql('postgres', 'DROP SUBSCRIPTION graphs');
unlike(slurp_file($_->logfile), qr/PANIC/, 'no PANIC') foreach ($primary, $standby, $subscriber);
$subscriber->stop;
$primary->stop;
done_testing();
