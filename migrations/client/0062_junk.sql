-- Octets of frames that were read of a recovery mailbox: whoever fills it with junk costs its owner so many and no more.
alter table recovery_mailbox add column octets integer not null default 0;
