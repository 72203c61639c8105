-- The mailboxes of a batch, which of its frames are there already, and what is on the relay: all of one moment.
--
-- Why laterally: row by row through the unique indexes, whatever the planner believes of tables that were empty when it
-- looked.
select asked.nth, mailbox.*, frame.*, (select sum(frame_bytes)::bigint from total) as relay_bytes
from unnest($1::bytea[], $2::bytea[]) with ordinality as asked (address, digest, nth)
cross join lateral (
    select slot, last_sequence, chain, closed, frame_bytes, expires_day
    from mailbox where address = asked.address and expires_day >= $3 offset 0
) as mailbox
left join lateral (
    select id as known_id, chain as known_chain, closing as known_closing
    from frame where id >> 24 = mailbox.slot and digest = asked.digest offset 0
) as frame on true
