# A recommender and a vector set on subscribed tables: the initial copy, changes, TRUNCATE, and a subscriber that is killed under load.
# Whatever happened on the way, they must answer as if built from the tables.
use strict;
use warnings;
use IPC::Run;
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Recommender;
use Test::More;

my $publisher = PostgreSQL::Test::Cluster->new('publisher');
$publisher->init(allows_streaming => 'logical');
$publisher->start;
create_events($publisher);
add_events($publisher, 1, 1000);
my $items = 'CREATE TABLE vectors (id int PRIMARY KEY, v real[])';
$publisher->safe_psql('postgres', $items);
$publisher->safe_psql('postgres', q{
	INSERT INTO vectors SELECT n, ARRAY[n % 7 - 3, n % 11 - 5, n % 13 - 6, 1] FROM generate_series(1, 1000) AS n;
	CREATE PUBLICATION events FOR TABLE events, vectors});

my $subscriber = PostgreSQL::Test::Cluster->new('subscriber');
$subscriber->init;
# The compactor is to be at work while changes are applied.
$subscriber->append_conf('postgresql.conf', "recommend.compact_after = 50\nwal_retrieve_retry_interval = 200ms");
$subscriber->start;
create_events($subscriber);
create_shop($subscriber);
$subscriber->safe_psql('postgres', $items);
$subscriber->safe_psql('postgres', q{SELECT create_vector_set('vectors', 'vectors', 'id', 'v'), rebuild_vector_set('vectors')});
my $connection = $publisher->connstr . ' dbname=postgres';
$subscriber->safe_psql('postgres', "CREATE SUBSCRIPTION events CONNECTION '$connection' PUBLICATION events");

sub caught_up
{
	$subscriber->poll_query_until('postgres', q{SELECT count(*) = 0 FROM pg_subscription_rel WHERE srsubstate NOT IN ('r', 's')})
	  or BAIL_OUT('the subscriber did not finish its initial copy');
	$publisher->wait_for_catchup('events');
	return;
}

sub rows
{
	my ($node) = @_;
	return $node->safe_psql('postgres', q{SELECT count(*), sum(hashtext(e::text)::bigint) FROM events AS e});
}

# The set says what the aggregate says of the same rows.
sub same_vectors
{
	my ($what) = @_;
	is($subscriber->safe_psql('postgres', q{
		SELECT count(*) FILTER (WHERE a.ids IS DISTINCT FROM s.ids) || ' of ' || count(*)
		  FROM (SELECT v FROM vectors ORDER BY id LIMIT 20) AS q,
		       LATERAL (SELECT cosine_topk(id, v, q.v, 30) AS ids FROM vectors) AS a,
		       LATERAL (SELECT array_agg(id ORDER BY score DESC, id) AS ids FROM cosine_topk(NULL::int, 'vectors', q.v, 30)) AS s}),
		'0 of 20', "vectors, $what: answers that differ");
	is($subscriber->safe_psql('postgres', 'SELECT count(*), sum(hashtext(t::text)::bigint) FROM vectors AS t'),
		$publisher->safe_psql('postgres', 'SELECT count(*), sum(hashtext(t::text)::bigint) FROM vectors AS t'), "vectors, $what: the rows arrived");
	return;
}

caught_up();
is(rows($subscriber), rows($publisher), 'the initial copy arrived');
same_vectors('initial copy');
same_as_rebuilt($subscriber, 'initial copy');

add_events($publisher, 1001, 2000);
caught_up();
same_as_rebuilt($subscriber, 'inserts');

$publisher->safe_psql('postgres', q{UPDATE events SET item_id = 1 + item_id % 60, kind = 'purchase' WHERE id % 17 = 0});
$publisher->safe_psql('postgres', q{UPDATE events SET at = at - interval '1 hour', user_id = 1 + user_id % 40 WHERE id % 19 = 0});
caught_up();
same_as_rebuilt($subscriber, 'updates');
$publisher->safe_psql('postgres', q{
	UPDATE vectors SET v = ARRAY[v[2], v[1], v[4], v[3]] WHERE id % 3 = 0;
	UPDATE vectors SET id = id + 5000 WHERE id % 10 = 1;
	DELETE FROM vectors WHERE id % 10 = 2;
	INSERT INTO vectors SELECT n, ARRAY[1, 2, n % 5, 3] FROM generate_series(2001, 2100) AS n});
caught_up();
same_vectors('changes');

$publisher->safe_psql('postgres', q{DELETE FROM events WHERE id % 13 = 0});
caught_up();
same_as_rebuilt($subscriber, 'deletes');

# Killed three times while changes flow in.
my $load = create_load($publisher, 100_000, q{
UPDATE events SET item_id = :item WHERE id = :old;
UPDATE vectors SET v = ARRAY[v[4], v[1], v[2], v[3] + 0.25] WHERE id = :item * 10 + 3;
DELETE FROM events WHERE id = :old + 1 AND id % 3 = 0;
});
my $output = '';
my $writer = IPC::Run::start(
	[ 'pgbench', '-n', '-c', '2', '-R', '300', '-T', '10', '-f', $load, '-h', $publisher->host, '-p', $publisher->port, 'postgres' ],
	'>', \$output, '2>&1');
foreach my $pause (1.5, 2, 2.5)
{
	select(undef, undef, undef, $pause);
	kill_and_start($subscriber);
}
ok(IPC::Run::finish($writer), 'the load ended well') or diag($output);
caught_up();
is(rows($subscriber), rows($publisher), 'nothing was lost by the kills');
same_as_rebuilt($subscriber, 'killed with -9 under load');
same_vectors('killed with -9 under load');

$publisher->safe_psql('postgres', 'TRUNCATE events; TRUNCATE vectors');
caught_up();
is($subscriber->safe_psql('postgres', 'SELECT count(*) FROM trending_items(NULL::int, 100)'), '0', 'TRUNCATE empties the recommender');
add_events($publisher, 5001, 5500);
$publisher->safe_psql('postgres', 'INSERT INTO vectors SELECT n, ARRAY[n % 7 - 3, 1, 0, n % 5] FROM generate_series(1, 100) AS n');
caught_up();
same_as_rebuilt($subscriber, 'after TRUNCATE');
same_vectors('after TRUNCATE');

$subscriber->safe_psql('postgres', 'DROP SUBSCRIPTION events');
$subscriber->stop;
$publisher->stop;
done_testing();
