-- What a commit costs is the pages that it touches. A frame touches its own only: its mailbox's row and the digests
-- are written for many frames together, and the rest is read from the frames (`server/src/store/sqlite/hot.rs`).

-- Why: an entry for each frame at once was a page for each frame at once.
drop index frame_by_digest;
alter table frame drop column slot;

-- The frames of a mailbox up to its row's last_sequence, by the first octets of their digests. Those after it, its
-- tail, are few.
create table known (
    slot integer not null,
    digest_start blob not null,
    sequence integer not null,
    primary key (slot, digest_start, sequence)
) strict, without rowid;

insert into known select id >> 24, substr(digest, 1, 8), id & 16777215 from frame;

-- Why: a start need not count what is there, and knows it all the same after a crash.
create table total (
    mailboxes integer not null,
    frame_bytes integer not null
) strict;

insert into total select count(*), coalesce(sum(frame_bytes), 0) from mailbox;
