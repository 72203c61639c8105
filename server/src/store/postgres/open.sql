-- Opens mailboxes: known ones get a later expiry, expired ones start empty in another slot, new ones are added while
-- there is room. Outcome: 0 known, 1 new, 2 no room, 3 raced with another node, to be asked again.
--
-- Why rows are locked first, and all in the order of addresses: see append_write.sql.
with asked as (
    select * from unnest($1::bytea[], $2::bigint[], $3::bytea[]) with ordinality as asked (address, slot, chain, nth)
), locked as (
    select address, slot, last_sequence, chain, closed, frame_bytes, expires_day
    from mailbox where address = any($1) order by address for update
), room as (
    select $6 - sum(mailboxes)::bigint as places from total
), renewed as (
    update mailbox
    set slot = asked.slot, last_sequence = 0, chain = asked.chain, closed = false, frame_bytes = 0, expires_day = $5
    from asked join locked using (address)
    where mailbox.address = locked.address and locked.expires_day < $4
    returning mailbox.address, locked.slot, locked.frame_bytes
), departing as (
    insert into departed (slot) select slot from renewed
), extended as (
    update mailbox set expires_day = $5
    from locked
    where mailbox.address = locked.address and locked.expires_day >= $4 and locked.expires_day < $5
), fresh as (
    select asked.*, row_number() over (order by nth) as place
    from asked
    where not exists (select from locked where locked.address = asked.address)
        and not exists (select from departed where departed.slot = asked.slot)
), added as (
    insert into mailbox (slot, address, last_sequence, chain, closed, frame_bytes, expires_day)
    select slot, address, 0, chain, false, 0, $5 from fresh, room where place <= places order by address
    on conflict do nothing
    returning address
), counted as (
    update total
    set mailboxes = mailboxes + (select count(*) from added),
        frame_bytes = frame_bytes - (select coalesce(sum(frame_bytes), 0)::bigint from renewed)
    where part = $7 and (exists (select from added) or exists (select from renewed))
)
select case
        when locked.expires_day >= $4 then 0
        when locked.address is not null or added.address is not null then 1
        when place > places then 2
        else 3
    end as outcome,
    locked.last_sequence, locked.chain, locked.closed, greatest(locked.expires_day, $5) as expires_day
from asked
cross join room
left join locked on locked.address = asked.address
left join added on added.address = asked.address
left join fresh on fresh.address = asked.address
order by asked.nth
