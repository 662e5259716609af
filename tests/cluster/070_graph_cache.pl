# The cache of pruned subgraphs in shared memory: one session's answers serve another, nothing that has changed is shown, and after a restart it
# is warm before anybody asks.
use strict;
use warnings;
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Recommender;
use Test::More;

my $node = PostgreSQL::Test::Cluster->new('main');
$node->init;
$node->append_conf('postgresql.conf', q{
shared_preload_libraries = 'pg_recommend'
log_min_messages = warning
recommend.graph_cache_size = '4MB'
recommend.auto_compact = off
});
$node->start;
$node->safe_psql('postgres', q{
CREATE EXTENSION pg_recommend;
CREATE TABLE follows (a int, b int, at timestamptz);
INSERT INTO follows SELECT n % 50, n * 7 % 61 + 100, '2020-01-01'::timestamptz + n * interval '1 min' FROM generate_series(1, 2000) n;
SELECT create_graph('people');
SELECT add_edges('people', 'follows', 'a', 'person', 'b', 'person', 'follows', 'at');
});

my $pruned = q{SELECT string_agg(format('%s>%s %s %s', from_node, to_node, count, round(weight::numeric, 9)), ' ' ORDER BY hop, from_node, to_node)
	FROM prune_subgraph('people', NODE, max_nodes => 20, as_of => '2020-02-01')};

sub pruned { return $pruned =~ s/NODE/$_[0]/r; }

sub ask { return $node->safe_psql('postgres', pruned($_[0])); }

sub stats { return split /\|/, $node->safe_psql('postgres', 'SELECT entries, hits, misses FROM recommend.graph_cache'); }

is($node->safe_psql('postgres', 'SELECT shared, entries, bytes FROM recommend.graph_cache'), 't|0|0', 'the cache is shared, and empty');
my ($status, $out, $err) = $node->psql('postgres', 'SET recommend.graph_cache_size = 0');
isnt($status, 0, 'its size is fixed at the start');

# One session asks, others find the answer.
my %first = map { $_ => ask($_) } 1 .. 10;
my ($entries, $hits, $misses) = stats();
is("$entries $hits $misses", '10 0 10', 'ten questions, ten entries');
is(ask($_), $first{$_}, "node $_ again, from another session") for 1 .. 10;
($entries, $hits, $misses) = stats();
is("$entries $hits $misses", '10 10 10', 'all of them were found');

# What changes is seen.
$node->safe_psql('postgres', q{INSERT INTO follows SELECT 1, 500, '2020-01-03' FROM generate_series(1, 100)});
like(ask(1), qr/1>500 100 /, 'a committed edge is seen at once');
is(ask(2), $first{2}, 'another node stays as it was');
$node->safe_psql('postgres', q{SELECT recommend.maintain('people')});
like(ask(1), qr/1>500 100 /, 'and when it is packed');
$node->safe_psql('postgres', q{BEGIN; DELETE FROM follows WHERE b = 500; SELECT count(*) FROM prune_subgraph('people', 1, max_nodes => 20, as_of => '2020-02-01'); ROLLBACK});
like(ask(1), qr/1>500 100 /, 'what was rolled back leaves nothing behind');
$node->safe_psql('postgres', q{DELETE FROM follows WHERE b = 500});
is(ask(1), $first{1}, 'a committed delete is seen at once');

# Another database with a graph of the same number and name.
$node->safe_psql('postgres', 'CREATE DATABASE other');
$node->safe_psql('other', q{
CREATE EXTENSION pg_recommend;
CREATE TABLE follows (a int, b int, at timestamptz);
INSERT INTO follows VALUES (1, 2, '2020-01-01');
SELECT create_graph('people');
SELECT add_edges('people', 'follows', 'a', 'person', 'b', 'person', 'follows', 'at');
});
like($node->safe_psql('other', pruned(1)), qr/^1>2 1 \S+ 2>1 1 \S+$/, 'another database has answers of its own');

# Writing down what is hot is the worker's: the launcher starts one each minute, and a writer's commit too.
ask(3) for 1 .. 5;
$node->safe_psql('postgres', q{ALTER SYSTEM SET recommend.auto_compact = on});
$node->reload;
$node->safe_psql('postgres', q{SET recommend.compact_after = 1; INSERT INTO follows VALUES (900, 901, '2020-01-04')});
ok($node->poll_query_until('postgres', 'SELECT count(*) >= 9 FROM recommend.hot_subgraphs'), 'what was asked is written down');
is($node->safe_psql('postgres', q{SELECT request->>'key' FROM recommend.hot_subgraphs ORDER BY uses DESC LIMIT 1}), '3', 'the hottest first');

for my $how ('fast', 'immediate')
{
	$node->stop($how);
	$node->start;
	ok($node->poll_query_until('postgres', 'SELECT entries >= 9 FROM recommend.graph_cache'), "the cache is warm after a restart ($how)");
	my ($before) = (stats())[1];
	is(ask($_), $first{$_}, "node $_ after the restart") for 2 .. 5;
	my ($after) = (stats())[1];
	is($after - $before, 4, 'all of them were found');
}

# A requested graph that is gone is no reason to fail.
$node->safe_psql('postgres', q{SELECT drop_graph('people')});
is($node->safe_psql('postgres', 'SELECT count(*) FROM recommend.hot_subgraphs'), '0', 'a graph takes its requests with it');
$node->restart;
is($node->safe_psql('postgres', 'SELECT count(*) FROM recommend.graphs'), '0', 'a restart without graphs');
$node->stop;
done_testing();
