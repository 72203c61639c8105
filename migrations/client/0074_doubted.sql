-- When somebody's other view of the past last made this client look at all past mailboxes, in seconds since the Unix epoch:
-- whoever tells such views without end does not make it look without end.
alter table alliance add column doubted_at integer not null default 0;
