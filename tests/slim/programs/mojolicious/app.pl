#!/usr/bin/perl
use Mojolicious::Lite -signatures;
use JSON::XS ();
use DBI;
use Encode qw(encode);
my $db = DBI->connect('dbi:SQLite:dbname=:memory:', '', '', {RaiseError => 1});
get '/' => sub ($c) {
  my ($n) = $db->selectrow_array('select 6 * 7');
  $c->render(text => JSON::XS->new->canonical->encode({n => $n, b => [unpack 'C*', encode('cp1252', "\x{20ac}")]}));
};
get '/page' => 'page';
app->start;
__DATA__
@@ page.html.ep
<p><%= 6 * 7 %></p>
