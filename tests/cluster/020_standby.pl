# A hot standby answers every serving function as its primary does; promoted, it goes on compacting by itself.
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
recommend.auto_compact = off
recommend.compact_after = 100
});
$primary->start;
create_events($primary);
create_shop($primary);
$primary->backup('base');

my $standby = PostgreSQL::Test::Cluster->new('standby');
$standby->init_from_backup($primary, 'base', has_streaming => 1);
$standby->start;

# Some of the state is packed, some still waits in the delta.
add_events($primary, 1, 2000);
$primary->safe_psql('postgres', q{SELECT recommend.maintain('shop')});
add_events($primary, 2001, 2300);
$primary->safe_psql('postgres', q{DELETE FROM events WHERE id IN (10, 20, 2010)});
$primary->wait_for_catchup($standby);

my $as_of = fixed_time($primary);
my %questions = (
	'recommend' => "SELECT u, r.* FROM generate_series(1, 42) AS u, recommend(u, 30, as_of => '$as_of') AS r",
	'recommend without seen items' => "SELECT u, r.* FROM generate_series(1, 42) AS u, recommend(u, 30, include_seen => false, as_of => '$as_of') AS r",
	'recommend in a context' => qq(SELECT u, r.* FROM generate_series(1, 42) AS u, recommend(u, 30, context => '{"device": "mobile"}', as_of => '$as_of') AS r),
	'recommend in the past' => "SELECT u, r.* FROM generate_series(1, 5) AS u, recommend(u, 30, as_of => '$as_of'::timestamptz - interval '4 days') AS r",
	'recommend_session' => "SELECT * FROM recommend_session(ARRAY[3, 5, 8], 30, as_of => '$as_of')",
	'similar_items' => "SELECT i, s.* FROM generate_series(1, 60) AS i, similar_items(i, 30, as_of => '$as_of') AS s",
	'trending_items' => "SELECT * FROM trending_items(30, as_of => '$as_of')",
	'trending_items, typed' => "SELECT * FROM trending_items(NULL::int, 30, as_of => '$as_of')",
	'rank_items' => "SELECT u, r.* FROM generate_series(1, 42) AS u, rank_items(u, ARRAY[1, 2, 3, 50, 59], as_of => '$as_of') AS r",
	'recommend_batch' => "SELECT * FROM recommend_batch(ARRAY[1, 2, 3, 99], 10, as_of => '$as_of') ORDER BY user_id, rank",
	'explain_recommendation' => "SELECT * FROM explain_recommendation(7, 11, as_of => '$as_of')",
);
foreach my $question (sort keys %questions)
{
	my $answer = $primary->safe_psql('postgres', $questions{$question});
	isnt($answer, '', "$question: the primary answers");
	is($standby->safe_psql('postgres', $questions{$question}), $answer, "$question: the standby answers the same");
}
# A model that ranks: x + 1, of what the first phase says.
$primary->safe_psql('postgres', q{
	SELECT deploy_model('m', decode('0808420210113a4e0a0e0a01780a0163120170220341646412016d2a0d080110014201634a040000803f'
		|| '5a140a0178120f0a0d080112090a0312016e0a02080162140a0170120f0a0d080112090a0312016e0a020801', 'hex'), '{first_phase_score}');
	SELECT alter_recommender('shop', model => 'm')});
$primary->wait_for_catchup($standby);
foreach my $question ('recommend', 'rank_items', 'recommend_batch', 'explain_recommendation')
{
	my $answer = $primary->safe_psql('postgres', $questions{$question});
	like($answer, qr/m:1/, "$question: the model ranks") unless $question eq 'recommend_batch';
	is($standby->safe_psql('postgres', $questions{$question}), $answer, "$question: the standby ranks the same");
}
$primary->safe_psql('postgres', q{SELECT alter_recommender('shop', model => '')});
$primary->wait_for_catchup($standby);
is($standby->safe_psql('postgres', $questions{recommend}), $primary->safe_psql('postgres', $questions{recommend}), 'and without it again');
is($standby->safe_psql('postgres', q{SELECT recommender, backlog FROM recommend.status}),
	$primary->safe_psql('postgres', q{SELECT recommender, backlog FROM recommend.status}), 'recommend.status on the standby');

my ($status, $stdout, $stderr) = $standby->psql('postgres', q{SELECT recommend.maintain('shop')}, extra_params => [ '-v', 'VERBOSITY=sqlstate' ]);
isnt($status, 0, 'maintain is refused on a standby');
like($stderr, qr/25006/, 'as a write in a read-only transaction');

# Promoted, and the compactor takes up what waits.
$primary->stop;
$standby->promote;
$standby->poll_query_until('postgres', 'SELECT NOT pg_is_in_recovery()') or BAIL_OUT('the standby was not promoted');
$standby->safe_psql('postgres', 'ALTER SYSTEM SET recommend.auto_compact = on');
$standby->reload;
add_events($standby, 3001, 3500);
ok($standby->poll_query_until('postgres', q{SELECT sum(backlog) < 100 FROM recommend.status}), 'after promotion the compactor goes on');
same_as_rebuilt($standby, 'state after promotion');
$standby->stop;
done_testing();
