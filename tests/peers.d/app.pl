#!/usr/bin/perl
# The site of tests/peers with CGI::Session.
use strict;
use warnings;
use CGI;
use CGI::Session;

# The session of an id, or of the request's cookie.
sub session {
    my ($from) = @_;
    my $session = CGI::Session->new('driver:file', $from, { Directory => $ENV{STORE} })
        or die CGI::Session->errstr;
    $session->expire("$ENV{LIFETIME}s");
    return $session;
}

# A slow request stops here, with its session read, until it is told to go on.
sub hold {
    my $path = $ENV{HTTP_X_HOLD} or return;
    open my $announced, '>', "$path.read" or die $!;
    print $announced "\n";
    close $announced;
    open my $told, '<', "$path.go" or die $!;
    readline $told;
}

sub respond {
    my ($query, $body, @cookie) = @_;
    print $query->header(-type => 'text/plain', @cookie), $body;
}

my $query = CGI->new;
my $page = $ENV{PATH_INFO};

if ($page eq '/many') {    # the ids of this many visitors, each of whom has stored something
    my @ids;
    for my $number (1 .. $query->param('count')) {
        my $session = session(undef);
        $session->param('number', $number);
        push @ids, $session->id;
    }
    respond($query, join "\n", @ids);
    exit;
}
if ($page eq '/alive') {    # how many of these ids lead to what was stored
    my $count = grep { session($_)->param('number') } split ' ', $query->param('cookies');
    respond($query, $count);
    exit;
}

my $session = session($query);
my $body = '';
if ($page eq '/login') {
    $session->param('username', scalar $query->param('username'));
}
elsif ($page eq '/logout') {
    $session->delete;
    $session->flush;
    my $gone = $query->cookie(-name => $session->name, -value => '', -expires => '-1d');
    respond($query, '', -cookie => $gone);
    exit;
}
elsif ($page eq '/set') {
    hold();
    $session->param($_, scalar $query->url_param($_)) for $query->url_param;
}
elsif ($page eq '/get') {
    hold();
    $body .= "$_=" . $session->param($_) . "\n" for $session->param;
}
my $cookie = $session->cookie;
$session->flush;
respond($query, $body, -cookie => $cookie);
