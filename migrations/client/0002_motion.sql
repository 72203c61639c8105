-- Motions that were read, and one's own, until they are enacted or cannot be any more. A motion says by itself what it
-- changes; an approval is a signature that any member's client can put into the commit.
create table motion (
    id integer primary key autoincrement,
    alliance integer not null references alliance (id) on delete cascade,
    motion_id blob not null check (length(motion_id) = 16),
    motion blob not null,
    proposer blob not null check (length(proposer) = 32),
    proposer_name text not null,
    proposer_organisation text not null,
    state text not null default 'open' check (state in ('open', 'withdrawn', 'enacted', 'void'))
) strict;

create unique index motion_by_id on motion (alliance, motion_id);

create table approval (
    motion integer not null references motion (id) on delete cascade,
    identity blob not null check (length(identity) = 32),
    signature blob not null check (length(signature) = 64),
    primary key (motion, identity)
) strict, without rowid;

-- What succession needs to know, by this client's own clock and nobody else's: the day on which anything of an organiser
-- was last read, and the day on which the claim that stands was first seen.
create table succession (
    alliance integer primary key references alliance (id) on delete cascade,
    heard_on integer not null,
    claim blob check (length(claim) = 16),
    claimed_on integer not null default 0
) strict;
