# Models across servers and sessions: a standby answers with them, switches under load mix nothing up, sessions share the large tensors, and the files
# that hold these may be lost or damaged.
use strict;
use warnings;
use IPC::Run;
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Time::HiRes qw(usleep);
use Test::More;

# ONNX files by hand: x + c, and a table of floats of which the feature is the row.
sub plus
{
	my $c = unpack('H*', pack('f<', $_[0]));
	return "decode('0808420210113a4e0a0e0a01780a0163120170220341646412016d2a0d080110014201634a04${c}"
		. "5a140a0178120f0a0d080112090a0312016e0a02080162140a0170120f0a0d080112090a0312016e0a020801', 'hex')";
}
my $small_table = "decode('0808420210113acfa4e8030a120a01740a026964120170220647617468657212016d5a110a026964120b0a09080712050a0312016e"
	. "62100a0170120b0a09080112050a0312016e2a8ea4e8030880897a10014201744a80a4e803', 'hex') || convert_to(repeat('abcd', 2000000), 'SQL_ASCII')";
my $large_table = "decode('0808420210113ad0c9fe3d0a120a01740a026964120170220647617468657212016d5a110a026964120b0a09080712050a0312016e"
	. "62100a0170120b0a09080112050a0312016e2a8fc9fe3d08a0d2bf0f10014201744a80c9fe3d', 'hex') || convert_to(repeat('abcd', 32500000), 'SQL_ASCII')";
# The four bytes as a number.
my $cell = unpack('f<', 'abcd');

# How many sessions have a large model open at the same time.
my $sessions = $ENV{SESSIONS} // 40;

my $primary = PostgreSQL::Test::Cluster->new('primary');
$primary->init(allows_streaming => 1);
$primary->append_conf('postgresql.conf', "max_connections = " . ($sessions + 50) . "\nshared_buffers = 32MB");
$primary->start;
$primary->safe_psql('postgres', 'CREATE EXTENSION pg_recommend; SELECT deploy_model(\'m\', ' . plus(1) . '), deploy_model(\'m\', ' . plus(2) . ', activate => false)');
$primary->safe_psql('postgres', "SELECT deploy_model('table', $small_table)");
$primary->backup('base');
my $standby = PostgreSQL::Test::Cluster->new('standby');
$standby->init_from_backup($primary, 'base', has_streaming => 1);
$standby->start;

