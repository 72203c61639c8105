-- The last day on which the relay must still have a mailbox, by its own word: one that it does not know then, it has lost. Who
-- reads a mailbox late does not know when it was used last, and it may expire long before `expires`.
alter table kept_mailbox add column certain integer not null default 0;
