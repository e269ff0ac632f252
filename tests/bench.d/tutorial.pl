#!/usr/bin/perl
# The tutorial's index and login with CGI::Session, for tests/bench.
use strict;
use warnings;
use CGI;
use CGI::Session;

my $query = CGI->new;
my $session = CGI::Session->new('driver:file', $query, { Directory => $ENV{STORE} })
    or die CGI::Session->errstr;
if ($query->request_method eq 'POST') {
    $session->param('username', scalar $query->param('username'));
    $session->flush;
    print $query->redirect(
        -uri    => $query->script_name,
        -status => 303,
        -cookie => $session->cookie,
    );
}
elsif (defined(my $username = $session->param('username'))) {
    print $session->header, 'Logged in as ', $query->escapeHTML($username);
}
else {
    print $session->header, 'You are not logged in';
}
