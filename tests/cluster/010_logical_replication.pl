# A recommender on a subscribed table: the initial copy, changes, TRUNCATE, and a subscriber that is killed under load.
# Whatever happened on the way, its state must answer as one built from the table.
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
$publisher->safe_psql('postgres', 'CREATE PUBLICATION events FOR TABLE events');

my $subscriber = PostgreSQL::Test::Cluster->new('subscriber');
$subscriber->init;
# The compactor is to be at work while changes are applied.
$subscriber->append_conf('postgresql.conf', "recommend.compact_after = 50\nwal_retrieve_retry_interval = 200ms");
$subscriber->start;
create_events($subscriber);
create_shop($subscriber);
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

caught_up();
is(rows($subscriber), rows($publisher), 'the initial copy arrived');
same_as_rebuilt($subscriber, 'initial copy');

add_events($publisher, 1001, 2000);
caught_up();
same_as_rebuilt($subscriber, 'inserts');

$publisher->safe_psql('postgres', q{UPDATE events SET item_id = 1 + item_id % 60, kind = 'purchase' WHERE id % 17 = 0});
$publisher->safe_psql('postgres', q{UPDATE events SET at = at - interval '1 hour', user_id = 1 + user_id % 40 WHERE id % 19 = 0});
caught_up();
same_as_rebuilt($subscriber, 'updates');

$publisher->safe_psql('postgres', q{DELETE FROM events WHERE id % 13 = 0});
caught_up();
same_as_rebuilt($subscriber, 'deletes');

# Killed three times while changes flow in.
my $load = create_load($publisher, 100_000, q{
UPDATE events SET item_id = :item WHERE id = :old;
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

$publisher->safe_psql('postgres', 'TRUNCATE events');
caught_up();
is($subscriber->safe_psql('postgres', 'SELECT count(*) FROM trending_items(NULL::int, 100)'), '0', 'TRUNCATE empties the recommender');
add_events($publisher, 5001, 5500);
caught_up();
same_as_rebuilt($subscriber, 'after TRUNCATE');

$subscriber->safe_psql('postgres', 'DROP SUBSCRIPTION events');
$subscriber->stop;
$publisher->stop;
done_testing();
