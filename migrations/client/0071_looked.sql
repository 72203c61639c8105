-- When a past mailbox was last looked at, in seconds since the Unix epoch: all take turns.
alter table kept_mailbox add column looked integer not null default 0;
