# Twiza's words in English. A message is `id = text`; what stands in { $braces } is filled in. A test compares the
# catalogues of all languages: the same messages, the same variables.

## Help
heading-usage = Usage:
heading-commands = Commands
heading-arguments = What to give
heading-options = Options
heading-example = Example:
arg-help = Show this help
arg-version = Show the version
arg-profile = The profile to use: a name, or a folder (also by TWIZA_PROFILE)
arg-lang = Language: en or fr (also by TWIZA_LANG; otherwise the machine's)
arg-json = Answer in JSON, for scripts
arg-passphrase_fd = Read the passphrase from this file descriptor (or give it in TWIZA_PASSPHRASE)
arg-proxy = Reach relays through this proxy, socks5h://host:port, or none (also by TWIZA_PROXY)
arg-alliance = The alliance's name or number; may be left out where there is only one
arg-yes = Do not ask first, where it asks (remove asks with --everywhere, role of your own)
help-twiza = Encrypted messages for alliances of organisations
example-twiza =
    twiza init --name Amina --organisation Nour
    twiza alliance create "Tawiza" --relay twiza://relay.example:7443/…
    twiza invite
    
    Exit codes: 0 done, 1 unforeseen, 2 wrongly typed, 3 not found, 4 not allowed,
    5 the relay cannot be reached (what you sent waits) or does not take it, 6 passphrase, 7 do not trust this relay
help-init = Make a profile: your name, your organisation, your keys
example-init = twiza init --name Amina --organisation Nour
arg-init-name = Your name, as others will see it
arg-init-organisation = The organisation you speak for
help-whoami = Show who you are, with your safety words
example-whoami = twiza whoami
help-relay = Look at relays
help-relay-check = Ask a relay whether it is there, and what it accepts
example-relay-check = twiza relay check twiza://relay.example:7443/…
arg-relay-check-address = The relay's address, from whoever runs it
help-alliance = Make and show alliances
help-alliance-create = Found an alliance; you are its first organiser
example-alliance-create = twiza alliance create "Tawiza" --relay twiza://relay.example:7443/…
arg-alliance-create-name = What the alliance is called
arg-alliance-create-relay = The relay that keeps its messages (also by TWIZA_RELAY)
value-address = ADDRESS
value-days = DAYS
value-file = FILE
value-invitation = INVITATION
value-lang = LANG
value-member = MEMBER
value-name = NAME
value-number = NUMBER
value-organisation = ORGANISATION
value-role = ROLE
value-seats = SEATS
value-secret = SECRET
value-text = TEXT
value-yes = YES
arg-alliance-create-grant = The operator's secret, where the relay asks for one (also by TWIZA_GRANT)
help-alliance-list = List your alliances
example-alliance-list = twiza alliance list
arg-alliance-list-all = Those too that have ended
help-alliance-show = Show how an alliance stands
example-alliance-show = twiza alliance show --alliance Tawiza
help-alliance-grant = Show the relay another secret from now on: whoever runs it gave you a new one, or somebody has the old one who should not. Its mark tells whether you mean the same one, and not what it is. Where several organisations decide, this proposes a motion
example-alliance-grant =
    twiza alliance grant SECRET --alliance Tawiza
    TWIZA_GRANT=… twiza alliance grant --alliance Tawiza
arg-alliance-grant-secret = The operator's secret (also by TWIZA_GRANT, where others at this machine cannot see it); for none, say --none
arg-alliance-grant-none = No secret: the relay asks for none any more
help-alliance-reopen = Go on with an alliance whose place the relay has lost, because nobody used it
example-alliance-reopen = twiza alliance reopen --alliance Tawiza
help-alliance-forget = Erase an alliance that has ended, or that you asked to join by mistake, from this profile
example-alliance-forget = twiza alliance forget Tawiza
arg-alliance-forget-alliance = The alliance's name or number, from `twiza alliance list --all`
arg-alliance-forget-abandon = Even while you are a member: the others are not told, and go on seeing you as one
help-invite = Make an invitation for one person
example-invite = twiza invite --role member --days 7
arg-invite-role = What the person may do: observer, member or organiser (member if left out)
arg-invite-days = How many days it is good for, up to 28 (7 if left out)
arg-invite-qr = Show it as a QR code too
help-join = Ask to join with an invitation
example-join =
    twiza join
    twiza join - < invitation.txt
arg-join-invitation = The invitation you were given; - reads it from standard input. Left out, it is asked for: then neither the shell's history nor the list of programs shows it
arg-join-name = Another name than your profile's
arg-join-organisation = Another organisation than your profile's
help-requests = See who asks to join
example-requests = twiza requests
help-approve = Let somebody in
example-approve = twiza approve 1
arg-approve-request = The request's number, from `twiza requests`; several may be given
help-decline = Turn somebody away, or take back an invitation that nobody has used
example-decline = twiza decline 1
arg-decline-request = The request's number, from `twiza requests`; or the invitation's, from `twiza invite`
help-send = Say something to everybody in an alliance
example-send =
    twiza send "Our meeting is on Friday"
    twiza send - < note.txt
arg-send-text = What to say; - reads it from standard input
help-read = Read what is new
example-read = twiza read
arg-read-all = Everything, not only what is new
help-watch = Read what comes, as it comes, until Ctrl-C
example-watch = twiza watch
help-members = Show who is in an alliance
example-members = twiza members
help-role = Give a member another role
example-role = twiza role Karim organiser
arg-role-member = The member's name or number, from `twiza members`; a name of digits with @ before it
arg-role-role = observer, member or organiser
help-remove = Remove a member
example-remove =
    twiza remove Karim
    twiza remove @Karim --everywhere
arg-remove-member = The member's name or number, from `twiza members`; a name of digits with @ before it
arg-remove-everywhere = From all your alliances where this person is a member; --alliance says in which one the name is meant
help-motion = Decide something with other organisations
help-motion-propose = Ask the others to approve something; you approve it yourself. (Rules, admissions and the secret for the relay are proposed by `twiza rules set`, `twiza approve` and `twiza alliance grant` themselves.)
help-motion-propose-remove = Propose to remove a member
example-motion-propose-remove = twiza motion propose remove Karim
arg-motion-propose-remove-member = The member's name or number, from `twiza members`
help-motion-propose-role = Propose another role for a member
example-motion-propose-role = twiza motion propose role Karim organiser
arg-motion-propose-role-member = The member's name or number, from `twiza members`
arg-motion-propose-role-role = observer, member or organiser
help-motion-propose-name = Propose another name for the alliance
example-motion-propose-name = twiza motion propose name "Tiwizi"
arg-motion-propose-name-name = What the alliance should be called
help-motion-propose-succession = Propose who should organise the alliance, where all organisers are gone
example-motion-propose-succession = twiza motion propose succession Karim
arg-motion-propose-succession-member = Who should organise: a member's name or number, from `twiza members`
help-motion-list = Show what is proposed, and how it stands
example-motion-list = twiza motion list
help-motion-approve = Approve what somebody proposed
example-motion-approve = twiza motion approve 1
arg-motion-approve-number = The motion's number, from `twiza motion list`
help-motion-withdraw = Take back what you proposed, or your approval
example-motion-withdraw = twiza motion withdraw 1
arg-motion-withdraw-number = The motion's number, from `twiza motion list`
help-rules = See and set what the alliance asks for before something changes
help-rules-show = Show the alliance's rules
example-rules-show = twiza rules show
help-rules-set = Set the alliance's rules; what is left out stays as it is
example-rules-set =
    twiza rules set --all 2
    twiza rules set --allot "Nour=12" --succession 30,14,2
arg-rules-set-all = How many different organisations must approve everything below
arg-rules-set-admit = How many must approve letting somebody in
arg-rules-set-remove = How many must approve removing somebody
arg-rules-set-roles = How many must approve another role
arg-rules-set-rules = How many must approve other rules; never fewer than for anything else
arg-rules-set-name = How many must approve another name of the alliance, or another secret for its relay
arg-rules-set-own_delegates = true: an organiser lets in and removes members of its own organisation alone; or false
arg-rules-set-allot = The most people of an organisation: NAME=NUMBER, or NAME=none; may be given several times
arg-rules-set-succession = Days of silence of all organisers, days to object, organisations that must sign; or none
help-leave = Leave an alliance
example-leave = twiza leave --alliance Tawiza
help-rotate = Take new keys in an alliance
example-rotate =
    twiza rotate
    twiza rotate --all
arg-rotate-all = In all your alliances
help-rejoin = Ask for new keys in an alliance, where yours lead nowhere any more
example-rejoin = twiza rejoin --alliance Tawiza
help-reboot = Found an alliance anew that is stuck, without whoever spoils it
example-reboot = twiza reboot --without Eve
arg-reboot-without = The members who are left out (required; several names may follow)
help-kit = Prepare for the loss of a device, or replace a lost one
help-kit-write = Write a recovery kit into a new file, under a passphrase of its own: keep it where the device is not
example-kit-write = twiza kit write /media/usb/amina.kit
arg-kit-write-file = The new file (its passphrase also by TWIZA_KIT_PASSPHRASE)
help-kit-restore = Make a profile from a recovery kit, in place of a lost device
example-kit-restore =
    twiza kit restore /media/usb/amina.kit
    twiza read
arg-kit-restore-file = The recovery kit (its passphrase also by TWIZA_KIT_PASSPHRASE)
help-verify = Show words to compare: of the whole alliance, or of one member
example-verify =
    twiza verify
    twiza verify Karim
arg-verify-member = The member whose words to show; the whole alliance's if left out

## Wrong usage
usage-command = There is no command called { $part }.
usage-command-like = There is no command called { $part }. Did you mean { $suggested }?
usage-argument = There is no option called { $part }.
usage-argument-like = There is no option called { $part }. Did you mean { $suggested }?
usage-word = { $part } is a word too many. What has several words goes in quotes: "as here".
usage-value = { $value } cannot be the value of { $part }.
usage-value-of = { $value } cannot be the value of { $part }. It has to be one of these: { $allowed }
usage-value-number = What is given for { $part } has to be a number.
usage-value-range = What is given for { $part } has to be a number from { $from } to { $to }.
usage-value-empty = A value is missing for { $part }.
usage-missing = Something is missing: { $part }
usage-no-command = Say what to do.
usage-conflict = { $part } contradicts something else that was said here (also by an environment variable). Leave one of them out.
usage-other = This cannot be understood.
usage-help = For help, add --help.

## Passphrase
passphrase-prompt = Passphrase:
passphrase-new = New passphrase, at least 8 characters:
passphrase-kit = Passphrase of the recovery kit:
passphrase-repeat = The same again:

## Doing
init-done =
    You are { $name } ({ $organisation }). Your keys are made.
    Your safety words: { $words }
init-next = Next: found an alliance with `twiza alliance create`, or join one with `twiza join`. There is no way back in without your passphrase.
whoami =
    { $name } ({ $organisation })
    Safety words: { $words }
relay-good =
    The relay at { $host } answers, and its key is the one in the address.
    { $admission ->
        [open] Anybody may use it.
        [token] It asks for tokens: get a secret for them from whoever runs it.
       *[grant] It asks for a secret: get one from whoever runs it.
    }
    It keeps what nobody adds to for { $days ->
        [one] one day
       *[other] { $days } days
    }.
relay-incompatible =
    The relay at { $host } answers, but speaks another version: it, or this program, must be updated.
    { $admission ->
        [open] Anybody may use it.
        [token] It asks for tokens: get a secret for them from whoever runs it.
       *[grant] It asks for a secret: get one from whoever runs it.
    }
    It keeps what nobody adds to for { $days ->
        [one] one day
       *[other] { $days } days
    }.
alliance-created = The alliance { $name } is founded. You are its organiser.
alliance-created-next = Next: invite somebody with `twiza invite`.
alliance-reopened = The alliance goes on. Others who find its place lost must do the same.
alliance-none = No alliances yet. Found one with `twiza alliance create`, or join one with `twiza join`.
alliance-ended = { $count ->
        [one] One that has ended is not shown
       *[other] { $count } that have ended are not shown
    }: `twiza alliance list --all` shows all, `twiza alliance forget` erases one.
alliance-forgotten = { $name } is erased from this profile.
forget-question = Erase { $number }. { $name } from this profile, with everything that was said in it? It cannot be taken back{ $status ->
        [active] , and the others go on seeing you as a member
        [alone] . Nobody else is in it: whoever you have invited waits in vain
        [joining] . If you are let in later, you cannot read what is said: tell whoever invited you
       *[other] {""}
    }.
confirm-how = [yes/no]
confirm-yes = yes y
tally-line = { $number }. { $name }: { $result }
alliance-line =
    { $number }. { $name }: { $status ->
        [active] you are in it
        [joining] waiting to be let in
        [left] you left
        [removed] you were removed
        [declined] your request was declined
        [used] the invitation was used by somebody else
        [lost] your keys lead nowhere; new ones were asked for
       *[stuck] stuck
    }
alliance-show =
    { $number }. { $name }: { $status ->
        [active] you are in it
        [joining] waiting to be let in
        [left] you left
        [removed] you were removed
        [declined] your request was declined
        [used] the invitation was used by somebody else
        [lost] your keys lead nowhere; new ones were asked for
       *[stuck] stuck
    }
    Members: { $members }
    Relay: { $relay }
    Epoch: { $epoch }
    Waiting to be sent: messages { $messages }, changes { $changes }
    Encryption: { $suite }
alliance-right = { $kind ->
    [none] Secret for the relay: none
    [tokens] Secret for the relay: one for tokens of { $issuer }, mark { $mark }; tokens in hand: { $tokens }
    [damaged] Secret for the relay: not whole. An organiser must give a better one, with `twiza alliance grant`
   *[secret] Secret for the relay: one of its operator, mark { $mark }
}
grant-unchanged = Nothing has changed: it was so before.
invite-next = Give this invitation to one person, by a way you trust. It is good until { $day }. When they have asked to join, `twiza requests` shows them. To take the invitation back: `twiza decline { $number }`.
join-prompt = The invitation (it is not shown here):
join-asked = You have asked to join. Your safety words: { $words }
join-next = Tell them to whoever invited you. When you are let in, `twiza read` says so.
join-member = You are a member of { $name }.
request-line =
    { $number }. { $person }
       Safety words: { $words }
request-alike = Beware: a member is called the same, or nearly: number { $numbers } of `twiza members`. Whether this is another person, the same again, or somebody who imitates: ask that member, by voice.
requests-none = Nobody asks to join at the moment.
requests-next = Compare the safety words with the person, by voice or face to face; if their program speaks another language, compare the numbers in brackets. Then `twiza approve NUMBER`, or `twiza decline NUMBER`.
approved = { $person } is let in.
approved-next = They see it when they next run `twiza read`.
declined = { $person } was turned away.
invitation-cancelled = The invitation is taken back: nobody can use it any more.
sent = Sent.
send-waits = Not sent yet: you are leaving this alliance. It is sent only if you stay; otherwise `twiza read` gives it back to you.
read-nothing = Nothing new.
read-status =
    { $status ->
        [joining] You are waiting to be let in.
        [left] You have left this alliance.
        [removed] You were removed from this alliance: you can neither read nor find what follows.
        [declined] Your request was declined.
        [used] Somebody else used the invitation before you. Ask whoever invited you: if it was not you, it was a stranger.
        [lost] Your keys do not lead to where the others are. Fellow members were asked for new ones; an organiser's client gives them by itself, within an hour of being online.
       *[stuck] This alliance cannot go on: invalid changes fill it. An organiser must found it anew, with `twiza reboot`.
    }
watch-start = Watching. Ctrl-C ends it.
watch-offline = The relay cannot be reached now ({ $cause }). It is tried again by itself; until then, nothing new is shown.
talk-offline = This is what was stored, and may not be up to date ({ $cause }).
talk-blocked = Everything was read, and something waits that opens a new place at the relay, such as new keys or a change of members. { $cause }
talk-online = The relay can be reached again.
member-line = { $number }. { $person }: { $role }
member-line-own = { $number }. { $person }: { $role } (you)
member-alike = Looks like number { $numbers }. Safety words of this one: { $words }
role-observer = observer
role-member = member
role-organiser = organiser
# What may be typed for a role, beside its English name; words apart.
role-typed-observer = observer
role-typed-member = member
role-typed-organiser = organiser organizer
role-own-question = You would give up your own role ({ $from }), for this one: { $to }. You cannot take it back yourself. Do it?
role-done = { $name } is now: { $role }.
removed = { $name } is removed, and can neither read nor find what follows.
removed-next = Everybody's keys change with it; nobody else has to do anything.
admission = { $person } as { $role }
action-add = let in { $people }
action-remove = remove { $people }
action-role = give { $person } the role: { $role }
action-rules = set other rules. { $rules }
action-rename = call the alliance { $name }
action-grant = { $kind ->
    [none] show the relay no secret any more
    [tokens] open new places with another secret, for tokens of { $issuer } (mark { $mark })
    [damaged] open new places with a secret that is not whole
   *[secret] show the relay another secret (mark { $mark })
}
action-claim = state that nobody organises the alliance any more, and that { $person } should
action-appoint = make { $person } an organiser, since no organiser objected
action-unknown = something of a later version of Twiza
motion-proposed = This needs approvals of other organisations. It is before them as motion { $number }, with your approval: `twiza motion list` shows how it stands.
motion-enacted = Motion { $number } has all the approvals it needs, and is done.
motion-waits = Not proposed yet: somebody is leaving the alliance. It goes out by itself afterwards.
motions-none = Nothing is proposed.
motion-line =
    { $number }. { $action }
       Proposed by { $person }; good until { $day }. Approved by: { $approved }. Organisations: { $organisations } of { $needed }.
motion-line-over =
    { $number }. { $action }
       Proposed by { $person }; { $state ->
        [expired] expired
        [withdrawn] withdrawn
        [enacted] done
       *[void] no longer needed, or no longer possible
    }.
rules-quorums = Organisations that must approve: letting in { $admit }, removing { $remove }, roles { $roles }, rules { $rules }, name or secret for the relay { $name }.
rules-own-delegates = Organisers let in and remove members of their own organisation alone.
rules-allotment = { $organisation } may have { $seats } people.
rules-succession = Where no organiser was heard of for { $silence } days, people of { $organisations } organisations may name one, if no organiser objects for { $waiting } days.
rules-no-succession = There is no succession: if all organisers are gone, nobody can take their place.
removed-there = removed.
remove-everywhere-question =
    Remove { $person } from: { $alliances }?
    Safety words: { $words }
leaving = You are leaving. You are out as soon as another member's client is online.
rejoined = You take part again, with new keys.
rejoin-asked = Fellow members were asked for new keys.
rejoin-next = An organiser's client gives them by itself, within an hour of being online. `twiza read` looks for the answer; what waits to be sent is sent then.
rebooted = The alliance is founded anew, without: { $without }. Members called: { $called }
rebooted-next = Each comes back when its client is next online, and an organiser's client lets it in by itself: run `twiza read` or `twiza watch` now and then.
kit-written = { $alliances ->
    [0] The recovery kit is written, but no alliance is in it yet: once somebody has let you in, run `twiza read`, and write a new one.
   *[other] The recovery kit is written. Alliances in it: { $alliances }
}
kit-written-next = Keep it where the device is not, and its passphrase elsewhere: whoever has both is you to everybody. Write a new one now and then: it knows the members of today.
kit-restored = You are { $name } again. Alliances to come back to: { $alliances }
kit-restored-next = `twiza read --alliance NAME` asks fellow members for new keys. An organiser's client gives them by itself, within an hour of being online; the lost device is out then.
rotated = You have new keys. The alliance is now in epoch { $epoch }.
verify-person = Safety words of { $person }: { $words }
verify-alliance = Safety words of the alliance: { $words }
verify-next = Read them aloud in the meeting. Everybody who has read everything sees the same words, or the same numbers where the language is another; whoever sees others is not in the same alliance.

## Reading
person = { $name } ({ $organisation })
entry-text = { $time } { $person }: { $text }
entry-event = * { $event }
entry-alike = Beware: { $person }, number { $number } of `twiza members`, looks like number { $numbers }.
event-joined = You are a member now.
event-added = { $by } let { $person } in.
event-removed = { $by } removed { $person }.
event-leaving = { $person } is leaving.
event-left = { $person } has left.
event-rotated = { $person } has new keys.
event-role = { $by } gave { $person } the role: { $role }.
event-readmitted = { $person } came back with new keys, let in by { $by }. If this was not { $person }, somebody has a copy of the device: ask, and remove.
event-lost =
    { $why ->
        [away] You were away for too long: the relay no longer has what the others did meanwhile.
        [old-copy] This is an old copy of your data, and its keys were used since.
        [fork] The others went on elsewhere: your side of the alliance does not go on.
        [cannot-follow] A change does not work on this device, though it may work for others: either your data is damaged, or somebody uses a changed program.
        [damaged] Your data of this alliance is damaged.
        [rebooted] The alliance was founded anew, and you are asking to be let in.
        [new-device] This is a new device, made from a recovery kit.
       *[asked] You asked for new keys.
    } New keys are asked of fellow members by themselves; what you had written waits, and what was said meanwhile you will not see.
event-rejoined = You take part again, with new keys, let in by { $person }. What was said meanwhile you cannot see. Compare `twiza verify` with somebody you know.
event-nobody-answered = Nobody has given you new keys, however often you asked. Try again with `twiza rejoin`, or ask an organiser for an invitation.
event-rebooted = { $person } founded the alliance anew, without: { $without }. Whoever else was in it comes back as what it was.
event-call-refused = { $person } wants to found the alliance anew, without: { $without }. Fewer organisations than the rules ask for could then decide, and nobody has seen these people cheat: your client does not follow. Speak with each other outside Twiza.
event-rules = { $by } set other rules. { $rules }
event-renamed = { $by } gave the alliance the name { $name }.
event-grant = { $kind ->
    [none] { $by } took the alliance's secret for its relay out: it is shown none any more.
    [tokens] { $by } gave the alliance another secret for its relay, for tokens of { $issuer } (mark { $mark }). Your program takes some there from time to time, by the same way as it goes to the relay.
    [damaged] { $by } gave the alliance another secret for its relay, which is not whole: nothing new can be opened with it. An organiser must give a better one, with `twiza alliance grant`.
   *[secret] { $by } gave the alliance another secret for its relay (mark { $mark }).
}
event-motion = { $person } proposes motion { $number }: { $action }. Whoever has a say in it approves with `twiza motion approve { $number }`.
event-motion-approved = { $person } approved motion { $number }.
event-motion-void = Motion { $number } is over: what it asks for is done already, or something else has taken its place.
event-motion-withdrawn = { $person } withdrew motion { $number }.
event-approval-withdrawn = { $person } took back the approval of motion { $number }.
event-motion-enacted = Motion { $number } is done; { $person } carried it out.
event-claimed = Beware: { $by } brought in, with approvals, that nobody organises the alliance any more and { $person } should. Any change by an organiser, such as `twiza rotate`, rejects it.
event-claim-rejected = { $by } organises the alliance: the claim for { $person } is void.
event-refused = A change by { $person } was against the rules and was refused.
event-refused-unknown = A change that nobody vouched for was refused.
event-not-sent =
    NOT SENT: { $reason } What you had written:
        { $text }
event-not-done =
    NOT DONE: { $change ->
        [add] letting somebody in.
        [remove] removing a member.
        [role] giving a role.
        [rules] setting other rules.
        [grant] showing the relay another secret.
        [motion] deciding with others.
        [answer] answering somebody who asked to join.
        [leave] leaving.
       *[rotate] taking new keys.
    } { $reason }
event-rotation-suppressed = Beware: the relay has refused your new keys again and again. Somebody may be suppressing them, so that your old keys stay in use. Tell the others by another way, and ask who hosts the relay.
event-unreadable = A message could not be read.
event-not-understood = { $person } sent something that a later version of Twiza can read.
event-history-differs = Beware: { $person } has seen another history than you. The relay may be showing different things to different members, or has lost some. Compare `twiza verify`.
event-missed = { $frames ->
    [one] { $person } has found that others had not read a message of yours, which the relay had lost for a time. Your client says it again.
   *[other] { $person } has found that others had not read { $frames } messages of yours, which the relay had lost for a time. Your client says them again.
}
event-relay-healed = { $frames ->
    [0] The relay shows another order of messages than before. It was restored from a backup, or it lies. Nothing that you have is lost.
    [one] The relay had lost a message or a change; your client has put it back. The relay was restored from a backup, or it lies. Nothing that you have is lost.
   *[other] The relay had lost { $frames } messages or changes; your client has put them back. The relay was restored from a backup, or it lies. Nothing that you have is lost.
}
event-rival-refused = Beware: the relay has let { $person } change the alliance from an old state. That change does not count. Members who followed it are led back by themselves.
event-rival-refused-unknown = Beware: the relay has let somebody change the alliance from an old state. That change does not count. Members who followed it are led back by themselves.
event-apart = Beware: the alliance is apart. The relay was set back, and { $person } has removed the organiser whose removal of { $person } you follow. Others may follow { $person }. Speak with them outside Twiza, and invite them again.
event-cannot-follow = { $person } cannot follow a change by { $by }: it works for some members and fails for others. Unless that happens to { $person } only because of a damaged device, { $by } uses a changed program. { $person } is let in again by itself.
event-cannot-follow-unknown = { $person } cannot follow a change that others can follow. { $person } is let in again by itself.

## Errors
error = Error: { $message }
error-proxy-scheme = This is no proxy that Twiza can use: a proxy's address starts with socks5h://, so that the proxy looks up the relay's name too. Tor's is socks5h://127.0.0.1:9050. For no proxy: none. Nothing was sent.
error-proxy-place = The proxy's address has to end with a host and a port, such as socks5h://127.0.0.1:9050. Nothing was sent.
error-proxy-credentials = The proxy's user name and password come together: socks5h://user:password@host:port. Left out, every connection has its own. Nothing was sent.
error-proxy-environment = { $variable } is set, but Twiza does not go by it. Nothing was sent. Set TWIZA_PROXY=socks5h://host:port to go through a proxy, or TWIZA_PROXY=none to connect without one.
error-no-invitation = There is no invitation, and nobody can be asked for it here. Give it on standard input, with `twiza join -`.
error-no-kit-passphrase = There is no passphrase for the recovery kit, and nobody can be asked for it here. Give it in TWIZA_KIT_PASSPHRASE.
error-no-passphrase = There is no passphrase, and nobody can be asked for it here. Give it in TWIZA_PASSPHRASE, or with --passphrase-fd.
error-passphrases-differ = The two passphrases differ. Nothing was made; try again.
error-passphrase-short = The passphrase is too short: it protects everything if your device is taken. Use at least 8 characters, better four words.
error-no-alliance = There is no alliance yet. Found one with `twiza alliance create`, or join one with `twiza join`.
error-unknown-yet = There is no alliance called { $name } here. You have asked to join one or more that you are not let into yet, as far as is known here: their names come when you are. `twiza alliance list` shows them by number.
error-alone = You are the only member, so there is nobody to take leave of: `twiza alliance forget { $number }` erases the alliance from this profile.
error-which-alliance = You have several alliances. Say which: --alliance NAME. `twiza alliance list` shows them.
error-io = Reading or writing failed: { $cause }
error-passphrase-fd = The passphrase cannot be read from descriptor { $number }, which --passphrase-fd names: { $cause }
error-no-home = This machine has no place for data. Say where with TWIZA_HOME.
error-waiting =
    The relay could not take it now: { $cause }
    Nothing is lost. Waiting to be sent: messages { $messages }, changes { $changes }. They go out by themselves, with the first command for which the relay takes them{ $changes ->
        [0] .
       *[other] ; until then, nothing has changed for the others: if it is a removal, that member still reads.
    }
error-no-profile = There is no profile in { $folder }. Make one with `twiza init`, or name another with --profile.
error-profile-exists = There is a profile in { $folder } already. Nothing was changed. Name another with --profile.
error-wrong-passphrase = Wrong passphrase. Nothing was changed; try again.
error-store = The profile's store cannot be used: { $cause }
error-file = { $file }: { $cause }
error-unknown-alliance = There is no alliance called { $name }. `twiza alliance list` shows yours.
error-ambiguous-alliance = Several alliances are called { $name }. Give the number from `twiza alliance list`.
error-unknown-member = There is no member called { $name }. `twiza members` shows them.
error-ambiguous-member = Several members are called { $name }. Give the number from `twiza members`.
error-which-person = { $name } may be several people. Say in which alliance: --alliance NAME. Nobody was removed.
error-unknown-role = There is no role called { $role }. Roles: observer, member, organiser.
error-said-no = Nothing was done: the answer was not yes.
error-not-confirmed = Nothing was done: nobody has confirmed it. Where nobody can be asked, give --yes.
error-partly = Not done in { $failed } of { $all } alliances. Above stands in which, and why.
error-still-member = You are still in this alliance: leave it first, with `twiza leave`. Nothing was erased.
error-member-already = You are in this alliance already: it is number { $number } of `twiza alliance list`. If that one is lost to you, erase it with `twiza alliance forget { $number } --abandon`, then ask again with the same invitation.
error-unknown-request = There is no request number { $number }. `twiza requests` shows them.
error-unknown-motion = There is no motion number { $number }. `twiza motion list` shows them.
error-succession-early = It is too early: by this machine's clock you can sign this from { $day } on. An organiser was heard of, or the claim was made, too few days ago.
error-not-active =
    { $status ->
        [joining] You are not a member yet: somebody must let you in first. `twiza read` looks for the answer.
        [left] You have left this alliance.
        [removed] You were removed from this alliance.
        [declined] Your request to join was declined. Ask for another invitation.
        [used] The invitation was used by somebody else. Ask for another, and tell whoever invited you.
        [lost] Your keys do not lead to where the others are. Fellow members were asked for new ones; what waits is sent when they have answered. `twiza read` looks for the answer.
       *[stuck] This alliance cannot go on. An organiser must found it anew, with `twiza reboot`.
    }
error-place-lost =
    The relay no longer knows this alliance's place: nobody used it for long, or the relay has lost it.
    If others have used the alliance meanwhile, you have missed it: `twiza rejoin` asks them for new keys.
    Only if nobody has, go on with `twiza alliance reopen`: somebody who was removed since you were last here could read what you say.
error-place-there = The relay has this alliance's place: there is nothing to reopen.
error-kit-passphrase = This is not the passphrase of the recovery kit. Nothing was changed; try again.
error-nobody-to-ask = Nobody but you organises this alliance, so nobody can give you new keys. Nothing was changed. If the relay has lost its place, go on with `twiza alliance reopen`.
error-kit-exists = There is a file already at { $file }. Nothing was written; name another.
error-kit-damaged = This is no recovery kit, or not all of one. Nothing was changed; take another copy.
error-not-stuck = This alliance goes on: there is nothing to found anew. To take somebody out, use `twiza remove`.
error-without-whom = Say who is left out: --without MEMBER. Nobody vouched for the invalid changes, so nobody is known to have made them. `twiza read --all` shows what happened.
error-without-known = Say who is left out: --without MEMBER. The invalid changes were made by: { $names }.
error-not-organiser = Only organisers can do this. `twiza members` shows who they are.
error-not-possible = This cannot be done. { $reason }
reason-not-member = You are no longer a member of this alliance.
reason-unknown-member = There is no such member any more.
reason-too-many = These are too many people for one time: approve fewer.
reason-member-already = This person is a member already.
reason-own-removal = You cannot remove yourself: use `twiza leave`.
reason-leaving = You are leaving: nothing can be said or changed after that.
reason-observer = Observers read, but do not write. An organiser can give you another role.
reason-not-organiser = Only organisers can do this.
reason-last-organiser = You are the last organiser: give somebody else the role first, with `twiza role`.
reason-quorum-unreachable = Too few organisations would have an organiser to approve anything. First give somebody of another organisation that role, or ask for fewer organisations with `twiza rules set`.
reason-allotment = An organisation would have more people than it may: `twiza rules show` says how many.
reason-approvals-missing = The alliance's rules ask for approvals of other organisations: propose it, with `twiza motion propose`.
reason-motion-expired = The motion has expired: propose it again.
reason-motion-spent = The motion was carried out before.
reason-motion-void = It is done already, was withdrawn, or is no longer possible.
reason-no-succession = The alliance's rules have no succession, or you are an organiser yourself.
reason-grant-refused = The relay, or the issuer of tokens, does not take this: the secret is mistyped, of another kind than the relay asks for, or was taken back; or there is none, and the relay asks for one. The alliance goes on with what it had. Ask whoever runs the relay, then give or propose another.
reason-grant-replaced = Somebody has given the alliance another secret for its relay meanwhile, and it goes on with that. If yours is to take its place, give it again.
reason-grant-untried = The issuer of tokens that the secret names does not say whether it takes it: it cannot be reached, or answers what makes no sense. Nobody should decide about a secret that was not tried: try again later, or ask whoever runs the relay.
reason-rules-unsound = These rules contradict themselves: from 1 to 32 organisations, for the rules (--rules) never fewer than for anything else; and for a succession at least 2, with 1 to 3650 days.
reason-undeliverable = Somebody else has the invitation and made its place unusable. If that person was let in, remove and invite again, by another way.
reason-rules = The alliance's rules do not allow it.
error-name-empty = A name cannot be empty.
error-name-long = A name cannot be longer than 64 characters.
error-name-invisible = A name cannot contain characters that are invisible, unknown, or change the direction of text. Write it with letters and ordinary spaces.
error-name-punctuation = A name cannot contain a colon or parentheses: they part names from what follows. Use a comma or a dash.
error-name-composed = This name's accents stand apart from their letters. Type it again.
error-invitation-prefix = This is no invitation: an invitation starts with twiza:join:
error-invitation-damaged = The invitation is incomplete or mistyped. Copy it again, whole.
error-invitation-version = The invitation is of a later version of Twiza. Update this program.
error-invitation-expired = The invitation has expired. Ask for another.
error-being-let-in = You have approved request { $number }, and that is on its way to the relay: it cannot be taken back. Once it is done, `twiza remove` removes that person.
error-invitation-own = You made this invitation yourself: it is for the person whom you want to let in. Send it to that person, by a way that others do not read.
error-invitation-used = The invitation was used before. If it was not you, tell whoever invited you: a stranger has it. Ask for another.
error-text-long = The text is too long: { $found } MiB. A message holds { $limit } MiB. Nothing was sent.
error-text-empty = There is nothing to send.
error-unreachable = The relay at { $host } cannot be reached: { $cause }. Check the network and the address; try again later.
error-wrong-pin = Beware: who answers at { $host } is not the relay in the address. Its key is another, so nothing was sent. Ask whoever runs the relay, by a way you trust.
error-grant-required = The relay asks for a secret, and none was given ({ $code }). Get one from whoever runs it, and give it with --grant, or to an alliance that is there with `twiza alliance grant`.
error-grant-refused = The relay does not accept the secret that was given: it is mistyped, of another kind than this relay asks for, or whoever runs the relay has taken it back. Ask them; an organiser gives a new one with `twiza alliance grant`.
error-relay-full = The relay has no space left ({ $code }). Tell whoever runs it; nothing is lost here.
error-mailbox-full = The relay takes no more for this alliance until its keys change ({ $code }). Run `twiza rotate`, then try again.
error-relay-busy = The relay is busy ({ $code }). Try again in a moment.
error-mailbox-unknown = The relay does not know this place ({ $code }): it has expired, or was never there.
error-relay-refused = The relay refuses ({ $code }).
error-token-invalid = The relay does not take tokens of the issuer that the secret names: the secret is mistyped, or for another relay, or the relay takes another's by now. Ask whoever runs the relay; an organiser gives a new one with `twiza alliance grant`.
error-issuer-unreachable = The relay opens new places for tokens, and their issuer at { $host } cannot be reached: { $cause }. Try again later.
error-issuer-wrong-pin = What answers at { $host } is not the issuer of tokens that the secret names: its key is another. Somebody may stand in between. Ask whoever runs the relay.
error-issuer-grant-refused = The issuer of tokens does not accept your alliance's secret: it is mistyped, or whoever runs the relay has taken it back. Ask them; an organiser gives a new one with `twiza alliance grant`.
error-issuer-busy = The issuer of tokens has much to do. Try again in a moment.
error-tokens-used-up = Your alliance's secret has had as many tokens as it may have in a day. Tomorrow there are more; if it happens again, ask whoever runs the relay.
error-issuer-other-key = The issuer of tokens has another key than the secret names: the secret is mistyped, or the issuer was made anew. Copy the secret again; if that does not help, ask whoever runs the relay.
error-no-relay = What answers there is no relay: it may be an issuer of tokens, whose address looks alike ({ $code }).
error-issuer-other = The issuer of tokens answers what makes no sense: { $cause }. It may be of another version, or somebody stands in between.
error-grant-empty = A secret cannot be empty. Where the relay asks for none, leave it out; an alliance that has one and needs none any more: `twiza alliance grant --none`.
error-grant-form = This is no secret of a relay: it is one line of up to 256 letters. Copy it again, whole.
error-grant-damaged = This secret is not whole: it is one for tokens, which has an address, #, and two parts with a dot between. Copy it again, whole.
error-relay-other = The relay's answer makes no sense: { $cause }. It may be of another version, or somebody stands in between.
error-relay-contradiction = Beware: the relay contradicts itself: { $what }. Nothing it says now is taken over. Tell the other members and whoever runs it.
error-address-scheme = A relay's address starts with twiza:// or https://
error-address-host = The relay's address has no valid host name. Copy it again, whole.
error-address-port = The port in the relay's address is not a number between 1 and 65535.
error-address-key = The relay's key, after the last slash of its address, is missing or damaged. Copy the address again, whole.
error-other = Something unforeseen: { $cause }

## Causes, for the inside of a sentence
cause-detail = { $detail }
cause-no-connection = no connection to { $host }: { $cause }
cause-refused = nothing answers there
cause-no-way = there is no way there
cause-timeout = it took too long
cause-cut = the connection was cut
cause-proxy = the proxy of --proxy or TWIZA_PROXY cannot be used; does it run, and is its address right?
cause-certificate = no authority that this machine knows vouches for it; an address that begins with twiza:// needs none: was it copied whole?
cause-no-such-host = there is no host of that name
cause-not-there = it is not there
cause-not-permitted = this account may not do that
cause-there-already = it is there already
cause-disk-full = the disk is full
cause-read-only = the disk can only be read
cause-no-text = what it holds is no text
cause-vault-damaged = the file of its key is damaged; restore the folder from a backup
cause-no-cipher = this build of Twiza cannot encrypt it
cause-store-closed = this account cannot open its file; is it there, or does it belong to another account?
cause-locked = another program holds it
cause-store-damaged = its file is damaged; restore the folder from a backup
contradiction-gap = frames are missing or out of order
contradiction-receipt = it does not show what it gave a receipt for
contradiction-after-end = frames follow the end of a mailbox
contradiction-lost = it has lost frames that it had shown before
contradiction-signed = it shows other frames than it signs
contradiction-empty = an empty page that is not the last
contradiction-history = it signs another history than it shows
