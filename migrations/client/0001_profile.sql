-- A profile's store. It lives under SQLCipher: nothing in it is readable without the key in the vault file.

-- One row: who this profile is.
create table profile (
    id integer primary key check (id = 1),
    identity_seed blob not null check (length(identity_seed) = 32),
    name text not null,
    organisation text not null
) strict;

-- One row an alliance, from the moment of asking to join. The cursor and the running hash say how far this client has
-- read in the mailbox of (epoch, branch); they change in the same transaction as everything that was read.
create table alliance (
    id integer primary key,
    alliance_id blob check (length(alliance_id) = 32),
    name text,
    status text not null check (status in ('joining', 'active', 'left', 'removed', 'declined', 'used', 'stuck', 'lost')),
    relay text not null,
    epoch integer not null default 0,
    branch integer not null default 0,
    cursor integer not null default 0,
    chain blob,
    -- Counts every change, so that a group in memory is known to be stale.
    version integer not null default 0,
    -- Seconds since the Unix epoch of the last rotation of one's own keys.
    rotated_at integer not null default 0,
    -- Day of the last repeated open.
    opened_on integer not null default 0,
    -- Whether the relay has shown the present mailbox. One that was there and is not any more must not be opened again
    -- in silence: others may have gone on meanwhile, and whoever was removed since still has its key.
    seen integer not null default 0,
    -- The link, while joining; wiped afterwards.
    invitation text
) strict;

-- Whoever left or was removed and is let in again has a row for each time; one of them at most is alive.
create unique index alliance_alive on alliance (alliance_id) where status = 'active';

-- The private state of each group, as OpenMLS keeps it.
create table group_entry (
    alliance integer not null references alliance (id) on delete cascade,
    key blob not null,
    value blob not null,
    primary key (alliance, key)
) strict, without rowid;

-- What was read: texts of people, and events that commits brought.
create table history (
    id integer primary key autoincrement,
    alliance integer not null references alliance (id) on delete cascade,
    epoch integer not null,
    branch integer not null,
    sequence integer not null,
    kind text not null check (kind in ('text', 'event')),
    sender blob,
    sender_name text,
    sender_organisation text,
    sent integer,
    body text not null,
    own integer not null default 0,
    unread integer not null default 1
) strict;

create unique index history_place on history (alliance, epoch, branch, sequence, kind) where kind = 'text';

-- The running hash at each place of the current mailbox, to hold against the views that messages carry.
create table transcript (
    alliance integer not null references alliance (id) on delete cascade,
    sequence integer not null,
    chain blob not null,
    primary key (alliance, sequence)
) strict, without rowid;

-- Parts of payloads whose other parts have not come yet.
create table part (
    alliance integer not null references alliance (id) on delete cascade,
    sequence integer not null,
    digest blob not null check (length(digest) = 32),
    frame blob not null,
    primary key (alliance, sequence)
) strict;

create unique index part_digest on part (alliance, digest);

-- What somebody wants: kept until it has happened, or cannot happen any more. Ciphertexts are made from it as often
-- as needed.
create table intent (
    id integer primary key autoincrement,
    alliance integer not null references alliance (id) on delete cascade,
    body text not null,
    state text not null default 'queued' check (state in ('queued', 'sealed', 'done', 'failed')),
    failure text,
    welcome blob
) strict;

-- Frames that are sealed for one mailbox and stay the same bytes until the relay's receipt or a lost race.
create table posting (
    id integer primary key autoincrement,
    alliance integer not null references alliance (id) on delete cascade,
    intent integer references intent (id) on delete cascade,
    mailbox_seed blob not null,
    frame blob not null,
    digest blob not null,
    closing integer not null,
    acknowledged integer not null default 0
) strict;

create index posting_digest on posting (alliance, digest);

-- Invitations that this profile has given.
create table invitation (
    id integer primary key autoincrement,
    alliance integer not null references alliance (id) on delete cascade,
    link text not null,
    role integer not null,
    expires integer not null,
    status text not null default 'open' check (status in ('open', 'requested', 'admitted', 'declined', 'expired')),
    request blob
) strict;