sub score { my ($node, $model, $feature, $database) = @_; return $node->safe_psql($database // 'postgres', "SELECT ctr_predict('$model', ARRAY[$feature]::real[])"); }

# A standby.
ok(!-e $standby->data_dir . '/pgsql_tmp_recommend_models', 'a base backup leaves the files of weights out');
is(score($standby, 'm', 5), '6', 'the standby answers');
cmp_ok(abs(score($standby, 'table', 7) / $cell - 1), '<', 1e-6, 'also with large tensors, of which it makes the file');
ok(-e $standby->data_dir . '/pgsql_tmp_recommend_models', 'that is there now');
$primary->safe_psql('postgres', "SELECT activate_model('m', 2)");
$primary->wait_for_catchup($standby);
is(score($standby, 'm', 5), '7', 'the standby sees a switch');
my ($status, $out, $err) = $standby->psql('postgres', "SELECT activate_model('m', 1)");
isnt($status, 0, 'a switch on the standby is refused');
$standby->stop;

# A hundred switches under load: no error, and every answer is one of the two versions'. A statement asks twice and gets the same version twice.
my $directory = $PostgreSQL::Test::Utils::tmp_check;
append_to_file("$directory/ask.sql", "SELECT 1 / (p IN (1, 2) AND p = ctr_predict('m', ARRAY[0]::real[]))::int FROM (SELECT ctr_predict('m', ARRAY[0]::real[]) AS p OFFSET 0) s;\n");
append_to_file("$directory/ask_table.sql", "SELECT 1 / (ctr_predict('table', ARRAY[3]::real[]) > 1e22)::int;\n");

sub load
{
	my ($script, $seconds, @options) = @_;
	my ($out, $err) = ('', '');
	my $run = IPC::Run::start([ 'pgbench', '-n', '-c', '6', '-T', $seconds, '-f', "$directory/$script", @options, '-h', $primary->host, '-p', $primary->port, 'postgres' ],
		'>', \$out, '2>', \$err);
	return { run => $run, out => \$out, err => \$err };
}

sub finished
{
	my ($load, $name) = @_;
	ok($load->{run}->finish, "$name: pgbench ends well") or diag(${ $load->{err} });
	my ($transactions) = ${ $load->{out} } =~ /number of transactions actually processed: (\d+)/;
	unlike(${ $load->{out} } . ${ $load->{err} }, qr/aborted|ERROR/, "$name: no errors");
	cmp_ok($transactions, '>', 0, "$name: $transactions answers");
	return;
}

my $load = load('ask.sql', 6);
for my $n (1 .. 100)
{
	$primary->safe_psql('postgres', "SELECT activate_model('m', " . (1 + $n % 2) . ')');
	usleep(20_000);
}
finished($load, 'a hundred switches');
is(score($primary, 'm', 0), '1', 'the last switch stands');

# The files of weights are lost under load, and damaged.
$load = load('ask_table.sql', 5, '-C');
for (1 .. 10)
{
	usleep(200_000);
	system('rm', '-rf', $primary->data_dir . '/pgsql_tmp_recommend_models');
}
finished($load, 'files removed');
my ($file) = glob($primary->data_dir . '/pgsql_tmp_recommend_models/*/weights');
ok(defined $file, 'the file was made again');
open(my $damaged, '+<', $file) or die $!;
print $damaged 'damage';
close($damaged);
cmp_ok(abs(score($primary, 'table', 0) / $cell - 1), '<', 1e-6, 'a damaged file is not used');

# Dumped and restored.
my @connection = ('-h', $primary->host, '-p', $primary->port);
$primary->command_ok([ 'pg_dump', @connection, '-Fc', '-f', "$directory/models.dump", 'postgres' ], 'pg_dump');
$primary->safe_psql('postgres', 'CREATE DATABASE restored TEMPLATE template0');
$primary->command_ok([ 'pg_restore', @connection, '--exit-on-error', '-d', 'restored', "$directory/models.dump" ], 'pg_restore');
is(score($primary, 'm', 0, 'restored'), '1', 'the restored model answers as the one that was dumped');
is($primary->safe_psql('restored', "SELECT rollback_model('m')"), '2', 'and knows what was before');
is(score($primary, 'm', 0, 'restored'), '2', 'and answers with that');
cmp_ok(abs(score($primary, 'table', 7, 'restored') / $cell - 1), '<', 1e-6, 'the restored table too');
is(score($primary, 'm', 0), '1', 'the original is untouched');

# Many sessions with a model of 130 MB: each has less than 40 MB of its own.
$primary->safe_psql('postgres', "SELECT deploy_model('large', $large_table)");
append_to_file("$directory/hold.sql", "SELECT ctr_predict('large', ARRAY[3]::real[]);\n\\sleep " . (20 + int($sessions / 4)) . " s\n");
my $holds = "state = 'idle' AND query ~ '^SELECT ctr_predict..large'";
my $hold = IPC::Run::start([ 'pgbench', '-n', '-c', $sessions, '-j', '2', '-t', '1', '-f', "$directory/hold.sql", @connection, 'postgres' ], '>', \my $hold_out, '2>', \my $hold_err);
ok($primary->poll_query_until('postgres', "SELECT count(*) = $sessions FROM pg_stat_activity WHERE $holds"),
	"$sessions sessions have the model open");
my @own;
foreach my $pid (split /\n/, $primary->safe_psql('postgres', "SELECT pid FROM pg_stat_activity WHERE $holds"))
{
	my ($kilobytes) = slurp_file("/proc/$pid/status") =~ /^RssAnon:\s+(\d+) kB/m;
	push @own, $kilobytes / 1024;
}
@own = sort { $a <=> $b } @own;
is(scalar @own, $sessions, 'all of them were looked at');
note(sprintf('private memory of %d sessions: %.0f to %.0f MB', $sessions, $own[0], $own[-1]));
cmp_ok($own[-1], '<', 40, sprintf('%.0f to %.0f MB private each', $own[0], $own[-1]));
$hold->kill_kill;

# After a restart and a crash the models are there.
$primary->stop('immediate');
$primary->start;
is(score($primary, 'm', 0), '1', 'after a crash the same version answers');
$primary->stop;
done_testing();
