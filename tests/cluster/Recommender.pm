# What the cluster tests share: one small shop, its recommender, and a way to compare what two states answer.
package Recommender;

use strict;
use warnings;
use Exporter 'import';
use PostgreSQL::Test::Utils;
use Test::More;

our @EXPORT = qw(create_events create_load create_shop add_events answers same_answers same_as_rebuilt fixed_time start_again kill_and_start);

# Few enough users and items that every answer can hold all of them: then answers are compared whole, no cut hides a difference.
our $USERS = 40;
our $ITEMS = 60;

# The event table, with the key that logical replication of UPDATE and DELETE needs, and the index by which the compactor finds
# the events of a user for whom one came late.
sub create_events
{
	my ($node, $database) = @_;
	$node->safe_psql($database // 'postgres', q{
		CREATE TABLE events (
			id      bigint PRIMARY KEY,
			user_id int NOT NULL,
			item_id int NOT NULL,
			at      timestamptz NOT NULL,
			kind    text NOT NULL,
			device  text);
		CREATE INDEX ON events (user_id, at)});
	return;
}

# The extension and a recommender on that table.
sub create_shop
{
	my ($node, $database) = @_;
	$node->safe_psql($database // 'postgres', q{
		CREATE EXTENSION pg_recommend;
		SELECT create_recommender('shop', 'events', user_column => 'user_id', item_column => 'item_id',
			time_column => 'at', event_column => 'kind', event_weights => '{"view": 1, "purchase": 8, "return": -4}',
			context_columns => '{device}', half_life => '3 days')});
	return;
}

# Events with ids from $first to $last over the last ten days. Ids and times are in different orders, so that some
# arrive late; the same ids always give the same events.
sub add_events
{
	my ($node, $first, $last, $database) = @_;
	$node->safe_psql($database // 'postgres', qq{
		INSERT INTO events
		SELECT id, 1 + (hashint8(id) & 65535) % $USERS, 1 + (hashint8(id * 7 + 3) & 65535) % $ITEMS,
			date_trunc('hour', now()) - interval '10 days' + id % 997 * interval '14 minutes' + id * interval '1 millisecond',
			CASE WHEN id % 11 = 0 THEN 'purchase' WHEN id % 53 = 0 THEN 'return' ELSE 'view' END,
			CASE id % 3 WHEN 0 THEN 'mobile' WHEN 1 THEN 'desktop' END
		FROM generate_series($first, $last) AS id});
	return;
}

# A script for pgbench that writes events one second apart, newer than those of add_events, with $more after each INSERT. Visits are ordered by whole seconds:
# where many share one, a cut among equals may fall otherwise in a state that is built anew.
sub create_load
{
	my ($node, $first, $more) = @_;
	my $script = PostgreSQL::Test::Utils::tempdir() . '/load.sql';
	append_to_file($script, q{
\set user random(1, 40)
\set item random(1, 60)
\set old random(1, 4000)
BEGIN;
INSERT INTO events SELECT id, :user, :item, date_trunc('hour', now()) - interval '6 hours' + id % 20000 * interval '1 second', 'view', 'mobile'
  FROM nextval('event_ids') AS id;
} . ($more // '') . "COMMIT;\n");
	$node->safe_psql('postgres', "CREATE SEQUENCE event_ids START $first");
	return $script;
}

# A time after every event, to ask two states the same question.
sub fixed_time
{
	my ($node) = @_;
	return $node->safe_psql('postgres', q{SELECT now() + interval '1 hour'});
}

# Everything that the recommender has to say at one time: lines "what|key|item|score", for all users and items.
sub answers
{
	my ($node, $as_of, $database) = @_;
	my $everything = $ITEMS * 2;
	return $node->safe_psql($database // 'postgres', qq{
		SET recommend.default_recommender = 'shop';
		SELECT 'recommend', u, item_id, score
		FROM generate_series(1, $USERS) AS u, recommend(u, $everything, as_of => '$as_of');
		SELECT 'similar', i, item_id, score
		FROM generate_series(1, $ITEMS) AS i, similar_items(i, $everything, as_of => '$as_of');
		SELECT 'trending', 0, item_id, score FROM trending_items(NULL::int, $everything, as_of => '$as_of');
		SELECT 'session', i, item_id, score
		FROM generate_series(1, $ITEMS - 2) AS i, recommend_session(ARRAY[i, i + 1, i + 2], $everything, as_of => '$as_of');
		});
}

# Pass if both answers hold the same items, with scores that are equal to 1e-4 (absolute below 1, relative above).
sub same_answers
{
	my ($got, $expected, $name) = @_;
	my %got = map { /^(.*)\|([^|]*)$/ ? ($1 => $2) : () } split /\n/, $got;
	my %expected = map { /^(.*)\|([^|]*)$/ ? ($1 => $2) : () } split /\n/, $expected;
	my @differences;
	foreach my $key (sort keys %{ { %got, %expected } })
	{
		my ($g, $e) = ($got{$key}, $expected{$key});
		if (!defined $g || !defined $e)
		{
			push @differences, "$key: got " . ($g // 'nothing') . ", expected " . ($e // 'nothing');
			next;
		}
		my $scale = abs($e) > 1 ? abs($e) : 1;
		push @differences, "$key: got $g, expected $e" if abs($g - $e) > 1e-4 * $scale;
	}
	return ok(%expected && !@differences, $name)
	  || diag(!%expected ? "nothing was answered" : scalar(@differences) . " of " . scalar(keys %expected) . " differ, for instance\n"
		  . join("\n", grep { defined } @differences[0 .. 9]));
}

# Pass if the state that followed the changes answers as one that is built from the table as it is now.
sub same_as_rebuilt
{
	my ($node, $name, $database) = @_;
	my $as_of = fixed_time($node);
	my $totals = q{SELECT * FROM recommend.state; SELECT * FROM recommend.status};
	my $followed = answers($node, $as_of, $database);
	my $followed_totals = $node->safe_psql($database // 'postgres', $totals);
	$node->safe_psql($database // 'postgres', q{SELECT rebuild_recommender('shop')});
	same_answers($followed, answers($node, $as_of, $database), $name)
	  or diag("before the rebuild:\n$followed_totals\nafter it:\n" . $node->safe_psql($database // 'postgres', $totals));
	return;
}

# Start a node whose server died: its processes may need a moment to notice that, and hold its memory until then.
sub start_again
{
	my ($node) = @_;
	foreach (1 .. 100)
	{
		select(undef, undef, undef, 0.3);
		return if $node->start(fail_ok => 1);
		# The pid that `start` found in the lock file is the dead server's.
		$node->{_pid} = undef;
	}
	BAIL_OUT("the server did not start again");
}

sub kill_and_start
{
	my ($node) = @_;
	$node->kill9;
	start_again($node);
	return;
}

1;
