-- Approvals that were read before their motion: after a rollback each member says its own again, in any order. Kept for as
-- long as a motion is good; of one member so many and no more.
create table early_approval (
    alliance integer not null references alliance (id) on delete cascade,
    motion_id blob not null check (length(motion_id) = 16),
    identity blob not null check (length(identity) = 32),
    signature blob not null check (length(signature) = 64),
    day integer not null,
    primary key (alliance, motion_id, identity)
) strict, without rowid;
