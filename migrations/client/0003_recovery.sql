-- Coming back to an alliance whose keys are lost, and founding one anew that cannot go on.

-- Counts how often one has entered the alliance: epochs of one life say nothing of the order in another.
alter table alliance add column life integer not null default 0;
-- Seconds since the Unix epoch of the last look into one's own recovery mailboxes.
alter table alliance add column recovery_read_at integer not null default 0;

alter table history add column life integer not null default 0;
-- The message's own number: what its writer sends again after it came back is the same message.
alter table history add column message blob;

drop index history_place;
create unique index history_place on history (alliance, life, epoch, branch, sequence, kind) where kind = 'text';
create index history_message on history (alliance, message) where message is not null;

-- One's own recovery mailboxes: that of the present leaf, and those of earlier leaves until nobody writes there any more.
create table recovery_mailbox (
    alliance integer not null references alliance (id) on delete cascade,
    key blob not null check (length(key) = 64),
    cursor integer not null default 0,
    -- Closed or full: it takes nothing any more.
    spoiled integer not null default 0,
    -- The day since which no leaf of one's own names it.
    retired_on integer,
    primary key (alliance, key)
) strict, without rowid;

-- Sealed frames for others' recovery mailboxes, which wait for the relay's receipt.
create table recovery_posting (
    id integer primary key autoincrement,
    alliance integer not null references alliance (id) on delete cascade,
    mailbox_seed blob not null check (length(mailbox_seed) = 32),
    frame blob not null
) strict;

-- One row while one's place is lost: what is known of the alliance, and how far asking to come back has come.
create table rejoin (
    alliance integer primary key references alliance (id) on delete cascade,
    bearings blob not null,
    -- The call of an organiser that is answered, where the alliance was rebooted.
    call blob,
    rounds integer not null default 0,
    asked_at integer not null default 0,
    -- The signed request of the present round, the mailbox that it names, and the private keys behind it.
    request blob,
    mailbox blob
) strict;

create table rejoin_entry (
    alliance integer not null references alliance (id) on delete cascade,
    key blob not null,
    value blob not null,
    primary key (alliance, key)
) strict, without rowid;

-- Keys of leaves that were let in again: no request is answered twice.
create table spent_leaf (
    alliance integer not null references alliance (id) on delete cascade,
    leaf_key blob not null,
    identity blob not null check (length(identity) = 32),
    day integer not null,
    primary key (alliance, leaf_key)
) strict, without rowid;

-- The last reboot: who made it, and what the alliance was before. Its author lets in whoever was there.
create table reboot (
    alliance integer primary key references alliance (id) on delete cascade,
    generation integer not null,
    caller blob not null check (length(caller) = 32),
    origin blob not null,
    without blob not null,
    rounds integer not null default 0,
    called_at integer not null default 0
) strict;

-- Whose invalid commits have spoiled branches of the present epoch.
create table culprit (
    alliance integer not null references alliance (id) on delete cascade,
    epoch integer not null,
    identity blob not null check (length(identity) = 32),
    primary key (alliance, epoch, identity)
) strict, without rowid;

-- Who has come back after a reboot: whoever is removed later does not come back by the old call.
create table reboot_arrival (
    alliance integer not null references alliance (id) on delete cascade,
    generation integer not null,
    identity blob not null check (length(identity) = 32),
    primary key (alliance, generation, identity)
) strict, without rowid;
