-- Mailboxes that have expired are gone at once. Nodes that sweep at the same time share the work.
with expired as (
    select slot from mailbox where expires_day < $1 limit $2 for update skip locked
), gone as (
    delete from mailbox using expired where mailbox.slot = expired.slot
    returning mailbox.slot, mailbox.frame_bytes
), departing as (
    insert into departed (slot) select slot from gone
), counted as (
    update total
    set mailboxes = mailboxes - (select count(*) from gone),
        frame_bytes = frame_bytes - (select sum(frame_bytes)::bigint from gone)
    where part = $3 and exists (select from gone)
)
select count(*) from gone
