# A database with a recommender and its features, dumped and restored: the same answers, and new events are counted once.
use strict;
use warnings;
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Recommender;
use Test::More;

my $node = PostgreSQL::Test::Cluster->new('main');
$node->init;
$node->append_conf('postgresql.conf', 'recommend.auto_compact = off');
$node->start;
create_events($node);
add_events($node, 1, 1500);
create_shop($node);
$node->safe_psql('postgres', q{
	CREATE TABLE kinds_of_items AS SELECT n AS item_id, 'kind ' || n % 5 AS kind FROM generate_series(1, 60) n;
	SELECT create_features('shop', rates => '{"bought": ["purchase", "view"]}', categories => 'kinds_of_items', category_item_column => 'item_id',
		category_column => 'kind')});
# A model that ranks: x + 1, of what the first phase says.
$node->safe_psql('postgres', q{
	SELECT deploy_model('m', decode('0808420210113a4e0a0e0a01780a0163120170220341646412016d2a0d080110014201634a040000803f'
		|| '5a140a0178120f0a0d080112090a0312016e0a02080162140a0170120f0a0d080112090a0312016e0a020801', 'hex'), '{first_phase_score}');
	SELECT alter_recommender('shop', model => 'm')});
# Some of the state is packed, some still waits in the delta.
add_events($node, 1501, 1700);

my $as_of = fixed_time($node);
my $before = answers($node, $as_of);
my $vectors = vectors($as_of);
my $folder = $PostgreSQL::Test::Utils::tmp_check;
my @connection = ('-h', $node->host, '-p', $node->port);

$node->command_ok([ 'pg_dump', @connection, '-f', "$folder/plain.sql", 'postgres' ], 'pg_dump, plain');
$node->command_ok([ 'pg_dump', @connection, '-Fc', '-f', "$folder/custom.dump", 'postgres' ], 'pg_dump, custom');

foreach my $restored ('plain', 'custom')
{
	$node->safe_psql('postgres', "CREATE DATABASE $restored TEMPLATE template0");
	if ($restored eq 'plain')
	{
		$node->command_ok([ 'psql', '-XqAt', '-v', 'ON_ERROR_STOP=1', '-1', @connection, '-o', '/dev/null', '-f', "$folder/plain.sql", $restored ],
			'restored by psql in one transaction');
	}
	else
	{
		$node->command_ok([ 'pg_restore', @connection, '--exit-on-error', '-j', '2', '-d', $restored, "$folder/custom.dump" ],
			'restored by pg_restore with two jobs');
	}

	same_answers(answers($node, $as_of, $restored), $before, "$restored: same answers");
	is($node->safe_psql($restored, 'SELECT recommender, events, backlog FROM recommend.status'),
		$node->safe_psql('postgres', 'SELECT recommender, events, backlog FROM recommend.status'), "$restored: same status");

	is($node->safe_psql($restored, "SELECT model, (SELECT min(variant) FROM recommend(7, 3)) FROM recommend.recommenders"), 'm|m:1', "$restored: the model ranks");
	is(vectors($as_of, $restored), $vectors, "$restored: same features");
	is($node->safe_psql($restored, 'SELECT recommender, events, backlog, entities FROM recommend.feature_status'),
		$node->safe_psql('postgres', 'SELECT recommender, events, backlog, entities FROM recommend.feature_status'), "$restored: same status of features");

	my $backlog = $node->safe_psql($restored, 'SELECT sum(backlog) FROM recommend.status');
	add_events($node, 2001, 2100, $restored);
	is($node->safe_psql($restored, 'SELECT sum(backlog) FROM recommend.status'), $backlog + 100, "$restored: each new event waits once");
	$node->safe_psql($restored, q{SELECT recommend.maintain('shop')});
	same_as_rebuilt($node, "$restored: state after new events", $restored);
	my $packed = vectors($as_of, $restored);
	$node->safe_psql($restored, q{SELECT rebuild_features('shop')});
	is(vectors($as_of, $restored), $packed, "$restored: features after new events as rebuilt");
	is($node->safe_psql('postgres', 'SELECT count(*) FROM events WHERE id > 2000'), '0', "$restored: the original is untouched");
	same_answers(answers($node, $as_of), $before, "$restored: and answers as before");
}
$node->stop;
done_testing();

# The features of all users and items, but for the last digits of sums and for what moves with the clock.
sub vectors
{
	my ($as_of, $database) = @_;
	return $node->safe_psql($database // 'postgres', qq{
		SELECT u, item_id, (SELECT array_agg(round(f::numeric, 3) ORDER BY place)
			FROM unnest(features, feature_names('shop')) WITH ORDINALITY AS v (f, name, place)
			WHERE name LIKE '%count\\_30d' OR name LIKE '%distinct%' OR name LIKE '%bought\\_30d')
		FROM generate_series(1, $Recommender::USERS) u,
			candidate_features(u, (SELECT array_agg(n) FROM generate_series(1, $Recommender::ITEMS) n), 'shop', '{"device": "phone"}', '$as_of')
		ORDER BY 1, 2});
}
