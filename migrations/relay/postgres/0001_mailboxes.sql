-- Mailboxes and their frames: all that a relay knows. The twin of sqlite/0001_mailboxes.sql, for any number of relay
-- nodes on one database.
--
-- Why there is one row: nodes that share a database sign with one key, or clients would take them for liars.
create table relay (
    single boolean primary key default true check (single),
    public_key bytea not null
);

-- Why slots are random: as in the twin. PostgreSQL, unlike SQLite, keeps rows in the order in which they came, so what
-- a seizure shows of that is told in docs/scaling.md.
--
-- Why there is room in the pages: a mailbox's row changes with every append, and then stays in its page.
create table mailbox (
    slot bigint primary key,
    address bytea not null unique,
    last_sequence bigint not null,
    chain bytea not null,
    closed boolean not null,
    frame_bytes bigint not null,
    -- Days since the Unix epoch. No finer time is stored anywhere.
    expires_day bigint not null
) with (fillfactor = 60);

create index mailbox_by_expiry on mailbox (expires_day);

-- Why the key is slot * 2^24 + sequence: as in the twin, the frames of one mailbox are one range of one index.
create table frame (
    id bigint primary key,
    digest bytea not null,
    chain bytea not null,
    closing boolean not null,
    octets bytea not null
);

-- Why: what is encrypted cannot be compressed.
alter table frame alter column octets set storage external;

-- Why: a repeated append is recognised by its digest, and answered with the first place.
create unique index frame_by_digest on frame ((id >> 24), digest);

-- Slots of mailboxes that are gone, whose frames are still to be deleted. Why: deleting many frames takes a while, and
-- a mailbox has to be gone at once and whole.
create table departed (
    slot bigint primary key
);

-- What is on the relay, in parts that are to be added up. Why in parts: nodes that write at the same time would wait for
-- each other at a single row.
create table total (
    part smallint primary key,
    mailboxes bigint not null,
    frame_bytes bigint not null
) with (fillfactor = 10);

insert into total (part, mailboxes, frame_bytes) select part, 0, 0 from generate_series(0, 63) as part;
