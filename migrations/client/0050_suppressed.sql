-- How often in a row the relay answered one's own rotation with "closed", while no rotation of one's own was read back.
-- Losing a race now and then is normal; never winning one is what a relay looks like that keeps somebody's keys old.
create table suppressed (
    alliance integer primary key references alliance (id) on delete cascade,
    times integer not null check (times > 0)
) strict;
