-- Nothing: SQLite writes a mailbox's row for many frames together, because each is a page of its own there; PostgreSQL writes
-- them with each batch, in which several nodes' rows are compared and set.
select 1;
