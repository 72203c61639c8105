-- Ends of past epochs that were shown instead of the one that was followed, once they were told of.
create table told_rival (
    mailbox integer not null references kept_mailbox (id) on delete cascade,
    digest blob not null check (length(digest) = 32),
    primary key (mailbox, digest)
) strict, without rowid;

alter table kept_mailbox drop column rival;

-- Own frames of the present epoch that were given up before they were read back. One that arrives late all the same is no sign
-- that another copy of this profile is in use.
create table own_frame (
    alliance integer not null references alliance (id) on delete cascade,
    digest blob not null check (length(digest) = 32),
    primary key (alliance, digest)
) strict, without rowid;
