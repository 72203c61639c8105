-- How each mailbox ended that one has left in this life: what members say to each other vouches for that, so that a relay
-- which showed them two pasts is found out later, too.
create table mailbox_end (
    alliance integer not null references alliance (id) on delete cascade,
    epoch integer not null,
    branch integer not null,
    chain blob not null check (length(chain) = 32),
    primary key (alliance, epoch, branch)
) strict, without rowid;

-- The epoch in which one spoke last: one has vouched for everything before it.
alter table alliance add column vouched integer not null default 0;
